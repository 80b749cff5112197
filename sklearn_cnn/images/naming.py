"""What messages say of images and files: enough to find them, and no more."""

import os
from reprlib import Repr

from PIL import Image

_MAX_LISTED = 10
#: Paths are shown whole, if they are of any use.
_SHORT = Repr()
_SHORT.maxstring, _SHORT.maxother, _SHORT.maxdict = 300, 50, 3
_SHORT.maxlevel, _SHORT.maxlist, _SHORT.maxtuple = 2, 2, 2


def name_of(source):
    """Name an image in messages."""
    if isinstance(source, str | os.PathLike):
        return shortened(os.fspath(source))
    if isinstance(source, bytes):
        return f"<{len(source)} bytes>"
    if isinstance(source, Image.Image):
        return f"<PIL image, {source.width}x{source.height}, {source.mode}>"
    return shortened(source)


def shortened(value):
    """Represent a value in messages, cut where it is long."""
    return " ".join(_SHORT.repr(value).split())


def as_list(lines):
    """List reasons, one a line: the first of them, and how many there are more."""
    more = len(lines) - _MAX_LISTED
    end = [f"... and {more} more"] if more > 0 else []
    return "\n".join([*lines[:_MAX_LISTED], *end])


def from_row(source):
    """Give bytes or path of an image as Hugging Face's data sets hold them."""
    if isinstance(source, dict) and {"bytes", "path"} >= source.keys() >= {"bytes"}:
        return source["bytes"] or source.get("path")
    return source
