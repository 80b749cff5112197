"""Where images come from that are not in memory: files, or arrays on disk."""

import itertools
import mmap
import os
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from math import prod

import numpy as np
from scipy.sparse import issparse

from sklearn_cnn.images.decoding import check_header, decode
from sklearn_cnn.images.formats import plugins, register_plugins
from sklearn_cnn.images.masks import unmasked
from sklearn_cnn.images.naming import as_list, name_of, shortened
from sklearn_cnn.images.parallel import in_threads
from sklearn_cnn.images.refusals import refuse_sets
from sklearn_cnn.images.stored import (
    HDF5Array,
    file_of,
    mapped_file,
    require_stored,
    require_whole_file,
    rows_of_chunks,
    stored_rows,
    without_map,
)
from sklearn_cnn.utils._loaded import is_tensor
from sklearn_cnn.utils._parameters import require_integer
from sklearn_cnn.utils._progress import counted, progress

#: Pixels of a file from which on a second thread decodes faster than one: below, most
#: of the time is Python's, of which threads take turns.
_WORTH_THREADS = 128 * 128
#: Rows of a mapped file that are read before its pages are given back: the system may
#: map 2 MiB for each of them.
_MAPPED_ROWS = 16
#: Bytes of chunks that are read at once, beside the memory that they are read into.
_READ_BYTES = 1 << 24
_CAN_RELEASE = hasattr(mmap, "MADV_DONTNEED")  # not on Windows


class FileSource:
    """Image files of one size and kind, once a ``Reading`` has made pixels of them.

    ``n_workers`` threads decode; None means as many as the process may have, or one in
    all for small images. With ``skips`` the first that can be read says what they are.
    """

    #: Each is read by itself.
    has_chunks = False

    def __init__(self, paths, reading, n_workers, skips=False):
        self.paths = _checked_paths(paths)
        self.reading = reading
        self.is_checked = np.zeros(len(self.paths), bool)
        #: Those that cannot be read and were left out, with the reasons.
        self.skipped = {}
        if n_workers is not None:
            require_integer("n_workers", n_workers, 1)
        self.first, pixels = self._first_of_them(skips)
        self.image_shape, self.dtype = pixels.shape, pixels.dtype
        if n_workers is None:
            as_stored = replace(reading, size=None, resize="stretch")
            height, width = decode(self.first, as_stored).shape[:2]
            n_workers = None if height * width >= _WORTH_THREADS else 1
        self.n_workers = n_workers

    def _first_of_them(self, skips):
        if not skips:
            return self.paths[0], decode(self.paths[0], self.reading)
        reason = None
        for path in self.paths:
            try:
                return path, decode(path, self.reading)
            except ValueError as error:
                reason = reason or str(error)
        raise ValueError(
            f"None of the {len(self.paths)} images can be read. The first: {reason}"
        )

    def __len__(self):
        """Count the images."""
        return len(self.paths)

    def __getstate__(self):
        # a process that is sent this must open what this one opens
        openers = plugins()
        state = {k: v for k, v in vars(self).items() if k != "is_checked"}
        return {**state, **({"_plugins": openers} if openers else {})}

    def __setstate__(self, state):
        register_plugins(state.pop("_plugins", ()))
        vars(self).update(state, is_checked=np.zeros(len(state["paths"]), bool))

    def check(self, indices):
        """Open files without reading pixels, each but once; an error lists bad ones."""
        indices = np.unique(indices[~self.is_checked[indices]])
        sides = check_header(self.first, self.reading)
        paths = [self.paths[i] for i in indices.tolist()]
        check = partial(self._check_one, sides=sides)
        with progress("files opened", len(paths)) as count:
            found = in_threads(counted(check, count), paths, self.n_workers)
        refuse_files(filter(None, found))
        self.is_checked[indices] = True

    def _check_one(self, path, sides):
        try:
            found = check_header(path, self.reading)
        except ValueError as error:
            return str(error)
        if self.reading.size is not None or None in (found, sides) or found == sides:
            return None
        return (
            f"{name_of(path)} has sides of {found} pixels, but the first image, "
            f"{name_of(self.first)}, of {sides}. Pass size=(height, width) to "
            "resize all to one size."
        )

    def read(self, indices):
        """Decode images into new memory; each must be like the first file."""
        paths = [self.paths[i] for i in indices.tolist()]
        if not paths:
            return np.empty((0, *self.image_shape), self.dtype)
        return np.stack(in_threads(self._read_one, paths, self.n_workers))

    def _read_one(self, path):
        pixels = decode(path, self.reading)
        if message := self.unlike(path, pixels):
            raise ValueError(message)
        return pixels

    def unlike(self, path, pixels):
        """Say how an image differs from the first one; None if it does not."""
        if (pixels.shape, pixels.dtype) == (self.image_shape, self.dtype):
            return None
        return (
            f"{name_of(path)} is of shape {pixels.shape} and {pixels.dtype}, but "
            f"the first image, {name_of(self.first)}, of {self.image_shape} and "
            f"{self.dtype}. {_remedy(pixels.shape, self.image_shape)}"
        )


class ArraySource:
    """Rows of an array that stays where it is.

    It has ``shape``, ``dtype`` and indexing by increasing row numbers.
    """

    def __init__(self, array):
        array = unmasked(array, "array")
        _require_rows(array)
        self._array = array
        self.shape, self.dtype = tuple(array.shape), np.dtype(array.dtype)
        self._file = file_of(array)
        self._chunk_rows = rows_of_chunks(array)
        self._is_checked = False

    @property
    def array(self):
        """The array; where this is a copy, its file is opened when first asked for."""
        array = self._array
        if array is None:
            array = self._array = self._file.open(self.shape, self.dtype)
        return array

    @property
    def image_shape(self):
        """Shape of one image."""
        return self.shape[1:]

    @property
    def has_chunks(self):
        """Whether some rows are read together in any case."""
        return self._chunk_rows > 1

    def __len__(self):
        """Count the images."""
        return self.shape[0]

    def __getstate__(self):
        state = {
            "shape": self.shape,
            "dtype": self.dtype,
            "_chunk_rows": self._chunk_rows,
            "_is_checked": False,
        }
        if self._file is None:
            return {**state, "_file": None, "_array": without_map(self._array)}
        return {**state, "_file": self._file.as_it_is_now(), "_array": None}

    def close(self):
        """Let the next read open the file anew, which must have its size still."""
        if self._file is not None:
            self._file, self._array = self._file.as_it_is_now(), None

    @property
    def is_file(self):
        """Whether it is a file on this machine, which is read without waiting."""
        return self._file is not None

    def check(self, indices):
        """Look once whether the array is there, without reading it."""
        if not self._is_checked:
            require_stored(self.array)
            self._is_checked = True

    def neighbours(self, indices):
        """Give all rows of the chunks that these are in, in increasing order."""
        step = self._chunk_rows
        firsts = np.unique(indices // step) * step
        rows = (firsts[:, None] + np.arange(step)).ravel()
        return rows[rows < len(self)]

    def read(self, indices):
        """Read rows into new memory; NaN and infinity are an error."""
        if not len(indices):
            return np.empty((0, *self.image_shape), self.dtype)
        rows, places = np.unique(indices, return_inverse=True)
        array = self.array
        mapped = mapped_file(array)
        images = np.empty((len(rows), *self.image_shape), self.dtype)
        for part in self._runs(rows, mapped):
            if mapped is not None:
                require_whole_file(array)
            images[part] = stored_rows(array, rows[part])
            if mapped is not None and _CAN_RELEASE:
                mapped.madvise(mmap.MADV_DONTNEED)  # the system's cache keeps them
        if len(rows) < len(indices) or (np.diff(places) < 0).any():
            images = images[places]
        if images.dtype.kind == "f":
            _require_finite(images, indices)
        return images

    def _runs(self, rows, mapped):
        """Cut rows into slices of them that are read at once."""
        if mapped is not None:
            ends = np.arange(_MAPPED_ROWS, len(rows), _MAPPED_ROWS)
        elif isinstance(self._file, HDF5Array):
            other = (np.diff(rows // self._chunk_rows) > 0) & (np.diff(rows) > 1)
            ends = np.flatnonzero(other) + 1
        elif self.has_chunks:
            row_bytes = prod(self.image_shape) * self.dtype.itemsize
            step = max(1, _READ_BYTES // (row_bytes * self._chunk_rows))
            ends = np.flatnonzero(np.diff(rows // self._chunk_rows)) + 1
            ends = ends[step - 1 :: step]
        else:
            ends = np.arange(0)
        return itertools.starmap(slice, itertools.pairwise([0, *ends, len(rows)]))


def refuse_files(bad):
    """Raise an error that lists messages, if there are any."""
    bad = list(bad)
    if len(bad) == 1:
        raise ValueError(bad[0])
    if bad:
        raise ValueError(f"{len(bad)} files cannot be used:\n{as_list(bad)}")


def _remedy(shape, other):
    if shape[:2] != other[:2]:
        return "Pass size=(height, width) to resize all to one size."
    return "Pass mode, such as mode='RGB' or 'L', to convert all to one kind."


def _require_rows(array):
    if is_tensor(array):
        raise ValueError(
            "array is a torch.Tensor, but it must be an array: pass tensor.numpy()."
        )
    if issparse(array):
        raise ValueError(
            f"array is a sparse {type(array).__name__}, but it must be dense: pass "
            "array.toarray()."
        )
    if not all(hasattr(array, name) for name in ("shape", "dtype", "__getitem__")):
        raise ValueError(
            f"array is a {type(array).__name__}, but it must have shape, dtype and "
            "indexing, as a numpy.memmap, an HDF5 dataset or a zarr array."
        )
    if len(array.shape) < 2:
        raise ValueError(
            f"array has shape {tuple(array.shape)}, but it must have one row for "
            "each sample: two axes or more."
        )
    if 0 in array.shape[1:]:
        raise ValueError(
            f"array has shape {tuple(array.shape)}, but each of its rows must hold at "
            "least one pixel."
        )


def _checked_paths(paths):
    if isinstance(paths, str | bytes | os.PathLike):
        raise ValueError(
            f"paths={shortened(paths)} is a single path, but a list of paths is "
            "needed. For a folder see sklearn_cnn.images.image_folder."
        )
    if getattr(paths, "ndim", 1) != 1:
        raise ValueError(
            f"paths has shape {paths.shape}, but one axis is needed: pass one "
            "column of a table, as in table['path']."
        )
    if not isinstance(paths, Iterable):
        raise ValueError(
            f"paths={shortened(paths)} is no list of paths: pass one path for each "
            "image."
        )
    refuse_sets(paths, "paths")
    paths = list(paths)
    if not paths:
        raise ValueError("paths is empty: at least one image is needed.")
    for i, path in enumerate(paths):
        if not isinstance(path, str | os.PathLike):
            raise ValueError(
                f"paths[{i}]={shortened(path)} is a {type(path).__name__}, but it must "
                "be a path. Bytes and PIL images are read by "
                "sklearn_cnn.transforms.ImageReader."
            )
        if "://" in os.fsdecode(path):
            raise ValueError(
                f"paths[{i}]={shortened(path)} is a URL, but files are read on this "
                "machine. Download them, or store their pixels as a zarr array, which "
                "sklearn_cnn.images.ImageFiles.from_array reads by its URL."
            )
    return tuple(os.fspath(path) for path in paths)


def _require_finite(images, indices):
    finite = np.isfinite(images).reshape(len(images), -1).all(axis=1)
    if not finite.all():
        (row, *_) = indices[~finite]
        raise ValueError(
            f"The array holds NaN or infinity in row {row}. Remove or fill such rows "
            "first."
        )
