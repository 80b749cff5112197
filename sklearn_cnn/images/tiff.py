"""TIFF files of which Pillow reads a part: more channels, or more bits of colours."""

from io import BytesIO

import numpy as np
from PIL import Image

_TAGS = {
    "bits": 258,
    "photometric": 262,
    "orientation": 274,
    "samples": 277,
    "largest": 281,
    "format": 339,
}
_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_UNSIGNED, _SIGNED = 1, 2
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _CMYK = 0, 1, 2, 5
#: A file may claim any number of channels.
_MAX_CHANNELS = 1 << 10
#: What brings an array upright, by the orientation of the file.
_TURNS = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: np.rot90(pixels),
}


def is_tiff(source):
    """Tell by the first bytes of a path, or of a file in memory."""
    if isinstance(source, bytes):
        return source.startswith(_STARTS)
    with open(source, "rb") as file:
        return file.read(4) in _STARTS


def has_hidden_channels(image):
    """Tell whether a TIFF file has channels that its PIL image leaves out."""
    tags = getattr(image, "tag_v2", {})  # lost by pickling
    return tags.get(_TAGS["samples"], 1) > len(image.getbands())


def is_greys(image):
    """Tell a file whose channels are none of them a colour."""
    photometric = getattr(image, "tag_v2", {}).get(_TAGS["photometric"])
    return photometric in (_WHITE_IS_ZERO, _BLACK_IS_ZERO)


def declared_bits(image):
    """Give the bits of a pixel that a TIFF file declares; 16 where it does not."""
    tags = getattr(image, "tag_v2", {})
    largest = tags.get(_TAGS["largest"], 0xFFFF)
    largest = max(largest) if isinstance(largest, tuple) else largest
    n_bits = max(tags.get(_TAGS["bits"], (16,)))
    return min(n_bits, max(int(largest).bit_length(), 8))


def require_kept_values(image):
    """Refuse a loaded image whose integers Pillow takes for others."""
    tags = getattr(image, "tag_v2", {})
    n_bits = max(tags.get(_TAGS["bits"], (1,)))
    kind = max(tags.get(_TAGS["format"], (_UNSIGNED,)))
    is_int8 = n_bits == 8 and kind == _SIGNED
    is_uint32 = n_bits == 32 and kind == _UNSIGNED and image.mode == "I"
    if is_int8 or (is_uint32 and image.getextrema()[0] < 0):
        raise ValueError(
            f"its pixels are {'int8' if is_int8 else 'uint32'}, which Pillow takes for "
            "others. Read it into an array, as by tifffile.imread(path)."
        )


def with_high_white(upright, image):
    """Turn grey of 16 bits in which white is 0, as Pillow turns that of 8 bits.

    ``image`` has the tags, which one that was turned upright has lost.
    """
    tags = getattr(image, "tag_v2", {})
    is_deep = upright.mode.startswith("I;16")
    if not is_deep or tags.get(_TAGS["photometric"]) != _WHITE_IS_ZERO:
        return upright
    white = (1 << max(tags.get(_TAGS["bits"], (16,)))) - 1
    return Image.fromarray((white - np.asarray(upright)).astype(np.uint16))


def read_tiff(source, page, check_extent):
    """Read all channels of a page, of shape (height, width[, n_channels]), upright.

    ``check_extent(width, height)`` refuses what is too large.
    """
    with _tifffile().TiffFile(
        BytesIO(source) if isinstance(source, bytes) else source
    ) as file:
        found = file.pages[page]
        check_extent(found.imagewidth, found.imagelength)
        _require_pixels(found)
        pixels = found.asarray()
        if found.planarconfig == 2 and found.samplesperpixel > 1:
            pixels = np.moveaxis(pixels, 0, -1)
        if found.photometric == _WHITE_IS_ZERO:
            pixels = np.iinfo(pixels.dtype).max - pixels
        tag = found.tags.get(_TAGS["orientation"])
        turn = _TURNS.get(tag.value if tag else 1)
    native = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    return native if turn is None else turn(native)


def count_tiff_pages(source):
    """Count the pages of a file that Pillow cannot open."""
    with _tifffile().TiffFile(
        BytesIO(source) if isinstance(source, bytes) else source
    ) as file:
        return len(file.pages)


def _require_pixels(page):
    if page.dtype not in (np.uint8, np.uint16):
        raise ValueError(
            f"its pixels are {page.dtype}. Read it into an array, as by "
            "tifffile.imread(path)."
        )
    if page.photometric not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _CMYK):
        raise ValueError(
            f"it has {page.samplesperpixel} channels of {page.photometric.name}. Read "
            "it into an array, as by tifffile.imread(path)."
        )
    if page.samplesperpixel > _MAX_CHANNELS or page.imagedepth > 1:
        raise ValueError(
            f"it has {page.samplesperpixel} channels and a depth of {page.imagedepth}, "
            f"but at most {_MAX_CHANNELS} and 1 are read. Read it into an array, as by "
            "tifffile.imread(path)."
        )


def _tifffile():
    try:
        import tifffile
    except ImportError as error:
        raise ImportError(
            "Pillow cannot read all of its channels and bits, but tifffile does: pip "
            "install 'sklearn_cnn[tiff]'"
        ) from error
    return tifffile
