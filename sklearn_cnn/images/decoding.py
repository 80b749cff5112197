"""One image, however it is stored, as an array of pixels."""

import os
import struct
import warnings
from contextlib import nullcontext
from io import BytesIO
from numbers import Integral
from stat import S_ISREG
from threading import Lock

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from sklearn_cnn.images.formats import HEIF_REMEDY, formats, is_heif
from sklearn_cnn.images.naming import name_of
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
_BITS_PER_SAMPLE = 258  # the tag of TIFF
_DARK = 1 << 12
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
#: Formats whose grey of 16 bits Pillow may give as integers of 32.
_WHITE_IS_65535 = ("PNG", "PPM")
#: Images that are lent may be one, or share a file, and be passed on several threads.
_LOADING = Lock()


def decode(source, size=None, mode=None, pages=None):
    """Read one image, of shape (height, width[, n_channels]), as uint8 or uint16.

    ``source`` is a path, the bytes of a file, or a PIL image, which is loaded and else
    left as it is. The image is turned upright as its EXIF orientation says. ``pages``
    says what becomes of several pages: "channels", "depth", which gives (n_pages,
    height, width[, n_channels]), or the number of the one to read; as None they are an
    error. ``size`` (height, width) and ``mode`` as None keep what the file holds. The
    pixels may be read-only. Whatever goes wrong is a ValueError that names the image
    and the reason.
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
    _require_eight_bit_colours(image, mode)
    n_bits = declared_bits(image)
    is_deep = image.mode[0] not in "IF" and _has_deep_colours(image)
    pixels = _pixels(_upright(image), size, mode, n_bits)
    if is_deep and 0 < pixels.max() < _DARK >> 8:
        _warn_of_few_levels()
    return pixels


def _needs_tifffile(image, mode):
    if has_hidden_channels(image):
        return mode is None or is_greys(image)
    return mode is None and image.mode[0] not in "IF" and _has_deep_colours(image)


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
        np.asarray(_resized(Image.fromarray(band), size))
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
            f"size={size!r} must be (height, width), or one number for both, from 1 "
            f"to {_MAX_SIDE} pixels; or None to keep the size of the files."
        )
    return int(pair[0]), int(pair[1])


def check_mode(mode):
    """Check the mode that images are converted to, and give it back."""
    if mode is not None and mode not in MODES:
        raise ValueError(
            f"mode={mode!r} must be one of {', '.join(map(repr, MODES))}, or None to "
            "keep what the files hold."
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


def _pixels(image, size, mode, n_bits):
    image = _converted(_plain(image, mode, n_bits), mode)
    if size is not None and image.size != size[::-1]:
        image = _resized(image, size)
    return np.asarray(image)


def _resized(image, size):
    return image.resize(size[::-1], Image.Resampling.BILINEAR)


def _require_eight_bit_colours(image, mode):
    """Refuse colours of more bits, which Pillow cuts to 8 or does not understand."""
    if image.mode[0] in "IF" or not _has_deep_colours(image):
        return
    by_planes = image.format == "TIFF" and any(
        ";16" not in str(tile[3]) for tile in image.tile
    )
    if by_planes or "transparency" in image.info:
        raise ValueError(
            "it has more than 8 bits for each colour, plane by plane or with a colour "
            "that stands for transparent, which Pillow cannot read. Read it with "
            "another library into an array."
        )
    if mode is None:
        raise ValueError(
            "it has more than 8 bits for each colour, of which Pillow reads 8. Pass "
            "mode='RGB' if these are enough, or read it with another library."
        )


def _has_deep_colours(image):
    if image.format == "TIFF":
        tags = getattr(image, "tag_v2", {})  # lost by pickling
        return max(tags.get(_BITS_PER_SAMPLE, (8,))) > 8
    layouts = [tile[3] for tile in getattr(image, "tile", [])]
    if image.format == "PPM":
        # beside the name there is the largest value
        return any(not isinstance(raw, str) and raw[-1] > 255 for raw in layouts)
    if image.format == "JPEG2000" and layouts:
        return max(_bits_of_jpeg2000(image.fp)) > 8
    # a file of 5, 6 and 5 bits has this name as well
    return any(";16" in str(raw) and "BGR;16" not in str(raw) for raw in layouts)


def _bits_of_jpeg2000(file):
    """Read what Pillow does not tell, from the first segments (SOC, SIZ)."""
    place = file.tell()
    file.seek(0)
    _, _, header = file.read().partition(b"\xff\x4f\xff\x51")
    file.seek(place)
    n_channels = int.from_bytes(header[36:38])
    # for each of them three bytes; the highest bit is a sign
    return [(depth & 0x7F) + 1 for depth in header[38 : 38 + 3 * n_channels : 3]]


def _plain(image, mode, n_bits):
    """Give 16-bit images one byte order, and refuse what 16 bits cannot hold."""
    if image.mode == "F" or (image.mode == "I" and not _fits_16_bits(image)):
        raise ValueError(
            "its pixels are floats or integers beyond 0 to 65,535. Read it with "
            "another library into an array."
        )
    if image.mode[0] != "I":
        return image
    is_wide = image.mode == "I" and image.format not in _WHITE_IS_65535
    if is_wide and mode not in (None, "I;16"):
        low, high = image.getextrema()
        raise ValueError(
            f"its pixels are integers of 32 bits, from {low} to {high}, so that nobody "
            f"knows which is white for mode={mode!r}. Pass mode='I;16' to keep them, "
            "or scale them to 8 bits first."
        )
    grey = np.asarray(image).astype(np.uint16)
    if mode not in (None, "I;16"):
        grey = _over_all_bits(grey, n_bits)
    plain = Image.fromarray(grey)
    plain.info = image.info
    return plain


def _over_all_bits(grey, n_bits):
    """Let white be white where 16 bits hold fewer, as those of many cameras do."""
    if n_bits < 16:
        return grey << (16 - n_bits)
    if 0 < grey.max() < _DARK:
        _warn_of_few_levels()
    return grey


def _warn_of_few_levels():
    warnings.warn(
        f"Images of 16 bits have no value above {_DARK - 1:,}, as those of cameras of "
        "10 or 12 bits, and mode leaves few levels of them. Pass mode='I;16' for grey, "
        "or mode=None, to keep all.",
        stacklevel=2,
    )


def _fits_16_bits(image):
    low, high = image.getextrema()
    return low >= 0 and high <= 65_535


def _converted(image, mode):
    if mode is None:
        mode = _kept_mode(image)
    if image.mode == "I;16":
        image = _from_sixteen_bits(image, mode)
    elif mode == "I;16":
        # 255 becomes 65,535: white stays white
        grey = np.asarray(_converted(image, "L"))
        image = Image.fromarray(grey.astype(np.uint16) * 257)
    elif mode != "RGBA" and image.has_transparency_data:
        # what lies under transparent pixels was never meant to be seen
        paper = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(paper, image.convert("RGBA"))
    return image if image.mode == mode else image.convert(mode)


def _from_sixteen_bits(image, mode):
    """Give grey of 16 bits, or of 8 by the high byte, and alpha if it is wanted."""
    grey, clear = np.asarray(image), _transparent_pixels(image)
    if mode != "RGBA":
        grey = np.where(clear, np.uint16(65_535), grey)
    if mode == "I;16":
        return Image.fromarray(grey)
    image = Image.fromarray((grey >> 8).astype(np.uint8))
    if mode == "RGBA":
        image.putalpha(Image.fromarray(np.where(clear, 0, 255).astype(np.uint8)))
    return image


def _transparent_pixels(image):
    """Find them in grey of 16 bits, where one level may stand for them (PNG)."""
    return np.asarray(image) == image.info.get("transparency", -1)


def _kept_mode(image):
    if image.mode == "I;16":
        if _transparent_pixels(image).any():
            raise ValueError(
                "it has 16 bits and transparent pixels, which no mode keeps both. Pass "
                "mode='I;16' to make them white, or mode='RGBA' if 8 bits are enough."
            )
        return "I;16"
    if image.has_transparency_data and _has_alpha(image):
        return "RGBA"
    return "L" if image.mode in ("1", "L") else "RGB"


def _has_alpha(image):
    """Tell alpha channels, and palettes and levels of which a pixel is transparent."""
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa"):
        return True
    lowest, _ = image.convert("RGBA").getchannel("A").getextrema()
    return lowest < 255


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
