"""Images and what surrounds them: ratios of sides, and the pixels of the border."""

from typing import Any

import numpy as np
import numpy.typing as npt

#: What can be done where a size has another ratio of sides than an image.
RESIZES = ("stretch", "pad", "crop")


def inner_shape(shape: tuple[int, ...], size: tuple[int, ...]) -> tuple[int, ...]:
    """Give the largest shape of this ratio of sides that fits into a size."""
    scale = min(wanted / n for n, wanted in zip(shape, size, strict=True))
    return tuple(
        min(wanted, max(1, round(n * scale)))
        for n, wanted in zip(shape, size, strict=True)
    )


def outer_shape(shape: tuple[int, ...], size: tuple[int, ...]) -> tuple[int, ...]:
    """Give the smallest shape of this ratio of sides that covers a size."""
    scale = max(wanted / n for n, wanted in zip(shape, size, strict=True))
    return tuple(
        max(wanted, round(n * scale)) for n, wanted in zip(shape, size, strict=True)
    )


def widths_around(
    inner: tuple[int, ...], size: tuple[int, ...]
) -> tuple[tuple[int, int], ...]:
    """Tell how many pixels before and after bring an inner shape to a size."""
    missing = [wanted - n for n, wanted in zip(inner, size, strict=True)]
    return tuple((n // 2, n - n // 2) for n in missing)


def middle(widths: tuple[tuple[int, int], ...], size: tuple[int, ...]) -> Any:
    """Index what is not of the widths around it, along each axis."""
    return tuple(
        slice(before, n - after)
        for (before, after), n in zip(widths, size, strict=True)
    )


def border_places(shape: tuple[int, ...]) -> npt.NDArray[np.intp]:
    """Give the outermost pixels of a spatial shape, as places in its flat array."""
    is_border = np.ones(shape, bool)
    is_border[(slice(1, -1),) * len(shape)] = False
    return np.flatnonzero(is_border)


def border_medians(images: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Give the median of the border of each image and channel.

    Of ``images`` (n_samples, n_channels, *spatial_shape) that is one row for each. Of
    an even number it is the lower of the two in the middle, so that it is a value of
    the image.
    """
    flat = images.reshape(*images.shape[:2], -1)
    border = flat[:, :, border_places(images.shape[2:])]
    half = (border.shape[-1] - 1) // 2
    medians: npt.NDArray[Any] = np.partition(border, half, axis=-1)[..., half]
    return medians


def as_pixel(fill: float, dtype: np.dtype[Any]) -> npt.NDArray[Any] | None:
    """Give a value that fills gaps in a dtype; None if that cannot hold it."""
    try:
        with np.errstate(all="ignore"):
            value = np.asarray(fill).astype(dtype)
    except OverflowError:  # integers of more than 64 bits
        return None
    if not np.isfinite(value) or (dtype.kind != "f" and value != fill):
        return None
    return value
