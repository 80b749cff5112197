"""What an image array is: which axes are space, which one is the channels."""

import warnings
from dataclasses import dataclass
from math import isqrt, prod

import numpy as np

from sklearn_cnn.utils._axes import AXES
from sklearn_cnn.utils._parameters import is_integer, is_sequence

#: Number of spatial axes, by the number of axes that one sample has.
_SPATIAL_DIMS_OF_NDIM = {1: 1, 2: 2, 3: 2, 4: 3}
_KIND = {1: "signals", 2: "images", 3: "volumes"}


@dataclass(frozen=True)
class ImageLayout:
    """Where the channels and the spatial axes of one sample are.

    ``spatial_shape`` is ``(length,)``, ``(height, width)`` or ``(depth, height,
    width)``; ``channels_first`` says whether the channel axis of the user's array
    precedes the spatial ones.
    """

    spatial_shape: tuple[int, ...]
    n_channels: int
    channels_first: bool = False

    @classmethod
    def of(cls, shape, data_format):
        """Take the shape of one sample apart, its channel axis included."""
        if data_format == "channels_first":
            return cls(shape[1:], shape[0], True)
        return cls(shape[:-1], shape[-1])

    @property
    def shape(self):
        """Shape of one sample, its channel axis included."""
        if self.channels_first:
            return (self.n_channels, *self.spatial_shape)
        return (*self.spatial_shape, self.n_channels)

    @property
    def n_features(self):
        """Number of values in one sample."""
        return prod(self.shape)

    @property
    def kind(self):
        """What one sample is called: signals, images or volumes."""
        return _KIND[len(self.spatial_shape)]

    def as_samples(self, rows):
        """Give ``rows`` (flat, or without a channel axis) their full shape."""
        return rows.reshape(len(rows), *self.shape)

    def channels_last(self, rows):
        """Give ``rows`` their full shape, with the channels as the last axis."""
        samples = self.as_samples(rows)
        return np.moveaxis(samples, 1, -1) if self.channels_first else samples


def read_layout(shape, input_shape, spatial_dims, data_format):
    """Work out what the rows of an array of this shape, rows first, are.

    ``input_shape`` says what a flat row holds; one entry may be -1, as in
    :func:`numpy.reshape`.
    """
    known = is_integer(spatial_dims) and spatial_dims in (1, 2, 3)
    if not known and str(spatial_dims) != "auto":
        raise ValueError(f"spatial_dims={spatial_dims!r} must be 'auto', 1, 2 or 3.")
    sample_shape = _sample_shape(shape, input_shape)
    n_dims = _n_spatial_dims(sample_shape, input_shape, spatial_dims)
    if len(sample_shape) == n_dims:
        return ImageLayout(sample_shape, 1, data_format == "channels_first")
    return ImageLayout.of(sample_shape, data_format)


def _sample_shape(shape, input_shape):
    if input_shape is None:
        return tuple(shape[1:])
    given = tuple(input_shape) if is_sequence(input_shape) else (input_shape,)
    if not all(is_integer(size) for size in given):
        raise ValueError(
            f"input_shape={given!r} must hold integers, the sizes of the axes of one "
            "sample, such as (28, 28) or (32, 32, 3); one of them may be -1."
        )
    given = tuple(map(int, given))
    n_features = prod(shape[1:])
    known = prod(size for size in given if size != -1)
    if given.count(-1) > 1 or any(size < 1 and size != -1 for size in given):
        raise ValueError(
            f"input_shape={given} must hold positive sizes, at most one of them -1."
        )
    resolved = tuple(n_features // known if size == -1 else size for size in given)
    if prod(resolved) != n_features:
        raise ValueError(
            f"input_shape={given} asks for {known} values per row, but X has "
            f"{n_features}. Give the shape of one sample, such as (height, width) "
            "or (height, width, channels); one entry may be -1."
        )
    if len(shape) > 2 and resolved != tuple(shape[1:]):
        raise ValueError(
            f"X has samples of shape {tuple(shape[1:])}, but input_shape={given}. "
            "Drop input_shape: it is only needed for flat rows."
        )
    return resolved


def _n_spatial_dims(sample_shape, input_shape, spatial_dims):
    n_axes = len(sample_shape)
    if spatial_dims == "auto":
        if n_axes not in _SPATIAL_DIMS_OF_NDIM:
            raise ValueError(
                f"X has samples of shape {sample_shape}; a sample is a signal, an "
                "image or a volume and has 1 to 4 axes, the channels included."
            )
        return _SPATIAL_DIMS_OF_NDIM[n_axes]
    if n_axes not in (spatial_dims, spatial_dims + 1):
        remedy = (
            "Pass input_shape to say what a flat row holds, or reshape it first with "
            "sklearn_cnn.transforms.Unflatten"
            if input_shape is None and n_axes == 1
            else "Change spatial_dims or the shape"
        )
        raise ValueError(
            f"spatial_dims={spatial_dims} needs samples of shape "
            f"({AXES[spatial_dims]}) or ({AXES[spatial_dims]}, channels), but X has "
            f"samples of shape {sample_shape}. {remedy}."
        )
    return spatial_dims


def warn_if_flat_images(width, remedy):
    """Warn that flat rows are read as signals, if they look like images.

    ``{shape}`` in ``remedy`` is replaced by the shape that a row seems to have.
    """
    for n_channels in (1, 3):
        side = isqrt(width // n_channels)
        if side >= 8 and n_channels * side * side == width:
            shape = (side, side) if n_channels == 1 else (side, side, 3)
            warnings.warn(
                f"The rows of X have {width} values and are read as 1-D signals. If "
                f"they are flattened images, {remedy.format(shape=shape)}; if they are "
                "signals, pass spatial_dims=1 to silence this warning.",
                stacklevel=2,
            )
            return
