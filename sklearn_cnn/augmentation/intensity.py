"""What pixels are worth: brightness, colour, noise, and parts that are missing."""

from dataclasses import KW_ONLY, dataclass
from math import log
from typing import Any

import torch
from torch import Generator, Tensor

from sklearn_cnn.augmentation._base import Augmentation
from sklearn_cnn.augmentation._checks import as_range, check_fill, check_probability
from sklearn_cnn.augmentation._functional import (
    as_dtype,
    as_floats,
    blend,
    chosen,
    constant,
    inside,
    luminance,
    per_sample,
    shift_hue,
    uniform,
)
from sklearn_cnn.utils._parameters import is_number


@dataclass(eq=False, repr=False)
class ColorJitter(Augmentation):
    """Change brightness, contrast, saturation and hue, in this order.

    Parameters
    ----------
    brightness : float or (float, float), default=0.2
        Range of the factor on all pixels, at least 0; a number stands for
        ``(1 - brightness, 1 + brightness)``.
    contrast : float or (float, float), default=0.2
        Range of the factor on the distance of pixels from the mean of their channel, at
        least 0; a number is read as for ``brightness``.
    saturation : float or (float, float), default=0
        Range of the factor on the distance of colours from grey, at least 0; a number
        is read as for ``brightness``. Anything but 0 needs three channels: red, green
        and blue.
    hue : float or (float, float), default=0
        Range of the turn around the colour circle, within [-0.5, 0.5], where 0.5 is
        half a circle; a number stands for ``(-hue, hue)``. Anything but 0 needs three
        channels.

    Notes
    -----
    Integers are rounded and kept in the range of their type. Floats are not clipped, as
    they have no range of their own. In the fit of an estimator uint16 and wider
    integers arrive as float64, so that they are neither rounded nor clipped.

    Examples
    --------
    >>> import torch
    >>> from sklearn_cnn.augmentation import ColorJitter
    >>> image = torch.tensor([[[100, 200]]], dtype=torch.uint8)
    >>> ColorJitter(brightness=(1.5, 1.5), contrast=0)(image)
    tensor([[[150, 255]]], dtype=torch.uint8)
    """

    _: KW_ONLY
    brightness: Any = 0.2
    contrast: Any = 0.2
    saturation: Any = 0
    hue: Any = 0

    def _check(self, images: Tensor) -> None:
        for name, (neutral, low, high) in self._ranges().items():
            has_effect = (low, high) != (neutral, neutral)
            if name in ("saturation", "hue") and has_effect and images.shape[1] != 3:
                raise ValueError(
                    f"{name}={getattr(self, name)!r} needs images of three channels "
                    f"(red, green, blue), and these have {images.shape[1]}. Pass "
                    f"{name}=0."
                )

    def _apply(self, images: Tensor, generator: Generator) -> Tensor:
        dtype, values = images.dtype, as_floats(images)
        for name, (neutral, low, high) in self._ranges().items():
            if (low, high) != (neutral, neutral):
                drawn = uniform((len(images),), low, high, images, generator)
                values = _JITTER[name](values, drawn)
        return as_dtype(values, dtype)

    def _ranges(self) -> dict[str, tuple[float, float, float]]:
        """Neutral value and range of every part."""
        factors = ("brightness", "contrast", "saturation")
        ranges = {
            name: (1.0, *as_range(name, getattr(self, name), center=1, low=0))
            for name in factors
        }
        return {**ranges, "hue": (0.0, *as_range("hue", self.hue, low=-0.5, high=0.5))}


def _brighten(images: Tensor, factors: Tensor) -> Tensor:
    return images * per_sample(factors, images)


def _contrast(images: Tensor, factors: Tensor) -> Tensor:
    means = images.mean(dim=tuple(range(2, images.ndim)), keepdim=True)
    return blend(images, means, factors)


def _saturate(images: Tensor, factors: Tensor) -> Tensor:
    return blend(images, luminance(images), factors)


_JITTER = {
    "brightness": _brighten,
    "contrast": _contrast,
    "saturation": _saturate,
    "hue": shift_hue,
}


@dataclass(eq=False, repr=False)
class GaussianNoise(Augmentation):
    """Add normally distributed noise, by itself to each pixel and channel [1]_.

    Parameters
    ----------
    std : float or (float, float)
        Standard deviation in the units of the images: grey levels of integers, about
        0.05 for floats from 0 to 1. A pair is a range from which each sample draws its
        own. There is no default, as there is no range that all images share.

    Notes
    -----
    Integers are rounded and kept in the range of their type; floats are not clipped. In
    the fit of an estimator uint16 and wider integers arrive as float64, so that they
    are neither rounded nor clipped.

    References
    ----------
    .. [1] C. Bishop, "Training with noise is equivalent to Tikhonov regularization",
       Neural Computation 7, 1995.

    Examples
    --------
    >>> import torch
    >>> from sklearn_cnn.augmentation import GaussianNoise
    >>> noisy = GaussianNoise(std=2.0)(torch.zeros(2, 1, 100, 100))
    >>> bool(abs(noisy.std() - 2) < 0.1)
    True
    """

    std: Any

    def _check(self, images: Tensor) -> None:
        self._range()

    def _apply(self, images: Tensor, generator: Generator) -> Tensor:
        values = as_floats(images)
        stds = uniform((len(images),), *self._range(), images, generator)
        # float32, as not all devices have float64
        noise = torch.randn(images.shape, generator=generator, device=generator.device)
        noise = noise.to(values.device, values.dtype)
        return as_dtype(values + per_sample(stds, values) * noise, images.dtype)

    def _range(self) -> tuple[float, float]:
        return as_range("std", self.std, center=None, low=0)


@dataclass(eq=False, repr=False)
class RandomErasing(Augmentation):
    """Fill a random box in some of the images [1]_.

    Parameters
    ----------
    p : float, default=0.5
        Probability of erasing, in [0, 1].
    scale : (float, float), default=(0.02, 0.33)
        Range of the share of the image that is erased, in (0, 1]. The default is that
        of [1]_.
    ratio : float, default=3.3
        Largest ratio of two sides of the box, at least 1, each as a share of its axis.
        It is less for a share so large that the box would not fit into the image.
    fill : number, default=0
        What erased pixels become, in the range of the images.

    Notes
    -----
    The box lies within the image. Sides are rounded to whole pixels, at least one.

    References
    ----------
    .. [1] Z. Zhong et al., "Random erasing data augmentation", AAAI 2020.

    Examples
    --------
    >>> import torch
    >>> from sklearn_cnn.augmentation import RandomErasing
    >>> erase = RandomErasing(p=1.0, scale=(0.25, 0.25), ratio=1)
    >>> erase(torch.ones(1, 1, 8, 8)).mean()
    tensor(0.7500)
    """

    p: float = 0.5
    _: KW_ONLY
    scale: Any = (0.02, 0.33)
    ratio: float = 3.3
    fill: float = 0

    def _check(self, images: Tensor) -> None:
        check_probability("p", self.p)
        low, _ = as_range("scale", self.scale, center=None, low=0, high=1)
        if low == 0:
            raise ValueError(f"scale={self.scale!r} must be above 0.")
        if not is_number(self.ratio) or self.ratio < 1:
            raise ValueError(f"ratio={self.ratio!r} must be a number of at least 1.")
        check_fill(self.fill, images.dtype)

    def _apply(self, images: Tensor, generator: Generator) -> Tensor:
        n, n_axes = len(images), images.ndim - 2
        sizes = constant(images.shape[2:], images)
        ends = as_range("scale", self.scale, center=None)
        shares = uniform((n, 1), *ends, images, generator)
        half = log(self.ratio) / 2
        stretch = uniform((n, n_axes), -half, half, images, generator)
        # logarithms with a mean of 0 keep the volume, if no side exceeds its axis
        stretch = stretch - stretch.mean(dim=1, keepdim=True)
        room = shares.log() / -n_axes
        longest = stretch.amax(dim=1, keepdim=True).clamp(min=1e-6)
        stretch = stretch * (room / longest).clamp(max=1)
        sides = ((stretch - room).exp() * sizes).round().long()
        sides = sides.clamp(min=1).minimum(sizes)
        places = uniform((n, n_axes), 0, 1, images, generator)
        starts = (places * (sizes - sides + 1)).long()
        sides = sides * chosen(self.p, images, generator).unsqueeze(1)
        return images.masked_fill(inside(starts, starts + sides, images), self.fill)
