"""Checks of parameters: one clear error for each that is wrong."""

from numbers import Integral
from typing import Any

import torch
from torch import Tensor

from sklearn_cnn.utils._axes import AXES
from sklearn_cnn.utils._parameters import is_number

#: torch can store others, but hardly compute with them.
_DTYPES = {
    torch.bool,
    *(torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
    *(torch.float16, torch.bfloat16, torch.float32, torch.float64),
}
PADDING_MODES = ("constant", "edge", "symmetric")


def check_batch(images: Any) -> None:
    """Check that a batch is one, of images of some pixels."""
    if not isinstance(images, Tensor):
        raise TypeError(
            f"images must be a torch.Tensor, not {type(images).__name__}. Make one by "
            "torch.from_numpy, with the channels as the second axis."
        )
    is_plain = images.layout is torch.strided and images.device.type != "meta"
    if not is_plain or images.dtype not in _DTYPES:
        raise ValueError(
            f"images is a {images.layout} tensor of {images.dtype} on "
            f"{images.device.type}, but must be dense, and of a dtype that torch "
            "computes with, such as torch.float32 or torch.uint8."
        )
    if images.ndim - 2 not in AXES or not images.numel():
        raise ValueError(
            f"images has shape {tuple(images.shape)}, but must be a batch of at least "
            "one image of at least one pixel: (n_samples, n_channels, length), "
            "(..., height, width) or (..., depth, height, width)."
        )


def check_probability(name: str, value: Any) -> None:
    """Check that a value is a probability."""
    if not is_number(value) or not 0 <= value <= 1:
        raise ValueError(f"{name}={value!r} must be a probability, from 0 to 1.")


def check_option(name: str, value: Any, options: tuple[str, ...]) -> None:
    """Check that a value is one of some strings."""
    if not isinstance(value, str) or value not in options:
        raise ValueError(f"{name}={value!r} must be one of {list(options)}.")


def as_range(
    name: str,
    value: Any,
    *,
    center: float | None = 0,
    low: float = -float("inf"),
    high: float = float("inf"),
) -> tuple[float, float]:
    """Read a parameter that is drawn uniformly, as the two ends of its range.

    A number stands for ``(center - value, center + value)``, but no lower than ``low``,
    or without a center for the range from it to itself. Both ends must be within
    [``low``, ``high``].
    """
    ends = value
    if is_number(value) and center is None:
        ends = (value, value)
    elif is_number(value):
        if value < 0:
            raise ValueError(
                f"{name}={value!r} must not be negative: a number stands for a range "
                f"around {center:g}. Pass a pair (low, high) for any other range."
            )
        ends = (max(low, center - value), center + value)
    if not _is_pair(ends) or not low <= ends[0] <= ends[1] <= high:
        raise ValueError(
            f"{name}={value!r} must be a number or a pair (low, high), within "
            f"[{low:g}, {high:g}]."
        )
    return float(ends[0]), float(ends[1])


def _is_pair(value: Any) -> bool:
    is_sequence = isinstance(value, tuple | list) and len(value) == 2
    return is_sequence and all(is_number(end) for end in value)


def check_fill(value: Any, dtype: torch.dtype, auto: bool = False) -> None:
    """Check that images of a dtype can hold the value that fills gaps, or is "auto"."""
    if auto and isinstance(value, str) and value == "auto":
        return
    if not is_number(value):
        others = ", or 'auto' for the median of the border" if auto else ""
        raise ValueError(f"fill={value!r} must be a number{others}.")
    if dtype.is_floating_point:
        return
    low, high = value_bounds(dtype)
    if value != int(value) or not low <= value <= high:
        raise ValueError(
            f"fill={value!r} is no value of images of {dtype}: it must be an integer "
            f"from {low} to {high}."
        )


def value_bounds(dtype: torch.dtype) -> tuple[int, int]:
    """Give the smallest and largest value of an integer or boolean type."""
    if dtype == torch.bool:
        return 0, 1
    info = torch.iinfo(dtype)
    return int(info.min), int(info.max)


def as_axes(name: str, value: Any, images: Tensor) -> tuple[int, ...]:
    """Read spatial axes, counted from 0 for the first or back from -1 for the last.

    They are given back counted from 0.
    """
    n_axes = images.ndim - 2
    axes = (value,) if isinstance(value, Integral) else value
    if not isinstance(axes, tuple | list) or not all(
        isinstance(axis, Integral) and -n_axes <= int(axis) < n_axes for axis in axes
    ):
        raise ValueError(
            f"{name}={value!r} must name spatial axes of the images, of which there "
            f"are {n_axes} ({AXES[n_axes]}), by numbers from {-n_axes} to "
            f"{n_axes - 1}."
        )
    counted = tuple(int(axis) % n_axes for axis in axes)
    if len(set(counted)) < len(counted):
        raise ValueError(f"{name}={value!r} names the same axis twice.")
    return counted
