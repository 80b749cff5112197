"""One image, however it is stored, as an array of pixels."""

import os
import struct
from contextlib import nullcontext
from functools import partial
from io import BytesIO
from stat import S_ISREG
from threading import Lock

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from sklearn_cnn.images.conversion import (
    has_deep_colours,
    pixels_of,
    require_eight_bit_colours,
    warn_of_few_levels,
)
from sklearn_cnn.images.formats import HEIF_REMEDY, formats, is_heif, open_image
from sklearn_cnn.images.naming import name_of
from sklearn_cnn.images.pages import chosen_pages, joined, pages_of
from sklearn_cnn.images.reading import AS_IT_IS, MAX_SIDE
from sklearn_cnn.images.resizing import resized
from sklearn_cnn.images.tiff import (
    count_tiff_pages,
    declared_bits,
    has_hidden_channels,
    is_greys,
    is_tiff,
    read_tiff,
    require_kept_values,
    with_high_white,
)

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


def decode(source, reading=AS_IT_IS):
    """Read one image, of shape (height, width[, n_channels]), as uint8 or uint16.

    Without a mode it is float32 or int32 where that is what it holds. ``source`` is a
    path, the bytes of a file, or a PIL image, which is loaded and else left as it is.
    The image is turned upright as its EXIF orientation says. The pages of the reading
    say what becomes of several: "channels", "depth", which gives (n_pages, height,
    width[, n_channels]), or the number of the one to read; as None they are an error.
    Its size and mode as None keep what the file holds. The pixels may be read-only.
    Whatever goes wrong is a ValueError that names the image and the reason.
    """
    try:
        return _read(source, reading)
    except Exception as error:  # broken files make decoders raise anything
        raise _unreadable(source, error) from error


def _read(source, reading):
    try:
        opened = _opened(source, reading)
    except UnidentifiedImageError:
        if is_heif(source):
            raise ValueError(f"{HEIF_REMEDY}.") from None
        if not is_tiff(source):
            raise
        numbers = list(range(count_tiff_pages(source)))
        chosen = chosen_pages(numbers, reading.pages)
        parts = [_from_tiff(source, page, reading) for page in chosen]
        return joined(parts, reading.pages)
    with opened as image, _LOADING if image is source else nullcontext():
        return _decoded(image, source, reading)


def _decoded(image, source, reading):
    numbers = pages_of(image)
    if numbers == [image.tell()] and reading.pages is None:
        return _page(image, source, reading)
    place = image.tell()
    parts = []
    try:
        for number in chosen_pages(numbers, reading.pages):
            try:
                image.seek(number)
            except SyntaxError:  # of TIFF: Pillow cannot read this page
                parts.append(_from_tiff(source, number, reading))
                continue
            # of animations the next page is drawn into the same memory
            parts.append(np.array(_page(image, source, reading)))
    finally:
        image.seek(place)
    return joined(parts, reading.pages)


def _page(image, source, reading):
    _check_extent(image.width, image.height, reading)
    if reading.size is not None and image is not source:
        # JPEG: leave out detail early, but keep twice of what resizing needs
        twice = 2 * max(reading.size)
        image.draft(None, (twice, twice))
    if image.format == "TIFF" and _needs_tifffile(image, reading.mode):
        if image is source:
            raise ValueError(
                "Pillow has not read all channels and bits of its file. Pass the path "
                "of the file in the place of the image."
            )
        return _from_tiff(source, image.tell(), reading)
    require_eight_bit_colours(image, reading.mode)
    n_bits = declared_bits(image)
    is_deep = image.mode[0] not in "IF" and has_deep_colours(image)
    upright = _upright(image)
    require_kept_values(image)
    pixels = pixels_of(with_high_white(upright, image), reading, n_bits)
    if is_deep:
        warn_of_few_levels(int(pixels.max()) << 8)
    return pixels


def _needs_tifffile(image, mode):
    if has_hidden_channels(image):
        return mode is None or is_greys(image)
    return mode is None and image.mode[0] not in "IF" and has_deep_colours(image)


def _from_tiff(source, page, reading):
    if reading.mode is not None:
        raise ValueError(
            f"it has channels that mode={reading.mode!r} does not have, and nobody "
            "knows which colours they are. Leave out mode to read all of them."
        )
    pixels = read_tiff(source, page, partial(_check_extent, reading=reading))
    if reading.size is None or pixels.shape[:2] == reading.size:
        return pixels
    bands = [
        resized(Image.fromarray(band), reading)
        for band in np.moveaxis(np.atleast_3d(pixels), -1, 0)
    ]
    return np.dstack(bands) if pixels.ndim > 2 else bands[0]


def check_header(source, reading):
    """Give the sides of an image, the smaller first, by the start of its file.

    Whatever shows there that it cannot be read is a ValueError.
    """
    try:
        try:
            opened = _opened(source, reading)
        except UnidentifiedImageError:
            if is_tiff(source):
                return None
            if is_heif(source):
                raise ValueError(f"{HEIF_REMEDY}.") from None
            raise
        with opened as image:
            _check_extent(image.width, image.height, reading)
            return tuple(sorted(image.size))
    except Exception as error:  # broken files make decoders raise anything
        raise _unreadable(source, error) from error


def _unreadable(source, error):
    reason = _reason(error)
    return ValueError(f"{name_of(source)} cannot be read as an image: {reason}")


def _opened(source, reading):
    if isinstance(source, Image.Image):
        return nullcontext(source)
    if isinstance(source, bytes):
        if not source:
            raise ValueError("there are no bytes.")
        return open_image(BytesIO(source), reading.max_pixels)
    if not isinstance(source, str | os.PathLike):
        raise ValueError("it is neither a path, nor bytes, nor a PIL image.")
    found = os.stat(source)
    if not S_ISREG(found.st_mode):
        raise ValueError("it is not a file.")
    if not found.st_size:
        raise ValueError("the file is empty.")
    return open_image(source, reading.max_pixels)


def _check_extent(width, height, reading):
    shape = f"{width}x{height} pixels"
    if min(width, height) < 1:
        raise ValueError(f"it has {shape}.")
    if max(width, height) > MAX_SIDE:
        raise ValueError(
            f"it has {shape}, and more than {MAX_SIDE} along a side are refused. Cut "
            "it into tiles."
        )
    # Pillow only warns of up to twice as many
    most = reading.most_pixels
    if most is not None and width * height > most:
        if reading.max_pixels is None:
            raise Image.DecompressionBombError(shape)
        raise ValueError(
            f"it has {shape}, and more than max_pixels={most} in all are refused. "
            "Raise max_pixels if you trust it."
        )


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
            f"bomb does ({error}). Pass a larger max_pixels if you trust it."
        )
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}."
    reason = str(error) or type(error).__name__
    return reason if len(reason) <= _MAX_REASON else f"{reason[:_MAX_REASON]}..."
