"""From image arrays to batches on the device, whole batches at a time."""

import copy
from contextlib import closing
from typing import NamedTuple

import numpy as np
import torch

from sklearn_cnn.images import ImageLayout, read_ahead
from sklearn_cnn.utils._dtypes import exact_in_float32

#: Most values that are prepared at once, for several small batches together.
_PREPARED_VALUES = 1 << 17

_MEMORY_FORMATS = {2: torch.channels_last, 3: torch.channels_last_3d}


class Preparation:
    """Turn rows of a numpy array into a tensor that a network takes.

    Rows are moved to the device as they are, and only there become floats, are
    standardised and get their channels first. Integers and floats wider than float32
    are standardised in float64, so that nothing is lost before the mean is subtracted.

    Parameters
    ----------
    layout : sklearn_cnn.images.ImageLayout
        What a row holds.
    mean, scale : ndarray of shape (n_channels,) or None
        Subtracted from, and then divided into, every pixel; None leaves pixels alone.
    dtype : torch.dtype
        Of the result.
    device : str
        Where the result is.
    """

    def __init__(self, layout, mean, scale, dtype, device):
        self.layout = layout
        self.mean = mean
        self.scale = scale
        self.dtype = dtype
        self.device = device
        self._statistics = {}

    def __getstate__(self):
        return {**vars(self), "_statistics": {}}

    def __call__(self, rows):
        """Prepare some rows.

        Parameters
        ----------
        rows : ndarray of shape (n_samples, ...)
            Freshly allocated: it may be overwritten.

        Returns
        -------
        batch : torch.Tensor of shape (n_samples, n_channels, *spatial_shape)
        """
        return self.standardize(self.load(rows))

    def load(self, rows):
        """Move rows to the device, with the values that they have.

        Parameters
        ----------
        rows : ndarray of shape (n_samples, ...)
            Freshly allocated.

        Returns
        -------
        batch : torch.Tensor of shape (n_samples, n_channels, *spatial_shape)
            Of the same dtype, or float64 where float32 would lose digits.
        """
        wide = not exact_in_float32(rows.dtype)
        if wide:
            rows = rows.astype(np.float64, copy=False)
        batch = torch.from_numpy(self.layout.as_samples(rows))
        if torch.device(self.device).type == "cuda":
            batch = batch.pin_memory()  # only from there is a copy non-blocking
        # float64 stays on the CPU until it is scaled: not every device has it
        batch = batch if wide else batch.to(self.device, non_blocking=True)
        return batch if self.layout.channels_first else batch.movedim(-1, 1)

    def standardize(self, batch):
        """Standardise a batch, and give it the dtype and memory format of the network.

        Parameters
        ----------
        batch : torch.Tensor of shape (n_samples, n_channels, *spatial_shape)
            Given by ``load``: it may be overwritten.

        Returns
        -------
        batch : torch.Tensor of the same shape
            As the network takes it.
        """
        wide = batch.dtype == torch.float64
        batch = batch.to(torch.float64 if wide else self.dtype)
        if self.mean is not None:
            mean, factor = self._statistics_like(batch)
            batch = batch.sub_(mean).mul_(factor)
        memory_format = _MEMORY_FORMATS.get(batch.ndim - 2, torch.contiguous_format)
        return batch.to(self.device, self.dtype).contiguous(memory_format=memory_format)

    def blank(self, n):
        """Give some samples of zeros, as the network takes them.

        Parameters
        ----------
        n : int
            How many.

        Returns
        -------
        batch : torch.Tensor of shape (n, n_channels, *spatial_shape)
        """
        shape = (n, self.layout.n_channels, *self.layout.spatial_shape)
        return torch.zeros(shape, dtype=self.dtype)

    def of_features(self, features):
        """Make the like for vectors that need no preparation.

        Parameters
        ----------
        features : ndarray of shape (n_samples, n_features)
            What the head takes.

        Returns
        -------
        prepare : Preparation
        """
        layout = ImageLayout((), features.shape[1])
        return Preparation(layout, None, None, self.dtype, self.device)

    def _statistics_like(self, batch):
        key = (batch.dtype, batch.device)
        if key not in self._statistics:
            shape = (1, -1, *[1] * (batch.ndim - 2))
            self._statistics[key] = tuple(
                torch.tensor(values).to(batch).reshape(shape)
                for values in (self.mean, 1 / self.scale)
            )
        return self._statistics[key]


def placed(module, prepare):
    """Bring a network to where and how its input is prepared.

    Parameters
    ----------
    module : torch.nn.Module
        The network; changed in place.
    prepare : Preparation
        Makes its input.

    Returns
    -------
    module : torch.nn.Module
        Of its dtype, on its device and in the memory format that is fastest.
    """
    n_dims = len(prepare.layout.spatial_shape)
    memory_format = _MEMORY_FORMATS.get(n_dims, torch.contiguous_format)
    return module.to(prepare.device, prepare.dtype).to(memory_format=memory_format)


class Batch(NamedTuple):
    """Some rows, ready for a training step.

    Where samples are mixed, each has a second target. Its losses for both are weighted
    and added.
    """

    images: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor | None
    partner_targets: torch.Tensor | None = None
    partner_weights: torch.Tensor | None = None

    def mixed(self, mixing):
        """Give samples the targets of those that were mixed into them.

        Parameters
        ----------
        mixing : sklearn_cnn.augmentation.Mixing or None
            Which ones, and how much each sample is still its own.

        Returns
        -------
        batch : Batch
        """
        if mixing is None:
            return self
        partners, shares = (part.to(self.targets.device) for part in mixing)
        weights = torch.ones_like(shares) if self.weights is None else self.weights
        return self._replace(
            weights=weights * shares,
            partner_targets=self.targets[partners],
            partner_weights=weights[partners] * (1 - shares),
        )

    def split(self, sizes):
        """Cut the batch into smaller ones.

        Parameters
        ----------
        sizes : list of int
            Their numbers of samples.

        Returns
        -------
        pieces : list of Batch
        """
        absent = [None] * len(sizes)
        parts = (absent if part is None else part.split(sizes) for part in self)
        return [Batch(*part) for part in zip(*parts, strict=True)]


class Batches:
    """Iterate over rows of an array in batches, once per epoch.

    An epoch has ``ceil(n_rows / batch_size)`` batches of as equal size as possible, so
    that no small rest distorts a step or leaves batch normalisation a single sample.

    Parameters
    ----------
    images : array-like of shape (n_samples, ...)
        Never copied as a whole.
    rows : ndarray of int
        Which samples belong to this set.
    prepare : Preparation
        Makes tensors of the samples.
    targets : ndarray of shape (n_samples, ...)
        What to predict.
    weights : ndarray of shape (n_samples,) or None
        How much each sample counts in the loss.
    batch_size : int
        Largest number of samples in a batch.
    shuffle : numpy.random.Generator or None
        Draws a new order for every epoch; None keeps the order of ``rows``.
    augment : sklearn_cnn.training.Augmenter or None
        Changes images before they are standardised.
    """

    def __init__(
        self,
        images,
        rows,
        prepare,
        targets,
        weights,
        *,
        batch_size,
        shuffle=None,
        augment=None,
    ):
        self.images = images
        self.rows = rows
        self.prepare = prepare
        self.targets = self._tensor(targets)
        self.weights = None if weights is None else self._tensor(weights)
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.augment = augment

    def __len__(self):
        """Count the rows."""
        return len(self.rows)

    @property
    def n_batches(self):
        """Number of batches in an epoch."""
        return -(-len(self.rows) // self.batch_size)

    def __iter__(self):
        """Give the batches of one epoch."""
        rows = (
            self.rows if self.shuffle is None else self.shuffle.permutation(self.rows)
        )
        batches = np.array_split(rows, self.n_batches)
        size = self.prepare.layout.n_features * len(batches[0])
        n_together = max(1, _PREPARED_VALUES // size)
        starts = range(0, len(batches), n_together)
        groups = [batches[start : start + n_together] for start in starts]
        chosen = [np.concatenate(group) for group in groups]
        with closing(read_ahead(self.images, chosen)) as parts:
            for group, index, taken in zip(groups, chosen, parts, strict=True):
                sizes = [len(rows) for rows in group]
                yield from self._batch(index, taken).split(sizes)

    def replaced(self, images, prepare):
        """Take other images in the place of these rows.

        Parameters
        ----------
        images : ndarray of shape (n_rows, ...)
            One for each row, in their order.
        prepare : Preparation
            Makes tensors of them.

        Returns
        -------
        batches : Batches
        """
        batches = copy.copy(self)
        batches.images, batches.prepare = images, prepare
        batches.rows = np.arange(len(self.rows))
        index = torch.from_numpy(self.rows)
        batches.targets = self.targets[index]
        batches.weights = None if self.weights is None else self.weights[index]
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
        if self.weights is None:
            return Batch(images, targets, None).mixed(mixing)
        weights = self.weights[index].to(images.device, non_blocking=True)
        return Batch(images, targets, weights).mixed(mixing)
