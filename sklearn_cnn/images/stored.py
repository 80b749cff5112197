"""Arrays in files: where they lie, and how another process opens them."""

import mmap
import os
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np


@dataclass(frozen=True)
class StoredArray:
    """A file that other processes open anew.

    ``size_and_time`` are its bytes, and when it was last changed, in nanoseconds, if
    that is known.
    """

    path: str
    size_and_time: tuple | None = field(default=None, kw_only=True)

    def as_it_is_now(self):
        """Note size and time, so that a changed file hashes otherwise."""
        try:
            found = os.stat(self.path)
        except OSError:  # is told to who opens it
            return replace(self, size_and_time=None)
        return replace(self, size_and_time=(found.st_size, found.st_mtime_ns))

    def open(self, shape, dtype):
        """Open the file, and find the array in it.

        It is an error if the file is gone or locked, or holds no such array any more.
        """
        try:
            return self._open(shape, dtype)
        except (OSError, KeyError, ValueError) as error:
            raise ValueError(
                f"The images in {self.path!r} cannot be opened: {error}. {self._remedy}"
            ) from error


@dataclass(frozen=True)
class MappedArray(StoredArray):
    """Where a view of a memmap lies.

    The whole map, of ``n_bytes`` from ``offset`` in the file, is opened, and the view
    cut from it, which begins at its byte ``start`` and has ``strides`` in bytes: joblib
    and pickle would copy views with gaps, and joblib crashes on reversed ones.
    """

    offset: int
    n_bytes: int
    start: int
    strides: tuple

    _remedy: ClassVar = (
        "Keep the file, with its size, for as long as its images are used."
    )

    def _open(self, shape, dtype):
        size = os.path.getsize(self.path)
        if self.size_and_time is not None and size != self.size_and_time[0]:
            raise ValueError(f"it has {size} bytes, and had {self.size_and_time[0]}")
        whole = np.memmap(self.path, np.uint8, "r", self.offset, (self.n_bytes,))
        return np.ndarray(shape, dtype, whole, self.start, self.strides)


@dataclass(frozen=True)
class HDF5Array(StoredArray):
    """Where an HDF5 dataset lies: under a name in its file."""

    name: str

    _remedy: ClassVar = (
        "Keep the file as it is for as long as its images are used, and closed for "
        'writing: close it, and open it with mode "r" before it is wrapped.'
    )

    def _open(self, shape, dtype):
        import h5py

        dataset = h5py.File(self.path, "r")[self.name]
        if (dataset.shape, dataset.dtype) != (shape, dtype):
            raise ValueError(
                f"{self.name!r} has shape {dataset.shape} and dtype {dataset.dtype}, "
                f"and had {shape} and {dtype}"
            )
        return dataset


def file_of(array):
    """Tell how another process gets an array that lies in a file, without a copy.

    None where it can only be copied: in memory, in a private map, whose changes are in
    no file, or, as zarr's arrays, where it opens its files by itself. HDF5 is an error
    where no other process can open it.
    """
    if type(array).__module__.startswith("h5py"):
        return _hdf5_file(array)
    owner = _owner(array)
    if mapped_file(array) is None or getattr(owner, "filename", None) is None:
        return None
    return MappedArray(
        os.path.abspath(owner.filename),
        owner.offset,
        owner.nbytes,
        array.ctypes.data - owner.ctypes.data,
        array.strides,
    )


def _hdf5_file(dataset):
    import h5py

    if not isinstance(dataset, h5py.Dataset):
        raise ValueError(
            f"array is of h5py's type {type(dataset).__name__}, which no other process "
            "can open. Pass the dataset itself, which may hold any dtype of numbers, "
            "or store what the view gives as a dataset of its own."
        )
    path = dataset.file.filename
    if dataset.file.driver == "core" or not os.path.isfile(path):
        raise ValueError(
            f"array is a dataset of {path!r}, which is in memory or no file that "
            "another process can open. Pass dataset[:] if it fits into memory, or "
            'store it in a file that is opened with h5py.File(path, "r").'
        )
    if dataset.name is None:
        raise ValueError(
            f"array is a dataset of {path!r} without a name, which no other process "
            "can open. Give it one when it is created."
        )
    return HDF5Array(os.path.abspath(path), dataset.name)


def _owner(array):
    """Find the array that a view was cut from: of a memmap, the whole map."""
    owner = array
    if isinstance(array, np.ndarray):
        while not isinstance(getattr(owner, "base", None), mmap.mmap | None):
            owner = owner.base
    return owner


def mapped_file(array):
    """Find the mapped file of an array that may be read from there at any time.

    Its pages, which count as memory of this process, can be given back. Those of a
    private copy (mode "c") hold changes that are in no file.
    """
    owner = _owner(array)
    shared = isinstance(owner, np.memmap) and owner.mode in ("r", "r+", "w+")
    return owner.base if shared else None


def require_whole_file(array):
    """Refuse a map whose file was cut: reading beyond its end would end the process."""
    mapped = mapped_file(array)
    owner = _owner(array)
    if mapped is not None and mapped.size() < owner.offset + owner.nbytes:
        raise ValueError(
            f"The file of a memmap, {owner.filename}, has {mapped.size()} bytes, and "
            f"had at least {owner.offset + owner.nbytes}: it was cut or written anew. "
            "Keep the file, with its size, for as long as its images are used."
        )


def without_map(array):
    """Copy a map that is pickled: joblib would open its file, if it has one, anew."""
    return np.array(array, order="C") if isinstance(_owner(array), np.memmap) else array


def rows_of_chunks(array):
    """Count the rows that are read together in any case: 1 where there are no chunks.

    zarr, HDF5 and others store blocks, of which compressed ones are read whole.
    """
    (rows, *_) = getattr(array, "chunks", None) or (1,)
    return rows if isinstance(rows, int) else 1


def stored_rows(array, rows):
    """Read rows, given in increasing order; an error of the store is explained."""
    try:
        if rows[-1] - rows[0] + 1 == len(rows):
            # every store reads a slice faster than a list of rows
            found = np.asarray(array[int(rows[0]) : int(rows[-1]) + 1])
        elif type(array).__module__.startswith("h5py"):
            # of a list, HDF5 reads row by row: six times slower
            found = array[int(rows[0]) : int(rows[-1]) + 1][rows - rows[0]]
        else:
            found = np.asarray(array[rows])
    except MemoryError:
        raise
    except Exception as error:  # file systems and codecs raise anything
        raise ValueError(
            f"Rows of {_name_of(array)} cannot be read: {_said(error)}. Fit again once "
            "they can; with checkpoint_dir a fit goes on where it stopped."
        ) from error
    if _is_zarr(array) and _has_blank_rows(found, array.fill_value):
        # zarr gives blank pixels for what is not there
        require_stored(array)
    return found


def require_stored(array):
    """Look whether a zarr array is still there, by its description alone."""
    if not _is_zarr(array):
        return
    import zarr

    try:
        found = zarr.open_array(
            array.store,
            path=array.path,
            mode="r",
            zarr_format=array.metadata.zarr_format,
        )
    except Exception as error:  # file systems raise anything
        raise ValueError(
            f"{_name_of(array)} cannot be opened any more: {_said(error)}. Keep it, "
            "and the way to it, for as long as its images are used."
        ) from error
    if (found.shape, found.dtype) != (array.shape, array.dtype):
        raise ValueError(
            f"{_name_of(array)} has shape {found.shape} and dtype {found.dtype}, and "
            f"had {array.shape} and {array.dtype}. Open it anew."
        )


def _is_zarr(array):
    return type(array).__module__.startswith("zarr")


def _has_blank_rows(rows, blank):
    return (rows == (blank or 0)).reshape(len(rows), -1).all(axis=1).any()


def _name_of(array):
    """Name an array by where it lies, if that is known."""
    store = getattr(array, "store", None)
    root = getattr(store, "path", None) or getattr(store, "root", None)
    if root is None:
        path = getattr(getattr(array, "file", None), "filename", None)
        return repr(path) if path else f"the {type(array).__name__}"
    return repr(f"{root}/{array.path}".rstrip("/"))


def _said(error):
    return f"{type(error).__name__}: {error}"[:300]
