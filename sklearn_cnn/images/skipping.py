"""Files that cannot be read are left out, and told of."""

import warnings
from functools import partial
from math import prod

import numpy as np

from sklearn_cnn.images.decoding import decode
from sklearn_cnn.images.naming import as_list, shortened
from sklearn_cnn.images.parallel import in_threads
from sklearn_cnn.images.sources import refuse_files
from sklearn_cnn.utils._messages import frames_to_user
from sklearn_cnn.utils._progress import counted, progress

#: Most files, and pixels of them, that are read at once.
_FILES, _PIXELS = 256, 1 << 24


def is_skip(on_error):
    """Tell whether files that cannot be read are left out, or are an error."""
    if not isinstance(on_error, str) or on_error not in ("raise", "skip"):
        raise ValueError(
            f"on_error={shortened(on_error)} must be 'raise', or 'skip' to leave out "
            "files that cannot be read."
        )
    return on_error == "skip"


def readable_rows(source, keep):
    """Read all files of a FileSource, and give the rows of those that can be read.

    ``source.skipped`` gets the reasons of the others, ``keep(rows, images)`` the
    pixels. It is an error, which lists them, if some are not like the first.
    """
    with progress("files read", len(source)) as count:
        rows, unlike = _sorted_out(source, keep, count)
    refuse_files(unlike)
    source.is_checked[rows] = True
    return np.array(rows)


def _sorted_out(source, keep, count):
    step = max(1, min(_FILES, _PIXELS // prod(source.image_shape)))
    rows, unlike = [], []
    read = partial(_try, source.reading)
    for start in range(0, len(source), step):
        paths = source.paths[start : start + step]
        found = in_threads(counted(read, count), paths, source.n_workers)
        good = []
        for i, (path, pixels) in enumerate(zip(paths, found, strict=True)):
            if isinstance(pixels, str):
                source.skipped[path] = pixels
            elif message := source.unlike(path, pixels):
                unlike.append(message)
            else:
                good.append(i)
        rows += [start + i for i in good]
        if good:
            keep(np.array(good) + start, np.stack([found[i] for i in good]))
    return rows, unlike


def _try(reading, path):
    try:
        return decode(path, reading)
    except ValueError as error:
        return str(error)


def warn_of_skipped(source):
    """Warn of files that were left out."""
    if source.skipped:
        warnings.warn(
            f"{len(source.skipped)} of {len(source)} images cannot be read and are "
            "left out. X.skipped has all reasons; of other arrays with a row for each "
            "path, X.kept takes the rows that are left, as in y[X.kept].\n"
            f"{as_list(list(source.skipped.values()))}",
            stacklevel=frames_to_user(),
        )
