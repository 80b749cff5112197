"""From an opened image to pixels of some mode and size."""

import warnings

import numpy as np
from PIL import Image

from sklearn_cnn.images.resizing import resized

#: Formats whose grey of 16 bits Pillow may give as integers of 32.
_WHITE_IS_65535 = ("PNG", "PPM")
_DARK = 1 << 12
_BITS_PER_SAMPLE = 258  # the tag of TIFF


def pixels_of(image, reading, n_bits):
    """Give the pixels of an image, converted and resized."""
    mode, size = reading.mode, reading.size
    if mode is not None or not _is_wide(image):
        image = _converted(_plain(image, mode, n_bits), mode)
    if size is None or image.size == size[::-1]:
        pixels = np.asarray(image)
    else:
        pixels = resized(image, reading)
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        raise ValueError(
            "it has pixels that are NaN or infinite. Replace them, or read it with "
            "another library into an array."
        )
    return pixels


def require_eight_bit_colours(image, mode):
    """Refuse colours of more bits, which Pillow cuts to 8 or does not understand."""
    if image.mode[0] in "IF" or not has_deep_colours(image):
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


def has_deep_colours(image):
    """Tell whether colours in the file have more than 8 bits."""
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
    if _is_wide(image):
        raise ValueError(
            "its pixels are floats or integers beyond 0 to 65,535, so that nobody "
            f"knows which is white for mode={mode!r}. Leave out mode to keep them."
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
    warn_of_few_levels(grey.max())
    return grey


def warn_of_few_levels(brightest):
    """Warn where a mode of 8 bits leaves little of the levels of a camera."""
    if not 0 < brightest < _DARK:
        return
    warnings.warn(
        f"Images of 16 bits have no value above {_DARK - 1:,}, as those of cameras of "
        "10 or 12 bits, and mode leaves few levels of them. Pass mode='I;16' for grey, "
        "or mode=None, to keep all.",
        stacklevel=2,
    )


def _is_wide(image):
    """Tell floats, and integers that 16 bits cannot hold."""
    if image.mode != "I":
        return image.mode == "F"
    low, high = image.getextrema()
    return low < 0 or high > 65_535


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
