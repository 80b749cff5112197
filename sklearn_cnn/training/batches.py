"""From image arrays to batches on the device, whole batches at a time."""

import copy
from contextlib import closing
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from sklearn_cnn.images import read_ahead

#: Most values that are prepared at once, for several small batches together.
_PREPARED_VALUES = 1 << 17


def equal_sizes(total, n):
    """Divide a number into n parts as equal as possible, the larger ones first."""
    small, rest = divmod(total, n)
    return [small + (i < rest) for i in range(n)]


def batch_sizes(n_samples, batch_size):
    """Give the sizes of the batches of an epoch: as few as possible, and equal.

    So no small rest distorts a step or leaves batch normalisation a single sample.
    """
    return equal_sizes(n_samples, -(-n_samples // batch_size))


class Batch(NamedTuple):
    """Some rows, ready for a training step.

    Where samples are mixed, each has a second target. Its losses for both are weighted
    and added.
    """

    images: torch.Tensor
    targets: torch.Tensor
    sample_weight: torch.Tensor | None
    partner_targets: torch.Tensor | None = None
    partner_weight: torch.Tensor | None = None

    def mixed(self, mixing):
        """Give samples the targets of those that were mixed into them.

        ``mixing`` is None or a :class:`sklearn_cnn.augmentation.Mixing`: which ones,
        and how much each sample is still its own.
        """
        if mixing is None:
            return self
        partners, shares = (part.to(self.targets.device) for part in mixing)
        weight = self.sample_weight
        weight = torch.ones_like(shares) if weight is None else weight
        return self._replace(
            sample_weight=weight * shares,
            partner_targets=self.targets[partners],
            partner_weight=weight[partners] * (1 - shares),
        )

    def split(self, sizes):
        """Cut the batch into smaller ones of these sizes."""
        absent = [None] * len(sizes)
        parts = (absent if part is None else part.split(sizes) for part in self)
        return [Batch(*part) for part in zip(*parts, strict=True)]


class Batches:
    """Iterate over rows of an array in batches of equal size, once per epoch.

    Parameters
    ----------
    images : array-like of shape (n_samples, ...)
        Never copied as a whole.
    rows : ndarray of int
        Which samples belong to this set.
    prepare : sklearn_cnn.inference.Preparation
        Makes tensors of the samples.
    targets : ndarray of shape (n_samples, ...)
        What to predict.
    sample_weight : ndarray of shape (n_samples,) or None
        How much each sample counts in the loss.
    batch_size : int
        Largest number of samples in a batch.
    shuffle : numpy.random.Generator or None
        Draws a new order for every epoch; None keeps the order of ``rows``.
    augment : Augmenter or None
        Changes images before they are standardised.
    """

    def __init__(
        self,
        images,
        rows,
        prepare,
        targets,
        sample_weight,
        *,
        batch_size,
        shuffle=None,
        augment=None,
    ):
        self.images = images
        self.rows = rows
        self.prepare = prepare
        self.targets = self._tensor(targets)
        given = sample_weight is not None
        self.sample_weight = self._tensor(sample_weight) if given else None
        self.sizes = batch_sizes(len(rows), batch_size)
        self.shuffle = shuffle
        self.augment = augment

    def __len__(self):
        """Count the rows."""
        return len(self.rows)

    @property
    def n_batches(self):
        """Number of batches in an epoch."""
        return len(self.sizes)

    def __iter__(self):
        """Give the batches of one epoch."""
        rows = (
            self.rows if self.shuffle is None else self.shuffle.permutation(self.rows)
        )
        size = self.prepare.layout.n_features * self.sizes[0]
        n_together = max(1, _PREPARED_VALUES // size)
        starts = range(0, self.n_batches, n_together)
        groups = [self.sizes[start : start + n_together] for start in starts]
        ends = np.cumsum([sum(group) for group in groups])
        chosen = np.split(rows, ends[:-1])
        with closing(read_ahead(self.images, chosen)) as parts:
            for group, index, taken in zip(groups, chosen, parts, strict=True):
                yield from self._batch(index, taken).split(group)

    def of_features(self, predictor):
        """Make the like of what goes into the head, which is computed once."""
        features = predictor.features(self.images, self.rows)
        batches = copy.copy(self)
        batches.images = features
        batches.prepare = self.prepare.of_features(features)
        batches.rows = np.arange(len(self.rows))
        index = torch.from_numpy(self.rows)
        batches.targets = self.targets[index]
        if self.sample_weight is not None:
            batches.sample_weight = self.sample_weight[index]
        return batches

    def _tensor(self, values):
        tensor = torch.from_numpy(values)
        return tensor.to(self.prepare.dtype) if tensor.is_floating_point() else tensor

    def _batch(self, chosen, taken):
        loaded, mixing = self.prepare.load(taken), None
        if self.augment is not None:
            loaded, mixing = self.augment(loaded)
        images = self.prepare.standardize(loaded)
        index = torch.from_numpy(chosen)
        targets = self.targets[index].to(images.device, non_blocking=True)
        weight = self.sample_weight
        if weight is not None:
            weight = weight[index].to(images.device, non_blocking=True)
        return Batch(images, targets, weight).mixed(mixing)


@dataclass(frozen=True)
class HeldOut:
    """Validation samples, and how the outputs for them are scored."""

    batches: Batches
    score: Any

    @property
    def total_weight(self):
        """Sum of the weights of all samples."""
        weight, rows = self.batches.sample_weight, self.batches.rows
        return len(rows) if weight is None else weight[rows].sum().item()
