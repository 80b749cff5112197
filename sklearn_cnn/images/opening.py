"""From the path or URL of an array to the array, which stays where it is."""

import os

import numpy as np

from sklearn_cnn.images.naming import name_of, shortened


def opened(array, storage_options):
    """Open what a path or URL leads to, for reading; an array is given back as it is.

    ``storage_options`` are for the file system of a URL, as fsspec takes them.
    """
    if isinstance(array, str | os.PathLike):
        return _opened(os.fspath(array), storage_options)
    if storage_options is not None:
        raise ValueError(
            f"storage_options={shortened(storage_options)} are for URLs, but an array "
            "that is open was passed. Leave them out, or pass its URL."
        )
    return array


def _opened(path, storage_options):
    try:
        if path.endswith(".npy") and "://" not in path:
            return np.load(path, mmap_mode="r", allow_pickle=False)
        return _zarr().open_array(path, mode="r", storage_options=storage_options)
    except ImportError as error:
        raise ImportError(
            f"{name_of(path)} cannot be opened: {error}. pip install "
            "'sklearn_cnn[zarr]' brings zarr, fsspec and what reads HTTP; fsspec takes "
            "S3 by s3fs, Google's storage by gcsfs, Azure's by adlfs."
        ) from error
    except Exception as error:  # file systems and codecs raise anything
        raise ValueError(
            f"{name_of(path)} cannot be opened: {type(error).__name__}: "
            f"{shortened(str(error))}. It must be a .npy file on this machine, or the "
            "path or URL of a zarr array. Check that it is there and can be reached; "
            "anything else open yourself, and pass the array."
        ) from error


def _zarr():
    import zarr

    return zarr
