"""Grayscale and SelectChannels: images of other channels."""

from numbers import Integral
from typing import ClassVar

import numpy as np

from sklearn_cnn.transforms import _functional
from sklearn_cnn.transforms._base import _ImageTransformer
from sklearn_cnn.transforms._documentation import documented


@documented
class Grayscale(_ImageTransformer):
    """Turn red, green and blue into one channel of brightness.

    Images of one channel stay as they are. Those of any other number than three are
    refused, as nobody can tell which of them are red, green and blue.

    Parameters
    ----------
    {spatial_dims}
    {data_format}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    SelectChannels : Chooses channels by their index.

    Notes
    -----
    Brightness is 0.2989 red + 0.587 green + 0.114 blue, the luma of ITU-R BT.601 [1]_,
    as in :func:`torchvision.transforms.v2.functional.rgb_to_grayscale`. Integers are
    rounded to the nearest level, where torchvision rounds down. Booleans become float32
    from 0 to 1.

    References
    ----------
    .. [1] Recommendation ITU-R BT.601-7, "Studio encoding parameters of digital
       television for standard 4:3 and wide screen 16:9 aspect ratios", 2011.

    Examples
    --------
    >>> from sklearn.datasets import load_sample_images
    >>> from sklearn_cnn.transforms import Grayscale
    >>> Grayscale().fit_transform(load_sample_images().images).shape
    (2, 427, 640, 1)
    """

    def __init__(self, *, spatial_dims="auto", data_format="channels_last"):
        self.spatial_dims = spatial_dims
        self.data_format = data_format

    def _apply(self, images):
        return _functional.grayscale(images)


@documented
class SelectChannels(_ImageTransformer):
    """Choose channels, in any order.

    Parameters
    ----------
    channels : int or sequence of int
        Indices of the channels, counted from 0, or from -1 backwards. The same one may
        stand there several times, as [0, 0, 0] for grey images with three channels.
    {spatial_dims}
    {data_format}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    Grayscale : Turns red, green and blue into one channel.

    Examples
    --------
    From blue, green, red, as OpenCV reads them, to red, green, blue:

    >>> import numpy as np
    >>> from sklearn_cnn.transforms import SelectChannels
    >>> SelectChannels([2, 1, 0]).fit_transform(np.array([[[[1, 2, 3]]]]))
    array([[[[3, 2, 1]]]])
    """

    _parameter_constraints: ClassVar[dict] = {
        **_ImageTransformer._parameter_constraints,
        "channels": [Integral, "array-like"],
    }

    def __init__(self, channels, *, spatial_dims="auto", data_format="channels_last"):
        self.channels = channels
        self.spatial_dims = spatial_dims
        self.data_format = data_format

    def _apply(self, images):
        return images[:, _indices(self.channels, images.shape[1])]


def _indices(channels, n_channels):
    try:
        indices = np.atleast_1d(np.asarray(channels))
    except ValueError:  # lists of several lengths
        indices = np.empty(0)
    if indices.dtype.kind not in "iu" or indices.ndim != 1 or indices.size == 0:
        raise ValueError(
            f"channels={channels!r} must be an integer or a sequence of one or more "
            "integers."
        )
    wrong = indices[(indices < -n_channels) | (indices >= n_channels)]
    if wrong.size:
        raise ValueError(
            f"channels={channels!r} asks for channel {wrong[0]}, but X has {n_channels}"
            f" channel(s), 0 to {n_channels - 1}. Choose among these, or say by "
            "data_format and spatial_dims which axis holds the channels."
        )
    return indices
