"""Files of several pages: stacks, channels page by page, animations."""

import re
from itertools import count

import numpy as np

from sklearn_cnn.images.naming import shortened
from sklearn_cnn.utils._parameters import is_integer

#: In others than these, further images accompany the first: previews, depth maps.
_PAGED = ("GIF", "PNG", "TIFF", "WEBP", "AVIF")
_SUBFILE_TYPE, _DESCRIPTION = 254, 270  # tags of TIFF
_REDUCED, _MASK = 1, 4
_MAX_PAGES = 1 << 12


#: As many as a TIFF of 4 GB can list.
_MOST_PAGES = 1 << 32


def check_pages(pages):
    """Check what is read of files of several pages, and give it back."""
    # pandas.NA has no truth value
    if pages is None or (isinstance(pages, str) and pages in ("channels", "depth")):
        return pages
    if is_integer(pages) and 0 <= pages < _MOST_PAGES:
        return pages
    raise ValueError(
        f"pages={shortened(pages)} must be 'channels', 'depth', the number of a page, "
        "counted from 0, or None for files of one page."
    )


def pages_of(image):
    """List the pages of a PIL image, without thumbnails, overviews and masks."""
    place = image.tell()
    if image.format == "TIFF":
        _require_directories(image)
    if image.format not in _PAGED or not getattr(image, "is_animated", False):
        return [place]
    if image.format == "TIFF":
        numbers = _directories(image)
        image.seek(place)
    else:
        numbers = list(range(image.n_frames))
    if len(numbers) > _MAX_PAGES:
        raise ValueError(f"it has more than {_MAX_PAGES} pages.")
    return numbers


def _directories(image):
    """Walk through a TIFF file; what Pillow cannot read of it still has its tags."""
    numbers = []
    for page in count():
        try:
            image.seek(page)
        except EOFError:
            return numbers or [0]
        except SyntaxError:
            pass
        is_auxiliary = image.tag_v2.get(_SUBFILE_TYPE, 0) & (_REDUCED | _MASK)
        if not is_auxiliary:
            numbers.append(page)
        if len(numbers) > _MAX_PAGES:
            return numbers


def _require_directories(image):
    """Refuse stacks of ImageJ of which the first page alone has a place in the file."""
    description = str(getattr(image, "tag_v2", {}).get(_DESCRIPTION, ""))
    found = re.search(r"^images=(\d+)", description, re.MULTILINE)
    if not description.startswith("ImageJ=") or not found:
        return
    n_pages = int(found[1])
    if n_pages > 1 and not getattr(image, "is_animated", False):
        raise ValueError(
            f"it is a stack of ImageJ with {n_pages} pages, of which Pillow sees one. "
            "Read it into an array, as by tifffile.imread(path)."
        )


def chosen_pages(numbers, pages):
    """Choose those of the ``numbers`` of pages that are read."""
    if isinstance(pages, str):
        return numbers
    if pages is None and len(numbers) > 1:
        raise ValueError(
            f"it has {len(numbers)} pages. Pass pages='channels' to read them as "
            "channels, pages='depth' as a volume, or pages=0 for the first alone."
        )
    if pages is not None and pages >= len(numbers):
        raise ValueError(f"it has {len(numbers)} page(s), and none of pages={pages}.")
    return [numbers[pages or 0]]


def joined(arrays, pages):
    """Make one array of pages: channels last, or depth first."""
    if not isinstance(pages, str):
        return arrays[0]
    kinds = sorted({(array.shape, array.dtype.name) for array in arrays})
    depths = {(shape[:2], dtype) for shape, dtype in kinds}
    if len(depths if pages == "channels" else kinds) > 1:
        raise ValueError(
            f"its pages differ: {', '.join(f'{s}, {d}' for s, d in kinds[:3])}. Pass "
            "size and mode to read all alike."
        )
    return np.dstack(arrays) if pages == "channels" else np.stack(arrays)
