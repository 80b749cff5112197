"""Where pixels are: flips, crops, rotations and other affine maps."""

from dataclasses import KW_ONLY, dataclass
from functools import partial
from math import ceil, pi
from numbers import Integral
from typing import Any

import torch
from torch import Generator, Tensor

from sklearn_cnn.augmentation._base import Augmentation
from sklearn_cnn.augmentation._checks import (
    PADDING_MODES,
    as_axes,
    as_range,
    check_fill,
    check_option,
    check_probability,
)
from sklearn_cnn.augmentation._functional import (
    chosen,
    fill_of,
    flip,
    moved,
    pad,
    uniform,
    warp,
    windows,
)
from sklearn_cnn.utils._axes import per_axis
from sklearn_cnn.utils._parameters import is_number


@dataclass(eq=False, repr=False)
class RandomFlip(Augmentation):
    """Mirror some of the images.

    Parameters
    ----------
    p : float, default=0.5
        Probability of a flip, in [0, 1].
    axis : int or sequence of int, default=-1
        Spatial axis that is reversed. -1 is the last one: left and right change places
        in an image, and time runs backwards in a signal. -2 turns images upside down.
        Of several axes, each is reversed with probability ``p`` by itself.

    Notes
    -----
    :meth:`views` are the image and its mirror image; of several axes, all combinations.

    Examples
    --------
    >>> import torch
    >>> from sklearn_cnn.augmentation import RandomFlip
    >>> image = torch.tensor([[[[1, 2, 3]]]], dtype=torch.uint8)
    >>> RandomFlip(p=1.0)(image)
    tensor([[[[3, 2, 1]]]], dtype=torch.uint8)
    """

    p: float = 0.5
    _: KW_ONLY
    axis: Any = -1

    def _check(self, images: Tensor) -> None:
        check_probability("p", self.p)
        as_axes("axis", self.axis, images)

    def _apply(self, images: Tensor, generator: Generator) -> Tensor:
        for axis in as_axes("axis", self.axis, images):
            images = flip(images, axis, chosen(self.p, images, generator))
        return images

    def _further_views(self, images: Tensor) -> list[Tensor]:
        views = [images]
        if self.p > 0:
            for axis in as_axes("axis", self.axis, images):
                views += [view.flip(axis + 2) for view in views]
        return views[1:]


@dataclass(eq=False, repr=False)
class RandomCrop(Augmentation):
    """Pad images, and cut out their own size again at a random place.

    It moves what is in the image by whole pixels, as is usual for small images [1]_.

    Parameters
    ----------
    padding : int, float or sequence of them, default=0.125
        Pixels that are added on each side, and so the farthest move: a number of
        pixels (int) below the size of the axis, or a share of the axis below 1 (float),
        rounded up to at most the size minus 1. So something of the image always stays.
        A sequence has one for each spatial axis. The default makes 4 of 32 pixels, as
        in [1]_.
    padding_mode : {"constant", "edge", "symmetric"}, default="constant"
        What is added: ``fill``, the outermost pixels again, or a mirror image that
        begins with them.
    fill : number or "auto", default="auto"
        Value of added pixels, in the range of the images. "auto" is the median of the
        border of each image, channel by channel: black stays black, and white white.

    Notes
    -----
    :meth:`views` are the image, and the image moved by half of ``padding``, rounded up,
    both ways along each axis.

    References
    ----------
    .. [1] C.-Y. Lee et al., "Deeply-supervised nets", AISTATS 2015.

    Examples
    --------
    >>> import torch
    >>> from sklearn_cnn.augmentation import RandomCrop
    >>> images = torch.ones(4, 1, 28, 28, dtype=torch.uint8)
    >>> moved = RandomCrop(padding=3)(images, torch.Generator().manual_seed(0))
    >>> moved.shape, moved.dtype
    (torch.Size([4, 1, 28, 28]), torch.uint8)
    """

    padding: Any = 0.125
    _: KW_ONLY
    padding_mode: str = "constant"
    fill: Any = "auto"

    def _check(self, images: Tensor) -> None:
        check_option("padding_mode", self.padding_mode, PADDING_MODES)
        check_fill(self.fill, images.dtype, auto=True)
        self._widths(images)

    def _apply(self, images: Tensor, generator: Generator) -> Tensor:
        widths = self._widths(images)
        n, device = (len(images),), generator.device
        draw = partial(torch.randint, size=n, generator=generator, device=device)
        starts = [draw(2 * width + 1).to(images.device) for width in widths]
        fill = fill_of(self.fill, self.padding_mode, images)
        padded = pad(images, widths, self.padding_mode, fill)
        return windows(padded, starts, images.shape[2:])

    def _further_views(self, images: Tensor) -> list[Tensor]:
        fill = fill_of(self.fill, self.padding_mode, images)
        return moved(images, self._widths(images), self.padding_mode, fill)

    def _widths(self, images: Tensor) -> list[int]:
        widths = []
        given = per_axis(self.padding, images.ndim - 2, "padding")
        for axis, (width, size) in enumerate(zip(given, images.shape[2:], strict=True)):
            whole = isinstance(width, Integral)
            if not is_number(width) or width < 0 or not (whole or width < 1):
                raise ValueError(
                    f"padding={self.padding!r} must be a number of pixels (an int of 0 "
                    "or more) or a share of the axis (a float in [0, 1)), or one of "
                    "them for each spatial axis."
                )
            if whole and width >= size:
                raise ValueError(
                    f"padding={self.padding!r} must be smaller than the image, whose "
                    f"spatial axis {axis} has a size of {size}: a crop may hold "
                    "nothing of it."
                )
            widths.append(int(width) if whole else min(ceil(width * size), size - 1))
        return widths


@dataclass(eq=False, repr=False)
class RandomAffine(Augmentation):
    """Rotate, move, scale and shear images, in one pass over the pixels.

    Parameters
    ----------
    degrees : number or (number, number), default=10
        Range of the angle of rotation; a number stands for ``(-degrees, degrees)``.
        Positive angles turn images counterclockwise. Signals have no angle: pass 0 for
        them.
    translate : float or sequence of float, default=0.1
        Farthest move along each spatial axis, as a share of it, in [0, 1). Images move
        after they were sheared, scaled and rotated, so that these do not change the
        move.
    scale : float or (float, float), default=0.1
        Range of the factor of size, above 0; a number stands for
        ``(1 - scale, 1 + scale)``.
    shear : number or (number, number), default=0
        Range of the angle, in degrees, by which images lean along the second of
        ``axes``, within [-80, 80]: positive ones to the right, as italics do.
    axes : (int, int), default=(-2, -1)
        Plane of rotation and shear, as spatial axes. The default turns an image, and
        each slice of a volume.
    interpolation : {"bilinear", "nearest"}, default="bilinear"
        Between pixels. "nearest" takes values that are in the image.
    padding_mode : {"constant", "edge", "symmetric"}, default="constant"
        What is outside of the image: ``fill``, the outermost pixels, or a mirror image
        that begins with them.
    fill : number or "auto", default="auto"
        Value outside, in the range of the images. "auto" is the median of the border of
        each image, channel by channel: black stays black, and white white.

    Notes
    -----
    Values are interpolated in float32, in float64 if float32 would lose digits, and
    rounded for integers. In the fit of an estimator uint16 and wider integers arrive as
    float64, so that they are not rounded.

    The defaults suit digits and other small things that are nearly upright [1]_.

    :meth:`views` are the image, and the image moved by half of ``translate``, in whole
    pixels, both ways along each axis; it is not rotated, scaled or sheared, which would
    blur it.

    References
    ----------
    .. [1] P. Simard, D. Steinkraus and J. Platt, "Best practices for convolutional
       neural networks applied to visual document analysis", ICDAR 2003.

    Examples
    --------
    >>> import torch
    >>> from sklearn_cnn.augmentation import RandomAffine
    >>> image = torch.tensor([[[[0, 9, 0], [0, 0, 0], [0, 0, 0]]]], dtype=torch.uint8)
    >>> quarter = RandomAffine((90, 90), translate=0, scale=0)
    >>> quarter(image)[0, 0]
    tensor([[0, 0, 0],
            [9, 0, 0],
            [0, 0, 0]], dtype=torch.uint8)
    """

    degrees: Any = 10
    _: KW_ONLY
    translate: Any = 0.1
    scale: Any = 0.1
    shear: Any = 0
    axes: tuple[int, int] = (-2, -1)
    interpolation: str = "bilinear"
    padding_mode: str = "constant"
    fill: Any = "auto"

    def _check(self, images: Tensor) -> None:
        check_option("interpolation", self.interpolation, ("bilinear", "nearest"))
        check_option("padding_mode", self.padding_mode, PADDING_MODES)
        check_fill(self.fill, images.dtype, auto=True)
        for share in per_axis(self.translate, images.ndim - 2, "translate"):
            if not is_number(share) or not 0 <= share < 1:
                raise ValueError(
                    f"translate={self.translate!r} must be a share of the axis, in "
                    "[0, 1), or one for each spatial axis."
                )
        low, _ = as_range("scale", self.scale, center=1, low=0)
        if low == 0:
            raise ValueError(f"scale={self.scale!r} must stay above a factor of 0.")
        angles = self._angles()
        if images.ndim == 3 and any(angle != (0, 0) for angle in angles):
            raise ValueError(
                f"degrees={self.degrees!r}, shear={self.shear!r}: signals have one "
                "spatial axis and cannot be rotated or sheared. Pass degrees=0 and "
                "shear=0."
            )
        if images.ndim > 3:
            self._plane(images)

    def _apply(self, images: Tensor, generator: Generator) -> Tensor:
        n_axes, n = images.ndim - 2, (len(images),)

        def drawn(ends: tuple[float, float]) -> Tensor:
            return uniform(n, *ends, images, generator)

        degrees, shear = (drawn(ends) for ends in self._angles())
        factors = drawn(as_range("scale", self.scale, center=1, low=0))
        matrices = torch.eye(n_axes, device=images.device).repeat(len(images), 1, 1)
        if n_axes > 1:
            _fill_plane(matrices, self._plane(images), degrees, shear)
        farthest = per_axis(self.translate, n_axes, "translate")
        moves = [drawn((-share, share)) for share in farthest]
        return warp(
            images,
            matrices / factors.view(-1, 1, 1),
            torch.stack(moves, dim=1),
            interpolation=self.interpolation,
            padding_mode=self.padding_mode,
            fill=fill_of(self.fill, self.padding_mode, images),
        )

    def _further_views(self, images: Tensor) -> list[Tensor]:
        shares = per_axis(self.translate, images.ndim - 2, "translate")
        sizes = images.shape[2:]
        widths = [int(share * n) for share, n in zip(shares, sizes, strict=True)]
        fill = fill_of(self.fill, self.padding_mode, images)
        return moved(images, widths, self.padding_mode, fill)

    def _angles(self) -> tuple[tuple[float, float], tuple[float, float]]:
        return (
            as_range("degrees", self.degrees),
            as_range("shear", self.shear, low=-80, high=80),
        )

    def _plane(self, images: Tensor) -> tuple[int, ...]:
        plane = as_axes("axes", self.axes, images)
        if len(plane) != 2:
            raise ValueError(f"axes={self.axes!r} must name two spatial axes.")
        return plane


def _fill_plane(
    matrices: Tensor, plane: tuple[int, ...], degrees: Tensor, shear: Tensor
) -> None:
    """Write the way back from a shear and a rotation after it."""
    first, second = plane
    angles = degrees * (pi / 180)
    cos, sin, lean = angles.cos(), angles.sin(), (shear * (pi / 180)).tan()
    matrices[:, first, first] = cos
    matrices[:, first, second] = sin
    matrices[:, second, first] = lean * cos - sin
    matrices[:, second, second] = lean * sin + cos


@dataclass(eq=False, repr=False)
class RandomRotation(Augmentation):
    """Turn images around their middle.

    Parameters
    ----------
    degrees : number or (number, number), default=15
        Range of the angle; a number stands for ``(-degrees, degrees)``. Positive angles
        turn images counterclockwise.
    axes : (int, int), default=(-2, -1)
        Plane of rotation, as spatial axes. The default turns an image, and each slice
        of a volume.
    interpolation : {"bilinear", "nearest"}, default="bilinear"
        Between pixels. "nearest" takes values that are in the image.
    padding_mode : {"constant", "edge", "symmetric"}, default="constant"
        What is outside of the image: ``fill``, the outermost pixels, or a mirror image
        that begins with them.
    fill : number or "auto", default="auto"
        Value outside, in the range of the images. "auto" is the median of the border of
        each image, channel by channel: black stays black, and white white.

    See Also
    --------
    RandomAffine : Rotates, moves and scales at once.

    Examples
    --------
    >>> import torch
    >>> from sklearn_cnn.augmentation import RandomRotation
    >>> images = torch.rand(4, 3, 32, 32)
    >>> RandomRotation(30, padding_mode="symmetric")(images).shape
    torch.Size([4, 3, 32, 32])
    """

    degrees: Any = 15
    _: KW_ONLY
    axes: tuple[int, int] = (-2, -1)
    interpolation: str = "bilinear"
    padding_mode: str = "constant"
    fill: Any = "auto"

    def _check(self, images: Tensor) -> None:
        if images.ndim == 3:
            raise ValueError(
                "images of one spatial axis, which are signals, cannot be rotated."
            )
        self._affine()._check(images)

    def _apply(self, images: Tensor, generator: Generator) -> Tensor:
        return self._affine()._apply(images, generator)

    def _affine(self) -> RandomAffine:
        return RandomAffine(**self.get_params(), translate=0, scale=0, shear=0)
