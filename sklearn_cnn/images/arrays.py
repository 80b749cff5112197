"""Turning what users hold (lists, tensors, arrays) into one numpy array."""

from math import prod

import numpy as np
from sklearn.utils import assert_all_finite

from sklearn_cnn.images.columns import as_column, with_names
from sklearn_cnn.images.files import ImageFiles
from sklearn_cnn.images.index import IndexedArray
from sklearn_cnn.images.masks import unmasked
from sklearn_cnn.images.refusals import (
    dense_tensor,
    refuse_huge_samples,
    refuse_other_numbers,
    refuse_other_things,
)
from sklearn_cnn.images.stored import require_whole_file
from sklearn_cnn.utils._fitting import naming
from sklearn_cnn.utils._loaded import is_tensor
from sklearn_cnn.utils._sklearn import check_sample_weight


def as_array(X):
    """Stack arrays of one shape, and unpack tensors; leave anything else as it is.

    The arrays are in a list, a tuple, a Series, a one-dimensional ndarray of objects,
    or the only column of a table.
    """
    if is_tensor(X):
        return dense_tensor(X, "X").numpy()
    if isinstance(X, np.memmap):
        require_whole_file(X)
    if isinstance(X, np.ma.MaskedArray):
        return unmasked(X, "X")
    if isinstance(X, IndexedArray):
        return X.view(np.ndarray)
    if type(X) is np.ndarray and X.dtype.kind != "O":
        return X
    refuse_other_things(X)
    rows = as_rows(X)
    if rows is None:
        return with_names(X)
    _require_one_shape(sorted({row.shape for row in rows}))
    return np.stack(rows)


def as_values(values, name):
    """Give targets or weights as numpy can hold them: tensors, and what masks hide."""
    if is_tensor(values):
        return dense_tensor(values, name).numpy()
    return unmasked(values, name)


def as_weights(sample_weight, array):
    """Check the weights of the rows of an array, and give them in float64."""
    require_numbers(sample_weight, "sample_weight")
    with naming("sample_weight"):
        weights = check_sample_weight(
            as_values(sample_weight, "sample_weight"),
            array,
            dtype=np.float64,
            ensure_non_negative=True,
        )
        # scikit-learn lets a scalar pass
        assert_all_finite(weights, input_name="sample_weight")
    return weights


def require_numbers(values, name):
    """Refuse dates, durations and text, of which numpy would make numbers."""
    if is_tensor(values) or hasattr(values, "toarray"):
        return
    try:
        array = np.asarray(values)
    except ValueError:  # what has no shape is refused where its shape is asked for
        return
    if array.dtype.kind in "mM":
        raise ValueError(
            f"{name} holds dates or durations, but must hold numbers. Convert them to "
            f"a number of some unit, as by {name} / numpy.timedelta64(1, 's')."
        )
    if array.dtype.kind in "UST" or (
        array.dtype.kind == "O" and any(isinstance(v, str | bytes) for v in array.flat)
    ):
        raise ValueError(
            f"{name} holds text, but must hold numbers. Convert it, as by "
            f"numpy.asarray({name}, dtype=float)."
        )


def as_rows(X):
    """Give the arrays of a sequence, or of a table's one column, one by one.

    None is what is neither.
    """
    X = as_column(X)
    if not _holds_arrays(X):
        return None
    return [np.asarray(as_array(x)) for x in X]


def rows_of_several_sizes(X):
    """Give the images of ``X`` one by one, if they differ in size alone, else None."""
    rows = as_rows(X)
    if rows is None or len({row.shape for row in rows}) < 2:
        return None
    return rows if len({row.ndim for row in rows}) == 1 else None


def _require_one_shape(shapes):
    if len(shapes) < 2:
        return
    message = f"X holds arrays of different shapes: {shapes[:5]}. "
    if {len(shape) for shape in shapes} == {2} and len({s[1] for s in shapes}) == 1:
        raise ValueError(
            f"{message}If they are series of unequal length, pass spatial_dims=1 and "
            "unequal_length=True to the estimator; bring images to one shape first, "
            "with sklearn_cnn.transforms.Resize, CenterCrop or Pad."
        )
    if max(map(len, shapes)) == 1:
        raise ValueError(
            f"{message}If they are series of unequal length, pass unequal_length=True "
            "to the estimator, or bring them to one length first."
        )
    spatial = {shape[:2] for shape in shapes}
    if len(spatial) == 1 and min(map(len, shapes)) > 1:
        raise ValueError(
            f"{message}Bring all images to one number of channels first: with "
            "sklearn_cnn.transforms.Grayscale, for those of one number together; or "
            "with numpy.stack([image] * 3, axis=-1) for a grey image among coloured "
            "ones."
        )
    raise ValueError(
        f"{message}Bring all images to one shape first, with "
        "sklearn_cnn.transforms.Resize, CenterCrop or Pad."
    )


def _holds_arrays(X):
    if not _is_sequence(X) or not len(X):
        return False
    first = next(iter(X))
    if hasattr(first, "shape"):
        return True
    # lists of lists of numbers are numpy's own affair
    while isinstance(first, list | tuple) and first:
        first = first[0]
    return is_tensor(first) or getattr(first, "shape", ()) != ()


def _is_sequence(X):
    if isinstance(X, list | tuple):
        return True
    kind = getattr(getattr(X, "dtype", None), "kind", None)
    return kind == "O" and getattr(X, "ndim", None) == 1


def check_image_array(X, *, estimator, min_samples=1):
    """Check an array of three or more axes; the same memory wherever that is possible.

    It must hold finite numbers, of a real dtype. Images on disk are not read: their
    pixels are checked as they are read. Errors name the ``estimator``.
    """
    array = X if isinstance(X, np.ndarray | ImageFiles) else np.asarray(X)
    refuse_other_numbers(array)
    refuse_huge_samples(array)
    if array.dtype.kind not in "biuf":
        raise ValueError(
            f"X has dtype {array.dtype}, but images must be boolean, integer or real "
            "numbers. Complex data not supported; decode files and convert objects to "
            "one numeric array first."
        )
    if not array.ndim:
        raise ValueError(f"X is a single {array.dtype}, but must hold several samples.")
    if prod(array.shape) == 0:
        raise ValueError(
            f"Found array with shape={array.shape}: it holds no pixels, while at least "
            "one sample of at least one pixel is required."
        )
    if len(array) < min_samples:
        raise ValueError(
            f"Found array with n_samples={len(array)} (shape={array.shape}) while a "
            f"minimum of {min_samples} is required."
        )
    ends = getattr(estimator, "unequal_length", False)  # which NaN marks
    if not isinstance(array, ImageFiles) and not ends:
        # check_array looks for data frames first, which takes longer than all the rest
        name = estimator if isinstance(estimator, str) else type(estimator).__name__
        assert_all_finite(array, input_name="X", estimator_name=name)
    return array


def take_rows(images, rows):
    """Copy some rows, given by indices or a slice. Those of images on disk are read.

    The result is new memory, C-contiguous, in the byte order of this machine.
    """
    if isinstance(images, np.memmap):
        require_whole_file(images)
    # indexing by an array copies already; numpy.take would be ten times slower
    copy = True if isinstance(rows, slice) else None
    taken = np.array(images[rows], order="C", copy=copy)
    return taken.astype(taken.dtype.newbyteorder("="), copy=False)


def in_turn(images, chunks):
    """Give the like of images whose chunks of rows will be taken in this order.

    Where they are stored in chunks, what is read with a row is kept for its turn.
    """
    return images._in_turn(chunks) if isinstance(images, ImageFiles) else images


def value_range(images, rows):
    """Tell which value stands for white: 1, or for integers 255 or 65,535.

    Values outside of 0 to that are an error.
    """
    dtype = images.dtype
    if dtype.kind == "b":
        return 1.0
    step = 1 << 10
    chunks = [rows[i : i + step] for i in range(0, len(rows), step)]
    images = in_turn(images, chunks)
    parts = (take_rows(images, chunk) for chunk in chunks)
    lows, highs = zip(*((part.min(), part.max()) for part in parts), strict=True)
    low, high = min(lows), max(highs)
    if dtype.kind == "f":
        brightest = 1
    else:
        brightest = 65_535 if dtype == np.uint16 or high > 255 else 255
    if low < 0 or high > brightest:
        raise ValueError(
            f"X has values from {low:g} to {high:g}, but pretrained weights expect "
            "pixels: integers from 0 to 255 (or 65,535), or floats from 0 to 1. Scale "
            "X, or pass input_scaling=None if it is already as the weights want it."
        )
    return float(brightest)
