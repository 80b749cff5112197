"""Images brought to a size, with or without another ratio of their sides."""

import numpy as np
from PIL import Image

from sklearn_cnn.utils._framing import (
    as_pixel,
    border_medians,
    inner_shape,
    middle,
    widths_around,
)


def resized(image, reading):
    """Bring a PIL image to the height and width of a reading, as an array."""
    height, width = reading.size
    if reading.resize == "pad":
        return _padded(image, reading)
    box = None
    if reading.resize == "crop":
        box = _window(image.width, image.height, width / height)
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR, box))


def _padded(image, reading):
    inner = inner_shape((image.height, image.width), reading.size)
    pixels = np.asarray(image.resize(inner[::-1], Image.Resampling.BILINEAR))
    if isinstance(reading.fill, str):
        fill = border_medians(np.moveaxis(np.atleast_3d(pixels), -1, 0)[None])[0]
    else:
        fill = as_pixel(reading.fill, pixels.dtype)
        if fill is None:
            raise ValueError(
                f"fill={reading.fill} is no value of its pixels, which are "
                f"{pixels.dtype}. Pass one that is, or fill='auto'."
            )
    padded = np.empty((*reading.size, *pixels.shape[2:]), pixels.dtype)
    padded[...] = fill
    padded[middle(widths_around(inner, reading.size), reading.size)] = pixels
    return padded


def _window(width, height, ratio):
    """Give the largest box of a ratio of sides in the middle of an image."""
    wide, high = min(width, height * ratio), min(height, width / ratio)
    left, top = (width - wide) / 2, (height - high) / 2
    return left, top, min(width, left + wide), min(height, top + high)
