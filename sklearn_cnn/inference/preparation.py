"""From rows of an image array to what a network takes."""

import numpy as np
import torch

from sklearn_cnn.images import ImageLayout
from sklearn_cnn.inference.precision import device_here, dtype_of
from sklearn_cnn.utils._dtypes import exact_in_float32
from sklearn_cnn.utils._plain_state import PlainState

_MEMORY_FORMATS = {2: torch.channels_last, 3: torch.channels_last_3d}


class Preparation(PlainState):
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

    def _whole_state(self):
        return {**vars(self), "_statistics": {}}

    def __setstate__(self, state):
        super().__setstate__(state)
        if self.device != "cpu":
            self.device = device_here(self.device, self._dtype_name)

    def _plain_state(self):
        return {**self._whole_state(), "dtype": self._dtype_name}

    def _set_plain_state(self, state):
        vars(self).update(state)
        self.dtype = dtype_of(state["dtype"])

    @property
    def _dtype_name(self):
        return str(self.dtype).removeprefix("torch.")

    def __call__(self, rows):
        """Prepare rows, which lie in new memory: it may be overwritten."""
        return self.standardize(self.load(rows))

    def load(self, rows):
        """Move rows to the device, channels first, with the values that they have.

        The dtype stays, or becomes float64 where float32 would lose digits.
        """
        return self.arranged(self.upload(rows))

    def upload(self, rows):
        """Move rows to the device, with their axes as they are in the array."""
        wide = not exact_in_float32(rows.dtype)
        if wide:
            rows = rows.astype(np.float64, copy=False)
        batch = torch.from_numpy(self.layout.as_samples(rows))
        # where there is no float64, they stay on the CPU until they are scaled
        return batch if wide and not self.has_float64 else self.on_device(batch)

    def on_device(self, tensor):
        """Move a tensor to the device, and do not wait until it is there."""
        if torch.device(self.device).type == "cuda":
            tensor = tensor.pin_memory()  # only from there is a copy non-blocking
        return tensor.to(self.device, non_blocking=True)

    def arranged(self, batch):
        """Give uploaded rows their channels first."""
        return batch if self.layout.channels_first else batch.movedim(-1, 1)

    @property
    def has_float64(self):
        """Whether the device computes in float64; Apple's does not."""
        return torch.device(self.device).type != "mps"

    def standardize(self, batch):
        """Standardise a loaded batch, which may be overwritten, as the network wants.

        That is in dtype, in memory format, and on the device.
        """
        wide = batch.dtype == torch.float64
        batch = batch.to(torch.float64 if wide else self.dtype)
        if self.mean is not None:
            mean, factor = self._statistics_like(batch)
            batch = batch.sub_(mean).mul_(factor)
        return self.place_images(batch)

    def place_images(self, batch):
        """Bring a batch to where, and how, the network takes it."""
        memory_format = self._memory_format
        return batch.to(self.device, self.dtype).contiguous(memory_format=memory_format)

    def place(self, module):
        """Bring a network to where, and how, its input will be."""
        module.to(self.device, self.dtype)
        return module.to(memory_format=self._memory_format)

    def blank(self, n):
        """Give n samples of zeros on the CPU, as the network takes them otherwise."""
        shape = (n, self.layout.n_channels, *self.layout.spatial_shape)
        return torch.zeros(shape, dtype=self.dtype)

    def of_features(self, features):
        """Make the like for vectors, of shape (n_samples, n_features), as they are."""
        layout = ImageLayout((), features.shape[1])
        return Preparation(layout, None, None, self.dtype, self.device)

    @property
    def _memory_format(self):
        n_dims = len(self.layout.spatial_shape)
        return _MEMORY_FORMATS.get(n_dims, torch.contiguous_format)

    def _statistics_like(self, batch):
        key = (batch.dtype, batch.device)
        if key not in self._statistics:
            shape = (1, -1, *[1] * (batch.ndim - 2))
            self._statistics[key] = tuple(
                torch.tensor(values).to(batch).reshape(shape)
                for values in (self.mean, 1 / self.scale)
            )
        return self._statistics[key]
