"""From image arrays to batches on the device, whole batches at a time."""

import copy
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch

from sklearn_cnn.images import take_rows
from sklearn_cnn.inference import free_memory, loaded_ahead
from sklearn_cnn.utils._dtypes import exact_in_float32

#: Most values that are prepared at once, for several small batches together: what the
#: cache of a CPU holds, and what keeps a GPU busy.
_PREPARED_VALUES, _PREPARED_VALUES_THERE = 1 << 17, 1 << 22
#: Share of the free memory of a GPU that images may take for a whole training.
RESIDENT_SHARE = 0.5
#: Bytes of them that are moved there at once.
_MOVED_BYTES = 1 << 24


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


class Share(NamedTuple):
    """Some consecutive parts of each batch, of all that it is cut into."""

    n_parts: int
    own: slice

    def of(self, order, sizes):
        """Give the rows of an order that is cut into batches, and their sizes."""
        batches = np.split(order, np.cumsum(sizes)[:-1])
        parts = (np.array_split(batch, self.n_parts)[self.own] for batch in batches)
        shares = [np.concatenate(part) for part in parts]
        return np.concatenate(shares), [len(share) for share in shares]


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
        #: What is given of each batch; None is all of it.
        self.share = None
        #: All of it on the device, once an epoch has begun there.
        self._resident, self._too_large = None, False

    def __len__(self):
        """Count the rows."""
        return len(self.rows)

    @property
    def n_batches(self):
        """Number of batches in an epoch."""
        return len(self.sizes)

    def __iter__(self):
        """Give the batches of one epoch."""
        n = len(self.rows)
        order = np.arange(n) if self.shuffle is None else self.shuffle.permutation(n)
        on_cpu = torch.device(self.prepare.device).type == "cpu"
        most = _PREPARED_VALUES if on_cpu else _PREPARED_VALUES_THERE
        sizes = self.sizes
        if self.share is not None:
            order, sizes = self.share.of(order, sizes)
        n_together = max(1, most // (self.prepare.layout.n_features * sizes[0]))
        starts = range(0, self.n_batches, n_together)
        groups = [sizes[start : start + n_together] for start in starts]
        ends = np.cumsum([sum(group) for group in groups])
        with closing(self._loaded(order, ends[:-1])) as parts:
            for group, part in zip(groups, parts, strict=True):
                yield from self._batch(part).split(group)

    def _loaded(self, order, ends):
        """Give loaded images, targets and weights, in this order, cut at these ends."""
        resident = self._on_device()
        if resident is not None:
            order = self.prepare.on_device(torch.from_numpy(order))
            for index in order.tensor_split(ends.tolist()):
                images, *others = (t if t is None else t[index] for t in resident)
                yield Batch(self.prepare.arranged(images), *others)
            return
        chosen = np.split(self.rows[order], ends)
        with closing(loaded_ahead(self.prepare, self.images, chosen)) as parts:
            for rows, images in zip(chosen, parts, strict=True):
                yield Batch(images, *self._targets_of(rows))

    def _targets_of(self, rows):
        index, weight = torch.from_numpy(rows), self.sample_weight
        parts = self.targets[index], None if weight is None else weight[index]
        return [p if p is None else self.prepare.on_device(p) for p in parts]

    # --- on a GPU ---------------------------------------------------------------

    def _on_device(self):
        """Give images, targets and weights of all rows on the device, if they fit."""
        if self._resident is None and self._may_be_resident():
            try:
                images = self._moved_images()
            except torch.OutOfMemoryError:  # another process was faster
                self._too_large = True
            else:
                self._resident = Batch(images, *self._targets_of(self.rows))
        return self._resident

    def _may_be_resident(self):
        images, prepare = self.images, self.prepare
        if self._too_large or not isinstance(images, np.ndarray):
            return False
        wide = not exact_in_float32(images.dtype)
        size = 8 if wide else images.dtype.itemsize
        n_bytes = len(self.rows) * prepare.layout.n_features * size
        fits = n_bytes <= RESIDENT_SHARE * free_memory(prepare.device)
        self._too_large = not fits or (wide and not prepare.has_float64)
        return not self._too_large

    def _moved_images(self):
        length = max(1, _MOVED_BYTES // self.images[:1].nbytes)
        starts, moved = range(0, len(self.rows), length), None
        for start in starts:
            rows = self.rows[start : start + length]
            part = self.prepare.upload(take_rows(self.images, rows))
            if moved is None:
                moved = part.new_empty((len(self.rows), *part.shape[1:]))
            moved[start : start + length] = part
        return moved

    def leave_device(self):
        """Give back what all epochs together had on the device."""
        self._resident = None

    def of_features(self, predictor, processes=None):
        """Make the like of what goes into the head, which is computed once.

        If there are several ``processes``, each computes some of it.
        """
        compute = partial(predictor.features, self.images)
        if processes is None:
            features = compute(self.rows)
        else:
            features = processes.over_rows(compute, self.rows)
        batches = copy.copy(self)
        batches.leave_device()
        batches.images = features
        batches.prepare = self.prepare.of_features(features)
        batches.rows = np.arange(len(self.rows))
        index = torch.from_numpy(self.rows)
        batches.targets = self.targets[index]
        if self.sample_weight is not None:
            batches.sample_weight = self.sample_weight[index]
        return batches

    def part(self, share):
        """Make the like of a share of the rows, with random numbers of its own.

        Its batches have the same size.
        """
        n = max(1, round(share * len(self.rows)))
        other = self.of_rows(self.rows[np.arange(n) * len(self.rows) // n])
        if self.shuffle is not None:
            other.shuffle = np.random.default_rng(0)
        if self.augment is not None:
            other.augment = self.augment.another()
        return other

    def of_rows(self, rows):
        """Make the like of it for other rows."""
        other = copy.copy(self)
        other.rows, other.sizes = rows, batch_sizes(len(rows), self.sizes[0])
        other._resident = None
        return other

    def _tensor(self, values):
        tensor = torch.from_numpy(values)
        return tensor.to(self.prepare.dtype) if tensor.is_floating_point() else tensor

    def _batch(self, loaded):
        images, mixing = loaded.images, None
        if self.augment is not None:
            images, mixing = self.augment(images)
        images = self.prepare.standardize(images)
        return loaded._replace(images=images).mixed(mixing)


@dataclass(frozen=True)
class HeldOut:
    """Validation samples, and how the outputs for them are scored."""

    batches: Batches
    score: Any

    def of_features(self, predictor, processes=None):
        """Make the like of what goes into the head, as batches have it."""
        return replace(self, batches=self.batches.of_features(predictor, processes))

    @property
    def total_weight(self):
        """Sum of the weights of all samples."""
        weight, rows = self.batches.sample_weight, self.batches.rows
        return len(rows) if weight is None else weight[rows].sum().item()
