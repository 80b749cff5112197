"""Arrays in files: where they lie, and how another process opens them."""

import mmap
import os
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np


@dataclass(frozen=True)
class StoredArray:
    """A file that other processes open anew.

    Parameters
    ----------
    path : str
        Of the file.
    size_and_time : (int, int) or None
        Its bytes, and when it was last changed, in nanoseconds; None if not known.
    """

    path: str
    size_and_time: tuple | None = field(default=None, kw_only=True)

    def as_it_is_now(self):
        """Note size and time of the file, so that a changed one hashes otherwise.

        Returns
        -------
        stored : StoredArray
        """
        try:
            found = os.stat(self.path)
        except OSError:  # is told to who opens it
            return replace(self, size_and_time=None)
        return replace(self, size_and_time=(found.st_size, found.st_mtime_ns))

    def open(self, shape, dtype):
        """Open the file, and find the array in it.

        Parameters
        ----------
        shape : tuple of int
            Of the array.
        dtype : numpy.dtype
            Of the array.

        Returns
        -------
        array : ndarray or h5py.Dataset

        Raises
        ------
        ValueError
            If the file is gone or locked, or does not hold such an array any more.
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

    The whole map is opened, and the view cut from it: joblib and pickle would copy
    views with gaps, and joblib crashes on reversed ones.

    Parameters
    ----------
    offset, n_bytes : int
        Where the map begins in the file, and how long it is.
    start : int
        Where the view begins in the map, in bytes.
    strides : tuple of int
        Of the view, in bytes.
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
    """Where an HDF5 dataset lies.

    Parameters
    ----------
    name : str
        Of the dataset in the file.
    """

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

    Parameters
    ----------
    array : array-like
        Wherever it lies.

    Returns
    -------
    stored : StoredArray or None
        None where it can only be copied: in memory, in a private map, whose changes are
        in no file, or, as zarr's arrays, where it opens its files by itself.

    Raises
    ------
    ValueError
        If it is of HDF5 and cannot be opened by another process.
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

    Parameters
    ----------
    array : array-like
        Wherever it lies.

    Returns
    -------
    mapped : mmap.mmap or None
    """
    owner = _owner(array)
    shared = isinstance(owner, np.memmap) and owner.mode in ("r", "r+", "w+")
    return owner.base if shared else None


def without_map(array):
    """Copy a map that is pickled: joblib would open its file, if it has one, anew.

    Parameters
    ----------
    array : array-like
        Wherever it lies.

    Returns
    -------
    array : array-like
        In memory, if it is a map.
    """
    return np.array(array, order="C") if isinstance(_owner(array), np.memmap) else array
