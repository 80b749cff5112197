"""Resize, CenterCrop and Pad: images of another size."""

from math import prod
from numbers import Integral, Real
from typing import ClassVar

import numpy as np

from sklearn_cnn.transforms import _functional
from sklearn_cnn.transforms._base import _ImageTransformer
from sklearn_cnn.transforms._documentation import documented
from sklearn_cnn.utils._axes import per_axis
from sklearn_cnn.utils._framing import RESIZES
from sklearn_cnn.utils._parameters import is_sequence
from sklearn_cnn.utils._sklearn import StrOptions

#: As many as of 16,384 by 16,384: 2 GiB in float64.
_MOST_PIXELS = 1 << 28


@documented
class Resize(_ImageTransformer):
    """Bring images to one size, by interpolation.

    Parameters
    ----------
    size : int or sequence of int
        Height and width of the result, in pixels (length of signals; depth, height and
        width of volumes). An integer stands for all of them, so that images become
        square.
    interpolation : {"nearest", "bilinear", "bicubic"}, default="bilinear"
        How a new pixel is computed: "nearest" copies the closest one, for masks and
        labels; the others average linearly or by cubic splines along each axis.
    antialias : bool, default=True
        Whether a smaller image averages over all pixels that fall together, so that
        fine patterns become grey and not moiré. "nearest" never does.
    resize : {"stretch", "pad", "crop"}, default="stretch"
        What is done where ``size`` has another ratio of sides than an image: "stretch"
        changes that of the image, "pad" keeps it and surrounds the image by ``fill``,
        and "crop" keeps it and drops what is beyond the middle.
    fill : float or "auto", default="auto"
        What ``resize="pad"`` surrounds an image by: a value that the dtype of the
        images holds, or the median of the border of each image and channel.
    {spatial_dims}
    {data_format}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    CenterCrop : Keeps the scale and drops the border.
    Pad : Keeps the scale and adds a border.

    Notes
    -----
    The result is that of :func:`torchvision.transforms.v2.functional.resize`, which
    agrees with PIL. Its integer ``size`` is the shorter side, though. Integers are
    rounded to whole levels. Booleans become float32 from 0 to 1, except with "nearest".
    Where "bicubic" overshoots the range of integers they are cut to it; that of floats
    is so large that it is an error.

    Images of several sizes may be in a list, a Series, an array of objects or the one
    column of a DataFrame. Once fitted on these, the step takes any size, and
    ``input_shape_`` has None for the axes that differ; once fitted on images of one
    size it takes that alone, as all of scikit-learn does. Other sizes are resized by a
    step that is not fitted, as ``Resize(64).transform(X)``.

    Examples
    --------
    >>> from sklearn.datasets import load_sample_images
    >>> from sklearn_cnn.transforms import Resize
    >>> photos = load_sample_images().images
    >>> X = Resize((48, 64)).fit_transform(photos)
    >>> X.shape, X.dtype
    ((2, 48, 64, 3), dtype('uint8'))
    >>> Resize(64, resize="pad").fit_transform(photos).shape
    (2, 64, 64, 3)
    """

    _takes_several_sizes = True
    _parameter_constraints: ClassVar[dict] = {
        **_ImageTransformer._parameter_constraints,
        "size": [Integral, "array-like"],
        "interpolation": [StrOptions(set(_functional.INTERPOLATIONS))],
        "antialias": ["boolean"],
        "resize": [StrOptions(set(RESIZES))],
        "fill": [Real, StrOptions({"auto"})],
    }

    def __init__(
        self,
        size,
        *,
        interpolation="bilinear",
        antialias=True,
        resize="stretch",
        fill="auto",
        spatial_dims="auto",
        data_format="channels_last",
    ):
        self.size = size
        self.interpolation = interpolation
        self.antialias = antialias
        self.resize = resize
        self.fill = fill
        self.spatial_dims = spatial_dims
        self.data_format = data_format

    def _apply(self, images):
        size = per_axis(self.size, images.ndim - 2, "size", minimum=1)
        _require_extent(size, "size", self.size)
        how = self.interpolation, self.antialias
        if self.resize == "pad":
            return _functional.resize_and_pad(images, size, *how, self.fill)
        if self.resize == "crop":
            return _functional.resize_and_crop(images, size, *how)
        return _functional.resize(images, size, *how)


@documented
class CenterCrop(_ImageTransformer):
    """Crop the middle of every image.

    Parameters
    ----------
    size : int or sequence of int
        Height and width of the result, in pixels (length of signals; depth, height and
        width of volumes). An integer stands for all of them. No axis may be longer than
        the images are.
    {spatial_dims}
    {data_format}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    Resize : Keeps the border and changes the scale.

    Notes
    -----
    The result is that of :func:`torchvision.transforms.v2.functional.center_crop`,
    which however fills up images that are too small.

    Examples
    --------
    >>> from sklearn.datasets import load_sample_images
    >>> from sklearn_cnn.transforms import CenterCrop
    >>> CenterCrop(400).fit_transform(load_sample_images().images).shape
    (2, 400, 400, 3)
    """

    _takes_several_sizes = True
    _parameter_constraints: ClassVar[dict] = {
        **_ImageTransformer._parameter_constraints,
        "size": [Integral, "array-like"],
    }

    def __init__(self, size, *, spatial_dims="auto", data_format="channels_last"):
        self.size = size
        self.spatial_dims = spatial_dims
        self.data_format = data_format

    def _apply(self, images):
        size = per_axis(self.size, images.ndim - 2, "size", minimum=1)
        return _functional.center_crop(images, size)


@documented
class Pad(_ImageTransformer):
    """Surround every image by pixels.

    Parameters
    ----------
    padding : int, sequence of int or sequence of (int, int)
        Number of pixels on both sides of every axis; one number for each axis, height
        before width; or for each axis the numbers before and after, as
        :func:`numpy.pad` takes them.
    fill : float, default=0
        Value of the new pixels with ``padding_mode="constant"``. It must be one that
        the dtype of the images holds.
    padding_mode : {"constant", "edge", "reflect", "symmetric"}, default="constant"
        What the new pixels are: ``fill``; the outermost pixel; the image mirrored at
        the outermost pixel; or mirrored with that pixel repeated.
    {spatial_dims}
    {data_format}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    CenterCrop : The opposite.

    Notes
    -----
    The names are those of :func:`torchvision.transforms.v2.functional.pad`, and so is
    the result; :func:`numpy.pad` computes it, for all dtypes and numbers of axes.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_cnn.transforms import Pad
    >>> Pad(1, padding_mode="edge").fit_transform(np.array([[[1, 2], [3, 4]]]))
    array([[[1, 1, 2, 2],
            [1, 1, 2, 2],
            [3, 3, 4, 4],
            [3, 3, 4, 4]]])
    >>> Pad([(0, 2), (0, 0)]).fit_transform(np.zeros((5, 30, 32))).shape
    (5, 32, 32)
    """

    _takes_several_sizes = True
    _parameter_constraints: ClassVar[dict] = {
        **_ImageTransformer._parameter_constraints,
        "padding": [Integral, "array-like"],
        "fill": [Real],
        "padding_mode": [StrOptions({"constant", "edge", "reflect", "symmetric"})],
    }

    def __init__(
        self,
        padding,
        *,
        fill=0,
        padding_mode="constant",
        spatial_dims="auto",
        data_format="channels_last",
    ):
        self.padding = padding
        self.fill = fill
        self.padding_mode = padding_mode
        self.spatial_dims = spatial_dims
        self.data_format = data_format

    def _apply(self, images):
        padding = _both_sides(self.padding, images.ndim - 2)
        shape = np.add(images.shape[2:], [before + after for before, after in padding])
        _require_extent(shape.tolist(), "padding", self.padding)
        return _functional.pad(images, padding, self.fill, self.padding_mode)


def _require_extent(shape, name, given):
    """Refuse to make images that memory is unlikely to hold."""
    if prod(shape) > _MOST_PIXELS:
        raise ValueError(
            f"{name}={given!r} makes images of more than {_MOST_PIXELS:,} pixels. "
            f"Choose a smaller {name}."
        )


def _both_sides(padding, n_axes):
    """Give ``padding`` as (before, after) of each axis."""
    if not (is_sequence(padding) and all(is_sequence(entry) for entry in padding)):
        widths = per_axis(padding, n_axes, "padding", minimum=0)
        return tuple((width, width) for width in widths)
    if any(len(entry) != 2 for entry in padding):
        raise ValueError(
            f"padding={padding!r} must have two entries for each axis, the number of "
            "pixels before and after."
        )
    sides = [
        per_axis([pair[side] for pair in padding], n_axes, "padding", minimum=0)
        for side in (0, 1)
    ]
    return tuple(zip(*sides, strict=True))
