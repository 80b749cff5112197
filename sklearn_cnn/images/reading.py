"""How images that are read become pixels: the parameters that all readers have."""

from dataclasses import dataclass
from numbers import Integral
from typing import Any

from PIL import Image

from sklearn_cnn.images.naming import shortened
from sklearn_cnn.images.pages import check_pages
from sklearn_cnn.utils._framing import RESIZES
from sklearn_cnn.utils._parameters import is_integer, is_number, require_integer

#: What images can be converted to.
MODES = ("L", "RGB", "RGBA", "I;16")
MAX_SIDE = 1 << 15


@dataclass(frozen=True)
class Reading:
    """How files become pixels; see the parameters of ImageFiles.

    The defaults keep what files hold.
    """

    size: tuple[int, int] | None = None
    mode: str | None = None
    pages: str | int | None = None
    max_pixels: int | None = None
    resize: str = "stretch"
    fill: Any = "auto"

    @classmethod
    def checked(cls, *, size, mode, pages, max_pixels, resize, fill):
        """Make one of what a user has passed."""
        if max_pixels is not None:
            require_integer("max_pixels", max_pixels, 1)
        size = as_size(size)
        check_resize(resize, fill)
        if resize != "stretch" and size is None:
            raise ValueError(
                f"resize={resize!r} says how images are brought to a size, but size is "
                "None. Pass size=(height, width), or leave resize out."
            )
        return cls(size, check_mode(mode), check_pages(pages), max_pixels, resize, fill)

    @property
    def most_pixels(self):
        """Most pixels of an image that is not refused; None if there is no limit."""
        if self.max_pixels is None:
            return Image.MAX_IMAGE_PIXELS
        return self.max_pixels

    @property
    def of_pixels(self):
        """What pixels depend on, as messages and hashes have it."""
        how = () if self.resize == "stretch" else (self.resize, self.fill)
        return (self.size, self.mode, self.pages, *how)


AS_IT_IS = Reading()


def as_size(size):
    """Check the size that images are resized to; one number is both sides."""
    if size is None:
        return None
    pair = (size, size) if isinstance(size, Integral) else size
    valid = isinstance(pair, tuple | list) and len(pair) == 2
    if not valid or not all(is_integer(n) and 0 < n <= MAX_SIDE for n in pair):
        raise ValueError(
            f"size={shortened(size)} must be (height, width), or one number for both, "
            f"from 1 to {MAX_SIDE} pixels; or None to keep the size of the files."
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


def check_resize(resize, fill):
    """Check what is done about the ratio of sides."""
    if not isinstance(resize, str) or resize not in RESIZES:
        raise ValueError(
            f"resize={shortened(resize)} must be 'stretch', which changes the ratio of "
            "the sides, 'pad' or 'crop', which keep it."
        )
    if not (isinstance(fill, str) and fill == "auto") and not is_number(fill):
        raise ValueError(
            f"fill={shortened(fill)} must be a number, or 'auto' for the median of the "
            "border of each image."
        )
