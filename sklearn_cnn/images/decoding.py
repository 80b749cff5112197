"""One image, however it is stored, as an array of pixels."""

import os
import struct
from contextlib import nullcontext
from io import BytesIO
from numbers import Integral
from stat import S_ISREG
from threading import Lock

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from sklearn_cnn.images.conversion import (
    has_deep_colours,
    pixels_of,
    require_eight_bit_colours,
    resized,
    warn_of_few_levels,
)
from sklearn_cnn.images.formats import HEIF_REMEDY, formats, is_heif
from sklearn_cnn.images.naming import name_of, shortened
from sklearn_cnn.images.pages import chosen_pages, joined, pages_of
from sklearn_cnn.images.tiff import (
    count_tiff_pages,
    declared_bits,
    has_hidden_channels,
    is_greys,
    is_tiff,
    read_tiff,
)
from sklearn_cnn.utils._parameters import is_integer

#: What images can be converted to.
MODES = ("L", "RGB", "RGBA", "I;16")
_MAX_SIDE = 1 << 15
_MAX_REASON = 500
#: What brings images upright, by their EXIF orientation.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
#: Images that are lent may be one, or share a file, and be passed on several threads.
_LOADING = Lock()


def decode(source, size=None, mode=None, pages=None):
    """Read one image, of shape (height, width[, n_channels]), as uint8 or uint16.

    Without ``mode`` it is float32 or int32 where that is what it holds. ``source`` is a
    path, the bytes of a file, or a PIL image, which is loaded and else left as it is.
    The image is turned upright as its EXIF orientation says. ``pages`` says what
    becomes of several pages: "channels", "depth", which gives (n_pages, height, width[,
    n_channels]), or the number of the one to read; as None they are an error. ``size``
    (height, width) and ``mode`` as None keep what the file holds. The pixels may be
    read-only. Whatever goes wrong is a ValueError that names the image and the reason.
    """
    try:
        return _read(source, size, mode, pages)
    except Exception as error:  # broken files make decoders raise anything
        raise _unreadable(source, error) from error


def _read(source, size, mode, pages):
    try:
        opened = _opened(source)
    except UnidentifiedImageError:
        if is_heif(source):
            raise ValueError(f"{HEIF_REMEDY}.") from None
        if not is_tiff(source):
            raise
        chosen = chosen_pages(list(range(count_tiff_pages(source))), pages)
        parts = [_from_tiff(source, page, size, mode) for page in chosen]
        return joined(parts, pages)
    with opened as image, _LOADING if image is source else nullcontext():
        return _decoded(image, source, size, mode, pages)


def _decoded(image, source, size, mode, pages):
    numbers = pages_of(image)
    if numbers == [image.tell()] and pages is None:
        return _page(image, source, size, mode)
    place = image.tell()
    parts = []
    try:
        for number in chosen_pages(numbers, pages):
            try:
                image.seek(number)
            except SyntaxError:  # of TIFF: Pillow cannot read this page
                parts.append(_from_tiff(source, number, size, mode))
                continue
            # of animations the next page is drawn into the same memory
            parts.append(np.array(_page(image, source, size, mode)))
    finally:
        image.seek(place)
    return joined(parts, pages)


def _page(image, source, size, mode):
    _check_extent(image.width, image.height)
    if size is not None and image is not source:
        # JPEG: leave out detail early, but keep twice of what resizing needs
        image.draft(None, (2 * max(size), 2 * max(size)))
    if image.format == "TIFF" and _needs_tifffile(image, mode):
        if image is source:
            raise ValueError(
                "Pillow has not read all channels and bits of its file. Pass the path "
                "of the file in the place of the image."
            )
        return _from_tiff(source, image.tell(), size, mode)
    require_eight_bit_colours(image, mode)
    n_bits = declared_bits(image)
    is_deep = image.mode[0] not in "IF" and has_deep_colours(image)
    pixels = pixels_of(_upright(image), size, mode, n_bits)
    if is_deep:
        warn_of_few_levels(int(pixels.max()) << 8)
    return pixels


def _needs_tifffile(image, mode):
    if has_hidden_channels(image):
        return mode is None or is_greys(image)
    return mode is None and image.mode[0] not in "IF" and has_deep_colours(image)


def _from_tiff(source, page, size, mode):
    if mode is not None:
        raise ValueError(
            f"it has channels that mode={mode!r} does not have, and nobody knows which "
            "colours they are. Leave out mode to read all of them."
        )
    pixels = read_tiff(source, page, _check_extent)
    if size is None or pixels.shape[:2] == size:
        return pixels
    bands = [
        np.asarray(resized(Image.fromarray(band), size))
        for band in np.moveaxis(np.atleast_3d(pixels), -1, 0)
    ]
    return np.dstack(bands) if pixels.ndim > 2 else bands[0]


def check_header(source):
    """Give the sides of an image, the smaller first, by the start of its file.

    Whatever shows there that it cannot be read is a ValueError.
    """
    try:
        try:
            opened = _opened(source)
        except UnidentifiedImageError:
            if is_tiff(source):
                return None
            if is_heif(source):
                raise ValueError(f"{HEIF_REMEDY}.") from None
            raise
        with opened as image:
            _check_extent(image.width, image.height)
            return tuple(sorted(image.size))
    except Exception as error:  # broken files make decoders raise anything
        raise _unreadable(source, error) from error


def _unreadable(source, error):
    reason = _reason(error)
    return ValueError(f"{name_of(source)} cannot be read as an image: {reason}")


def as_size(size):
    """Check the size that images are resized to; one number is both sides."""
    if size is None:
        return None
    pair = (size, size) if isinstance(size, Integral) else size
    valid = isinstance(pair, tuple | list) and len(pair) == 2
    if not valid or not all(is_integer(n) and 0 < n <= _MAX_SIDE for n in pair):
        raise ValueError(
            f"size={shortened(size)} must be (height, width), or one number for both, "
            f"from 1 to {_MAX_SIDE} pixels; or None to keep the size of the files."
        )
    return int(pair[0]), int(pair[1])


def check_mode(mode):
    """Check the mode that images are converted to, and give it back."""
    if mode is not None and not (isinstance(mode, str) and mode in MODES):
        raise ValueError(
            f"mode={shortened(mode)} must be one of {', '.join(map(repr, MODES))}, or "
            "None to keep what the files hold."
        )
    return mode


def _opened(source):
    if isinstance(source, Image.Image):
        return nullcontext(source)
    if isinstance(source, bytes):
        if not source:
            raise ValueError("there are no bytes.")
        return Image.open(BytesIO(source), formats=formats())
    if not isinstance(source, str | os.PathLike):
        raise ValueError("it is neither a path, nor bytes, nor a PIL image.")
    found = os.stat(source)
    if not S_ISREG(found.st_mode):
        raise ValueError("it is not a file.")
    if not found.st_size:
        raise ValueError("the file is empty.")
    return Image.open(source, formats=formats())


def _check_extent(width, height):
    shape = f"{width}x{height} pixels"
    if min(width, height) < 1:
        raise ValueError(f"it has {shape}.")
    if max(width, height) > _MAX_SIDE:
        raise ValueError(
            f"it has {shape}, and more than {_MAX_SIDE} along a side are refused. Cut "
            "it into tiles."
        )
    # Pillow only warns of up to twice as many
    most = Image.MAX_IMAGE_PIXELS
    if most is not None and width * height > most:
        raise Image.DecompressionBombError(shape)


def _upright(image):
    # not ImageOps.exif_transpose: it also writes EXIF data anew, which may be corrupt
    image.load()
    turn = _TURNS.get(_orientation(image))
    return image if turn is None else image.transpose(turn)


def _orientation(image):
    try:
        return image.getexif().get(ExifTags.Base.Orientation)
    except (SyntaxError, struct.error, KeyError, TypeError, ValueError):
        return None  # corrupt EXIF data say nothing of the pixels


def _reason(error):
    if isinstance(error, UnidentifiedImageError):
        return (
            "it is no image, has no pixels, or is of another format than "
            f"{', '.join(formats())}."
        )
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return (
            f"it has more than {Image.MAX_IMAGE_PIXELS} pixels, as a decompression "
            f"bomb does ({error}). Raise PIL.Image.MAX_IMAGE_PIXELS if you trust it."
        )
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}."
    reason = str(error) or type(error).__name__
    return reason if len(reason) <= _MAX_REASON else f"{reason[:_MAX_REASON]}..."
