"""What may be X, and what must not."""

import tempfile
from contextlib import suppress
from functools import partial
from math import prod
from pathlib import Path

import numpy as np
from sklearn.base import clone
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import set_random_state

from sklearn_cnn.utils.estimator_checks._data import (
    assert_raises,
    assert_refused,
    assert_same,
    fit_clone,
    make_data,
    responses,
)

# --- fitting ------------------------------------------------------------------------


def check_fit_returns_self_and_keeps_parameters(estimator, *, sample_shape):
    """``fit`` returns the estimator and leaves its parameters as they were."""
    X, y = make_data(estimator, sample_shape)
    estimator = clone(estimator)
    before = estimator.get_params()
    assert estimator.fit(X, y) is estimator
    after = estimator.get_params()
    assert all(after[name] is value for name, value in before.items())


def check_X_is_unchanged(estimator, *, sample_shape):
    """Neither fitting nor predicting writes to X."""
    for dtype in (np.uint8, np.float32, np.float64):
        X, y = make_data(estimator, sample_shape)
        X = X.astype(dtype)
        before = X.copy()
        responses(fit_clone(estimator, X, y), X)
        np.testing.assert_array_equal(X, before)


def check_dtypes(estimator, *, sample_shape):
    """The same numbers give the same predictions in every dtype that holds them."""
    X, y = make_data(estimator, sample_shape)
    fitted = fit_clone(estimator, X, y)
    expected = responses(fitted, X)
    for dtype in ("uint8", "int16", "uint16", "int32", "int64", "float16", "float32"):
        found = responses(fitted, X.astype(dtype))
        assert_same(expected, found, f"{dtype} differs from float64")
        fit_clone(estimator, X.astype(dtype), y)
    big_endian = X.astype(">f8")
    assert_same(expected, responses(fitted, big_endian), "byte order matters")
    responses(fit_clone(estimator, X > 100, y), X > 100)


def check_memory_layouts(estimator, *, sample_shape):
    """Strides, order and write protection of X do not matter."""
    X, y = make_data(estimator, sample_shape)
    expected = responses(fit_clone(estimator, X, y), X)
    read_only = X.copy()
    read_only.flags.writeable = False
    layouts = {
        "Fortran order": np.asfortranarray(X),
        "every second row": np.repeat(X, 2, axis=0)[::2],
        "negative strides": np.ascontiguousarray(X[:, ::-1])[:, ::-1],
        "read-only": read_only,
    }
    for name, other in layouts.items():
        found = responses(fit_clone(estimator, other, y), other)
        assert_same(expected, found, f"{name} changes the result", exact=True)


def check_memmap(estimator, *, sample_shape):
    """A read-only :class:`numpy.memmap` gives what the array gives."""
    X, y = make_data(estimator, sample_shape)
    expected = responses(fit_clone(estimator, X, y), X)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "X.npy"
        np.save(path, X)
        mapped = np.load(path, mmap_mode="r")
        found = responses(fit_clone(estimator, mapped, y), mapped)
        del mapped
    assert_same(expected, found, "a memmap changes the result", exact=True)


def check_list_of_arrays(estimator, *, sample_shape):
    """A list of arrays of one shape gives what the stacked array gives."""
    X, y = make_data(estimator, sample_shape)
    expected = responses(fit_clone(estimator, X, y), X)
    found = responses(fit_clone(estimator, list(X), y), list(X))
    assert_same(expected, found, "a list of arrays changes the result", exact=True)


# --- shapes -------------------------------------------------------------------------


def check_other_size(estimator, *, sample_shape):
    """Samples of another size than in ``fit`` are refused."""
    X, y = make_data(estimator, sample_shape)
    other = np.repeat(X, 2, axis=1)
    assert_refused(fit_clone(estimator, X, y), other, f"accepts {other.shape[1:]}")


def check_other_number_of_channels(estimator, *, sample_shape):
    """Samples of another number of channels than in ``fit`` are refused."""
    X, y = make_data(estimator, sample_shape)
    other = np.repeat(X, 2, axis=-1)
    assert_refused(fit_clone(estimator, X, y), other, f"accepts {other.shape[1:]}")


def check_same_number_of_values_in_another_shape(estimator, *, sample_shape):
    """Samples of the right number of values, but of another shape, are refused."""
    X, y = make_data(estimator, sample_shape)
    other = X.reshape(len(X), sample_shape[0] * 2, -1, *sample_shape[2:])
    if other.shape == X.shape:
        other = X.reshape(len(X), -1, *[1] * (len(sample_shape) - 1))
    assert_refused(fit_clone(estimator, X, y), other, f"accepts {other.shape[1:]}")


def check_flat_rows_are_refused_after_images(estimator, *, sample_shape):
    """Flat rows are refused after a fit on n-d samples."""
    X, y = make_data(estimator, sample_shape)
    flat = X.reshape(len(X), prod(sample_shape))
    assert_refused(fit_clone(estimator, X, y), flat, "accepts flat rows")


def check_refit_on_another_shape(estimator, *, sample_shape):
    """A second ``fit`` forgets the first, its shape included."""
    X, y = make_data(estimator, sample_shape)
    other = np.repeat(X, 2, axis=1)
    expected = responses(fit_clone(estimator, other, y), other)
    twice = fit_clone(estimator, X, y)
    set_random_state(twice, 0)
    found = responses(twice.fit(other, y), other)
    assert_same(expected, found, "the first fit shows through", exact=True)


# --- bad input ----------------------------------------------------------------------


def check_nan_and_inf(estimator, *, sample_shape):
    """NaN and infinity are refused, in ``fit`` and afterwards."""
    X, y = make_data(estimator, sample_shape)
    fitted = fit_clone(estimator, X, y)
    for value in (np.nan, np.inf, -np.inf):
        bad = X.copy()
        bad[-1].flat[-1] = value
        assert_raises(partial(fit_clone, estimator, bad, y), f"fit accepts {value}")
        assert_refused(fitted, bad, f"accepts {value}")


def check_complex_and_object(estimator, *, sample_shape):
    """Complex numbers and objects are refused."""
    X, y = make_data(estimator, sample_shape)
    for dtype in (complex, object):
        bad = X.astype(dtype)
        message = f"fit accepts dtype {np.dtype(dtype)}"
        assert_raises(partial(fit_clone, estimator, bad, y), message)


def check_ragged_list(estimator, *, sample_shape):
    """A list of arrays of different shapes is refused, or brought to one shape."""
    X, y = make_data(estimator, sample_shape)
    ragged = [x if i else x[:-1] for i, x in enumerate(X)]
    if hasattr(estimator, "transform"):
        with suppress(ValueError, TypeError):
            transformed = fit_clone(estimator, ragged, y).transform(ragged)
            assert len(np.asarray(transformed)) == len(X), "transform loses samples"
            return
    assert_raises(partial(fit_clone, estimator, ragged, y), "fit accepts a ragged list")


def check_empty_input(estimator, *, sample_shape):
    """No samples, or samples without values, are refused."""
    X, y = make_data(estimator, sample_shape)
    assert_raises(partial(fit_clone, estimator, X[:0], y[:0]), "fit accepts no samples")
    assert_raises(partial(fit_clone, estimator, X[:, :0], y), "fit accepts no values")
    assert_refused(fit_clone(estimator, X, y), X[:0], "accepts no samples")


def check_predicting_a_single_sample(estimator, *, sample_shape):
    """One sample is enough to predict; ``fit`` accepts it or says that it is one."""
    X, y = make_data(estimator, sample_shape)
    for values in responses(fit_clone(estimator, X, y), X[:1]).values():
        assert len(values) == 1
    try:
        fit_clone(estimator, X[:1], y[:1])
    except ValueError as error:
        text = str(error).lower()
        assert any(w in text for w in ("1 sample", "n_samples=1", "class")), text


def check_failed_fit_changes_nothing(estimator, *, sample_shape):
    """A ``fit`` that refuses its data leaves a fitted estimator as it was."""
    X, y = make_data(estimator, sample_shape)
    fitted = fit_clone(estimator, X, y)
    expected, names = responses(fitted, X), set(vars(fitted))
    bad = np.repeat(X, 2, axis=1)
    bad[0].flat[0] = np.nan
    assert_raises(partial(fitted.fit, bad, y), "fit accepts NaN")
    if get_tags(estimator).target_tags.required:
        assert_raises(partial(fitted.fit, X, y[:-1]), "fit accepts too few targets")
    assert set(vars(fitted)) == names
    assert_same(expected, responses(fitted, X), "a failed fit shows", exact=True)
