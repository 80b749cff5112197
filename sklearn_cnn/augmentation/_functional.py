"""Pure functions on batches: what the augmentations draw is an argument here.

Batches have the shape (n_samples, n_channels, *spatial_shape), and drawn values one row
for each sample.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from sklearn_cnn.augmentation._checks import value_bounds
from sklearn_cnn.utils._dtypes import exact_in_float32
from sklearn_cnn.utils._framing import border_places

_GRID_PADDING = {"constant": "zeros", "edge": "border", "symmetric": "reflection"}
#: Weights of red, green and blue in the brightness of a pixel (ITU-R BT.601).
_LUMA = (0.299, 0.587, 0.114)


def uniform(
    shape: tuple[int, ...], low: float, high: float, like: Tensor, generator: Generator
) -> Tensor:
    """Draw numbers from [low, high) in float32, on the device of a batch."""
    drawn = torch.rand(shape, generator=generator, device=generator.device)
    return (low + (high - low) * drawn).to(like.device)


def constant(values: Sequence[float], like: Tensor, dtype: Any = None) -> Tensor:
    """Put a few numbers where a batch is, without waiting for a GPU."""
    numbers = torch.tensor(values, dtype=dtype)
    if like.device.type == "cuda":
        numbers = numbers.pin_memory()
    return numbers.to(like.device, non_blocking=True)


def chosen(p: float, like: Tensor, generator: Generator) -> Tensor:
    """Choose each sample with probability p."""
    return uniform((len(like),), 0, 1, like, generator) < float(p)


def per_sample(values: Tensor, images: Tensor) -> Tensor:
    """Give values of samples the axes of a batch, and its dtype if they are floats."""
    if values.is_floating_point():
        values = values.to(images.dtype)
    return values.view(-1, *[1] * (images.ndim - 1))


def _along(axis: int, values: Tensor, images: Tensor) -> Tensor:
    """Give values of shape (n_samples, size) the axes of a batch, by a spatial axis."""
    shape = [len(values)] + [1] * (images.ndim - 1)
    shape[axis + 2] = values.shape[1]
    return values.view(shape)


def as_floats(images: Tensor) -> Tensor:
    """Convert to float32, or to float64 where float32 would lose digits."""
    exact = exact_in_float32(images.dtype)
    return images.to(torch.float32 if exact else torch.float64)


def as_dtype(values: Tensor, dtype: torch.dtype) -> Tensor:
    """Convert floats back; for integers they are rounded and kept in range.

    These are overwritten: a second array of their size would cost more than the sums.
    """
    if not dtype.is_floating_point:
        values = values.round_().clamp_(*value_bounds(dtype))
    return values.to(dtype)


# --- geometry -------------------------------------------------------------------------


def flip(images: Tensor, axis: int, flipped: Tensor) -> Tensor:
    """Reverse a spatial axis, counted from 0, of the samples that ``flipped`` marks."""
    places = torch.arange(images.shape[axis + 2], device=images.device)
    index = torch.where(flipped[:, None], places.flip(0), places)
    return images.gather(axis + 2, _along(axis, index, images).expand(images.shape))


def fill_of(fill: Any, mode: str, images: Tensor) -> Any:
    """Give what the mode "constant" fills gaps with: "auto" is a value of the image.

    It is the median of the border of each image and channel, with the axes of a batch;
    of an even number of pixels the lower of the two in the middle.
    """
    if not isinstance(fill, str):
        return fill
    if mode != "constant":
        return 0
    places = constant(border_places(images.shape[2:]).tolist(), images)
    border = images.flatten(2).index_select(2, places)
    if border.dtype is torch.bool:  # of which torch has no median
        border = border.byte()
    if border.device.type == "cpu":
        values = border.median(dim=2).values
    else:  # of the same values, where torch calls its median not deterministic
        values = border.sort(dim=2).values[:, :, (border.shape[2] - 1) // 2]
    return values.view(*values.shape, *[1] * (images.ndim - 2)).to(images.dtype)


def pad(images: Tensor, widths: Sequence[int], mode: str, fill: Any) -> Tensor:
    """Surround images by so many pixels on both sides of each spatial axis.

    They are ``fill`` for the mode "constant", the outermost pixels for "edge", and a
    mirror image that begins with them for "symmetric".
    """
    if mode == "constant":
        both = [width for width in reversed(widths) for _ in range(2)]
        if not isinstance(fill, Tensor):
            return F.pad(images, both, value=fill)
        padded = F.pad(images, both)
        for axis, width in enumerate(widths, start=2):
            for start in (0, padded.shape[axis] - width):
                padded.narrow(axis, start, width).copy_(fill)
        return padded
    for axis, width in enumerate(widths, start=2):
        size = images.shape[axis]
        places = torch.arange(-width, size + width, device=images.device)
        if mode == "edge":
            places = places.clamp(0, size - 1)
        else:
            places = places % (2 * size)
            places = torch.minimum(places, 2 * size - 1 - places)
        images = images.index_select(axis, places)
    return images


def windows(images: Tensor, starts: Sequence[Tensor], shape: Sequence[int]) -> Tensor:
    """Cut a window of one shape out of each sample.

    ``starts`` has for each axis where the windows begin: integers of shape
    (n_samples,).
    """
    for axis, size in enumerate(shape, start=2):
        images = images.unfold(axis, size, 1)
    samples = torch.arange(len(images), device=images.device)
    index: tuple[Any, ...] = (samples, slice(None), *starts)
    return images[index]


def moved(images: Tensor, widths: Sequence[int], mode: str, fill: Any) -> list[Tensor]:
    """Move images by half of some widths, rounded up, both ways along each axis."""
    views = []
    for axis, width in enumerate(widths):
        if width:
            steps = [0] * len(widths)
            steps[axis] = (width + 1) // 2
            size = images.shape[axis + 2]
            padded = pad(images, steps, mode, fill)
            starts = (0, 2 * steps[axis])
            views += [padded.narrow(axis + 2, start, size) for start in starts]
    return views


def warp(
    images: Tensor,
    matrices: Tensor,
    moves: Tensor,
    *,
    interpolation: str,
    padding_mode: str,
    fill: Any,
) -> Tensor:
    """Read every output pixel from somewhere else.

    ``matrices``, of shape (n_samples, n_axes, n_axes), lead from output to input
    positions, both in pixels from the middle. ``moves``, of shape (n_samples, n_axes),
    are taken off the output positions before that, as shares of each axis. What is
    outside is as for :func:`pad`.
    """
    signals = images.ndim == 3
    if signals:  # are images of one row
        images, moves = images.unsqueeze(2), F.pad(moves, (1, 0))
        matrices = F.pad(matrices, (1, 0, 1, 0))
        matrices[:, 0, 0] = 1
    floats = as_floats(images)
    outside = fill if padding_mode == "constant" else 0
    if isinstance(outside, Tensor):
        outside = as_floats(outside.unsqueeze(2) if signals else outside)
        # in place, where floats are a copy: new memory costs more than the sum
        floats = floats - outside if floats is images else floats.sub_(outside)
    elif outside:
        floats = floats - outside
    warped = F.grid_sample(
        floats,
        _grid(matrices.to(floats), moves.to(floats), images.shape[2:]),
        mode=interpolation,
        padding_mode=_GRID_PADDING[padding_mode],
        align_corners=False,
    )
    warped = as_dtype(warped.add_(outside), images.dtype)
    return warped.squeeze(2) if signals else warped


def _grid(matrices: Tensor, moves: Tensor, shape: Sequence[int]) -> Tensor:
    """Positions as ``grid_sample`` takes them: from -1 to 1, last axis first."""
    sizes = constant(shape, matrices, matrices.dtype)
    # affine_grid would take 8 us per image of 28x28 pixels on one thread, a sum of one
    # term for each axis takes 1: in planes, so that it runs along whole rows of pixels
    matrices = (matrices / sizes[:, None]).flip(1)
    n, n_axes = moves.shape
    moves = moves * (2 * sizes)
    grid = torch.zeros((), dtype=moves.dtype, device=moves.device)
    for axis, size in enumerate(shape):
        # twice the pixels from the middle
        places = torch.arange(1 - size, size, 2, dtype=moves.dtype, device=moves.device)
        places = (places - moves[:, axis, None]).unsqueeze(1)
        axes = [1] * n_axes
        axes[axis] = size
        grid = grid + (matrices[:, :, axis, None] * places).view(n, n_axes, *axes)
    return grid.movedim(1, -1)


# --- intensity ------------------------------------------------------------------------


def blend(images: Tensor, others: Tensor, shares: Tensor) -> Tensor:
    """Compute ``share * image + (1 - share) * other``, for shares beyond 1 as well."""
    return others + per_sample(shares, images) * (images - others)


def luminance(images: Tensor) -> Tensor:
    """Brightness of RGB images, with one channel."""
    weights = constant(_LUMA, images, images.dtype)
    return (images * weights.view(3, *[1] * (images.ndim - 2))).sum(1, keepdim=True)


def shift_hue(images: Tensor, turns: Tensor) -> Tensor:
    """Turn the hue of RGB images; value and chroma stay, in whatever range.

    The images are floats. One turn is once around the colour circle.
    """
    red, green, blue = images.unbind(1)
    value, lowest = images.amax(1), images.amin(1)
    chroma = value - lowest
    safe = torch.where(chroma > 0, chroma, torch.ones_like(chroma))
    sixths = torch.where(
        value == red,
        (green - blue) / safe,
        torch.where(value == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    sixths = sixths + 6 * per_sample(turns, sixths)
    channels = []
    for start in (5, 3, 1):
        place = (start + sixths) % 6
        channels.append(value - chroma * torch.minimum(place, 4 - place).clamp(0, 1))
    return torch.stack(channels, dim=1)


# --- boxes ----------------------------------------------------------------------------


def inside(starts: Tensor, stops: Tensor, images: Tensor) -> Tensor:
    """Mark a box in each sample, in a mask of shape (n_samples, 1, *spatial_shape).

    ``starts`` and ``stops``, of shape (n_samples, n_axes), are the first pixel of the
    box along each axis, and the one after its last.
    """
    mask = torch.ones((), dtype=torch.bool, device=images.device)
    for axis, size in enumerate(images.shape[2:]):
        places = torch.arange(size, device=images.device)
        within = (places >= starts[:, axis, None]) & (places < stops[:, axis, None])
        mask = mask & _along(axis, within, images)
    return mask
