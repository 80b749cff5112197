"""Which files are images: those that Pillow opens, and what was registered with it."""

import struct
from io import BytesIO
from stat import S_ISREG

from PIL import Image, UnidentifiedImageError

from sklearn_cnn.images.tiff import is_tiff

#: Other formats of Pillow are rare, or run programs to read a file.
FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
#: The same factory opens both.
_ALIASES = {"MPO": "JPEG"}
_HEIF = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
HEIF_SUFFIXES = (".heic", ".heif", ".hif")
HEIF_REMEDY = (
    "HEIF is read once pillow-heif is installed and registered: import pillow_heif; "
    "pillow_heif.register_heif_opener()"
)


def plugins():
    """Give what others than Pillow have registered: (name, factory, accept) of each."""
    return [
        (name, factory, accept)
        for name, (factory, accept) in Image.OPEN.items()
        if getattr(factory, "__module__", "").partition(".")[0] != "PIL"
    ]


def register_plugins(openers):
    """Register in another process what was registered in the first."""
    for name, factory, accept in openers:
        if name not in Image.OPEN:
            Image.register_open(name, factory, accept)


def formats():
    """Name the formats that images are opened as."""
    Image.init()  # loads Pillow's own the first time
    own = [name for name in FORMATS if name in Image.OPEN]
    return (*own, *(name for name, *_ in plugins()))


def open_image(source, max_pixels=None):
    """Open a path or a file in memory, of one of the formats, without its pixels.

    Image.open has its limit as a global alone: beyond it files are opened one floor
    below, where they are told apart just so.
    """
    most = Image.MAX_IMAGE_PIXELS
    if max_pixels is None or most is None or max_pixels <= most:
        return Image.open(source, formats=formats())
    start = _start_of(source)
    for name in formats():
        factory, accept = Image.OPEN[name]
        try:
            fits = accept is None or accept(start)
            if fits and not isinstance(fits, str):  # which would be a warning
                return factory(source)
        except (SyntaxError, IndexError, TypeError, struct.error):
            continue  # looked like it
    raise UnidentifiedImageError


def _start_of(source):
    if isinstance(source, BytesIO):
        return source.getvalue()[:16]
    with open(source, "rb") as file:
        return file.read(16)


def suffixes():
    """List the suffixes, in lower case, of files that are expected to be images."""
    known = set(formats())
    extensions = Image.registered_extensions().items()
    return {suffix for suffix, name in extensions if _ALIASES.get(name, name) in known}


def looks_like_an_image(path):
    """Tell by the content of a file; only its beginning is read."""
    try:
        if not S_ISREG(path.stat().st_mode):
            return False
        with Image.open(path, formats=formats()):
            return True
    except UnidentifiedImageError:
        return is_tiff(path)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return True
    except Exception:  # what is no image makes decoders raise anything
        return False


def is_heif(source):
    """Tell by the first bytes of a path, or of a file in memory."""
    if isinstance(source, bytes):
        start = source[:12]
    else:
        with open(source, "rb") as file:
            start = file.read(12)
    return start[4:8] == b"ftyp" and start[8:] in _HEIF
