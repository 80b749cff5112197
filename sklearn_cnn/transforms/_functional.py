"""What the transformers do, as functions of arrays (n_samples, channels, *spatial)."""

from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from sklearn_cnn.utils._framing import (
    as_pixel,
    border_medians,
    inner_shape,
    middle,
    outer_shape,
    widths_around,
)

Array: TypeAlias = npt.NDArray[Any]
PaddingMode: TypeAlias = Literal["constant", "edge", "reflect", "symmetric"]

#: torchvision's names. "nearest-exact" looks at the centres of pixels, as PIL and
#: scikit-image do.
INTERPOLATIONS = {
    "nearest": "nearest-exact",
    "bilinear": "bilinear",
    "bicubic": "bicubic",
}


def center_crop(images: Array, size: tuple[int, ...]) -> Array:
    """Cut out the middle, as a view; a crop larger than the images is an error."""
    lengths = images.shape[2:]
    if any(wanted > length for wanted, length in zip(size, lengths, strict=True)):
        raise ValueError(
            f"size={size} is larger than the samples of X, which are {lengths}. Take a "
            "smaller crop, or enlarge them first with sklearn_cnn.transforms.Pad or "
            "Resize."
        )
    # half a pixel goes to the even side, as torchvision has it
    starts = [round((n - wanted) / 2) for wanted, n in zip(size, lengths, strict=True)]
    middle = [slice(s, s + wanted) for s, wanted in zip(starts, size, strict=True)]
    return images[:, :, *middle]


def pad(
    images: Array,
    padding: tuple[tuple[int, int], ...],
    fill: float,
    padding_mode: PaddingMode,
) -> Array:
    """Surround images by (before, after) pixels along each spatial axis.

    ``fill``, for the mode "constant", must be a value that their dtype holds.
    """
    widths = ((0, 0), (0, 0), *padding)
    if padding_mode != "constant":
        return np.pad(images, widths, mode=padding_mode)
    value = as_pixel(fill, images.dtype)
    if value is None:
        raise ValueError(
            f"fill={fill} cannot be a value of X, which has dtype {images.dtype}. Take "
            "one that can, or convert X to floats first, as "
            "sklearn_cnn.transforms.Rescale does."
        )
    return np.pad(images, widths, constant_values=value)


def resize(
    images: Array, size: tuple[int, ...], interpolation: str, antialias: bool
) -> Array:
    """Interpolate images to another length of each spatial axis.

    ``antialias`` averages over all old pixels that a new one covers. The dtype stays,
    but booleans become float32 unless they are only selected. Results beyond the range
    of a float dtype are an error.
    """
    if interpolation == "nearest":
        return _nearest(images, size)
    if images.dtype == bool:
        images = images.astype(np.float32)
    # The kernel for uint8 is seven times faster than that for floats (measured), but
    # fails or gives wrong values where one pixel is left; and so does the latter where
    # one pixel is in memory as if channels came last (torch 2.14).
    native = images.dtype == np.uint8 and len(size) == 2 and min(size) > 1
    dtype = _computing_dtype(images.dtype)
    computed = images if native else np.ascontiguousarray(images, dtype=dtype)
    mode = INTERPOLATIONS[interpolation]
    tensor = torch.from_numpy(computed)
    if len(size) == 1:
        tensor = _resize_plane(tensor.unsqueeze(-2), (1, *size), mode, antialias)
    elif len(size) == 2:
        tensor = _resize_plane(tensor, size, mode, antialias)
    else:
        tensor = _resize_volumes(tensor, size, mode, antialias)
    resized = tensor.numpy().reshape(*images.shape[:2], *size)
    with np.errstate(over="ignore"):
        resized = _as_dtype(resized, images.dtype)
    if resized.dtype.kind == "f" and not np.isfinite(resized).all():
        raise ValueError(
            f"The resized values of X are beyond the range of {images.dtype}. Scale X "
            "down, or convert it to a wider dtype first, as in X.astype('float64')."
        )
    return resized


def resize_and_pad(
    images: Array,
    size: tuple[int, ...],
    interpolation: str,
    antialias: bool,
    fill: float | str,
) -> Array:
    """Interpolate images to what fits into a size, and surround them by a value.

    "auto" is the median of the border of each image and channel.
    """
    inner = inner_shape(images.shape[2:], size)
    resized = resize(images, inner, interpolation, antialias)
    widths = widths_around(inner, size)
    if not isinstance(fill, str):
        return pad(resized, widths, fill, "constant")
    padded = np.empty((*resized.shape[:2], *size), resized.dtype)
    padded[...] = border_medians(resized)[(..., *[None] * len(size))]
    padded[:, :, *middle(widths, size)] = resized
    return padded


def resize_and_crop(
    images: Array, size: tuple[int, ...], interpolation: str, antialias: bool
) -> Array:
    """Interpolate images to what covers a size, and cut out the middle."""
    outer = outer_shape(images.shape[2:], size)
    return center_crop(resize(images, outer, interpolation, antialias), size)


def _nearest(images: Array, size: tuple[int, ...]) -> Array:
    """Copy pixels, so that no value passes through floats."""
    mode, dtype = INTERPOLATIONS["nearest"], _computing_dtype(images.dtype)
    for axis, length in enumerate(size, start=2):
        places = torch.from_numpy(np.arange(images.shape[axis], dtype=dtype))
        line = _resize_plane(places[None, None, None], (1, length), mode, False)
        images = images.take(line.numpy().ravel().astype(np.intp), axis)
    return images


def _resize_plane(
    tensor: torch.Tensor, size: tuple[int, ...], mode: str, antialias: bool
) -> torch.Tensor:
    from torchvision.transforms import InterpolationMode  # takes a second to load
    from torchvision.transforms.v2 import functional

    resized: torch.Tensor = functional.resize(
        tensor, list(size), interpolation=InterpolationMode(mode), antialias=antialias
    )
    return resized


def _resize_volumes(
    tensor: torch.Tensor, size: tuple[int, ...], mode: str, antialias: bool
) -> torch.Tensor:
    """Resize height and width, then depth: the interpolations are separable."""
    n_samples, n_channels, depth = tensor.shape[:3]
    planes = _resize_plane(tensor.flatten(1, 2), size[1:], mode, antialias)
    columns = planes.reshape(n_samples, n_channels, depth, -1)
    return _resize_plane(columns, (size[0], columns.shape[3]), mode, antialias)


def grayscale(images: Array) -> Array:
    """Turn red, green and blue into one channel of brightness; grey stays as it is.

    The dtype stays, but booleans of three channels become float32.
    """
    n_channels = images.shape[1]
    if n_channels == 1:
        return images
    if n_channels != 3:
        raise ValueError(
            f"Grayscale needs red, green and blue, but X has {n_channels} channels. "
            "Choose three of them with sklearn_cnn.transforms.SelectChannels first, "
            "such as SelectChannels([0, 1, 2]) to drop the alpha channel of RGBA."
        )
    if images.dtype == bool:
        images = images.astype(np.float32)
    computed = images.astype(_computing_dtype(images.dtype), copy=False)
    lines = torch.from_numpy(computed.reshape(len(images), 3, 1, -1))
    from torchvision.transforms.v2 import functional  # takes a second to load

    grey = functional.rgb_to_grayscale(lines).numpy()
    return _as_dtype(grey.reshape(len(images), 1, *images.shape[2:]), images.dtype)


def affine(images: Array, scale: Array | float, offset: Array | float) -> Array:
    """Multiply by a scale and add an offset, in float64.

    Both are one number, or one for each channel. Floats keep their dtype; integers
    become float32, those of 32 and 64 bits float64. Results beyond the range of that
    are an error.
    """
    return _in_float64(lambda x, a, b: x * a + b, images, scale, offset)


def inverse_affine(images: Array, scale: Array | float, offset: Array | float) -> Array:
    """Subtract an offset and divide by a scale, as :func:`affine` computes."""
    return _in_float64(lambda x, a, b: (x - b) / a, images, scale, offset)


def hog(images: Array, **options: Any) -> Array:
    """Histograms of oriented gradients, of shape (n_samples, n_features).

    ``options`` are those of :func:`skimage.feature.hog`.
    """
    try:
        from skimage import feature
    except ImportError as error:
        raise ImportError(
            "HOGDescriptor needs scikit-image: pip install 'sklearn_cnn[scikit-image]'"
        ) from error
    try:
        with np.errstate(over="raise", invalid="raise"):
            return np.stack([feature.hog(x, channel_axis=0, **options) for x in images])
    except FloatingPointError as error:
        raise ValueError(
            "The gradients of X are beyond the range of its dtype. Scale X first."
        ) from error


def color_moments(images: Array, grid: tuple[int, ...]) -> Array:
    """Mean and standard deviation of each channel in each region of a grid.

    The result has the shape (n_samples, 2 * n_channels * n_regions), all means first.
    """
    dtype, lengths = floats_for(images.dtype), images.shape[2:]
    values = images.astype(np.float64, copy=False)
    # squares of larger numbers, and sums of these, may be beyond the range of float64
    scale = 2.0**600 if np.abs(values).max() > 2.0**450 else 1.0
    values = values / scale
    starts = [
        np.arange(parts) * n // parts for parts, n in zip(grid, lengths, strict=True)
    ]
    means = _mean_in_regions(values, starts)
    differences = values - _spread(means, starts, lengths)
    stds = np.sqrt(_mean_in_regions(differences**2, starts))
    moments = scale * np.stack([means, stds], axis=1).reshape(len(images), -1)
    return moments.astype(dtype)


def _mean_in_regions(images: Array, starts: list[Array]) -> Array:
    for axis, first in enumerate(starts, start=2):
        sizes = np.diff(first, append=images.shape[axis]).astype(images.dtype)
        images = np.add.reduceat(images, first, axis)
        images /= sizes.reshape(-1, *[1] * (images.ndim - 1 - axis))
    return images


def _spread(means: Array, starts: list[Array], lengths: tuple[int, ...]) -> Array:
    """Repeat what a region has for all of its pixels."""
    for axis, (first, n) in enumerate(zip(starts, lengths, strict=True), start=2):
        means = means.repeat(np.diff(first, append=n), axis)
    return means


def floats_for(dtype: np.dtype[Any]) -> npt.DTypeLike:
    """Name the dtype of statistics: float32 for what it holds exactly, or float64."""
    return np.float32 if np.can_cast(dtype, np.float32) else np.float64


def _computing_dtype(dtype: np.dtype[Any]) -> npt.DTypeLike:
    """Name the dtype to compute in, from which results are rounded once."""
    return np.float32 if dtype in (np.uint8, np.float32) else np.float64


def _as_dtype(values: Array, dtype: np.dtype[Any]) -> Array:
    """Round to a dtype; bicubic interpolation may overshoot its range."""
    if values.dtype == dtype:
        return values
    if dtype.kind not in "iu":
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    values = np.clip(np.rint(values), limits.min, limits.max)
    # the largest integer of 64 bits is one less than the float that is closest to it
    highest = values >= limits.max
    values[highest] = 0
    result: Array = values.astype(dtype)
    result[highest] = limits.max
    return result


def _in_float64(
    function: Any, images: Array, scale: Array | float, offset: Array | float
) -> Array:
    """Compute in float64 and round once."""
    per_channel = (-1, *[1] * (images.ndim - 2))
    scale, offset = np.reshape(scale, per_channel), np.reshape(offset, per_channel)
    dtype = images.dtype
    if dtype.kind != "f":
        dtype = np.result_type(dtype, np.float32)
    values = images.astype(np.result_type(dtype, np.float64), copy=False)
    try:
        with np.errstate(over="raise"):
            result: Array = function(values, scale, offset).astype(dtype)
    except FloatingPointError as error:
        raise ValueError(
            f"The scaled values of X are beyond the range of {dtype}. Take a smaller "
            "scale, or convert X to a wider dtype first, as in X.astype('float64')."
        ) from error
    return result
