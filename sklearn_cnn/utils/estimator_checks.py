"""Contract checks for estimators whose X has more than two dimensions.

scikit-learn's own suite tests an estimator on 2-D arrays only. The checks below hold
the same promises on signals, images and volumes, for any estimator that follows
scikit-learn's conventions.
"""

import pickle
import random
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from math import prod
from pathlib import Path

import numpy as np
import torch
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.utils import check_random_state, get_tags
from sklearn.utils.estimator_checks import set_random_state
from sklearn.utils.validation import has_fit_parameter

__all__ = ["check_estimator", "estimator_checks", "parametrize_with_checks"]

_METHODS = ("predict", "predict_proba", "decision_function", "transform")
_N_SAMPLES = 24
#: Float32 arithmetic on scaled inputs keeps about this much, float16 less.
_TOLERANCE = {2: 2e-3, 4: 1e-6, 8: 1e-6}


def check_estimator(estimator, *, sample_shape=(8, 8, 1), expected_failed_checks=None):
    """Run every check on an estimator.

    Parameters
    ----------
    estimator : estimator instance
        A classifier, regressor or transformer.
    sample_shape : tuple of int, default=(8, 8, 1)
        Shape of the samples that it is tested on.
    expected_failed_checks : dict of str to str or None, default=None
        Reasons, by the names of checks that are not run.

    Raises
    ------
    AssertionError
        At the first check that fails.

    Examples
    --------
    >>> from sklearn_cnn import CNNClassifier
    >>> from sklearn_cnn.utils.estimator_checks import check_estimator
    >>> check_estimator(CNNClassifier(filters=(4,), max_iter=2))
    """
    skipped = expected_failed_checks or {}
    for check in estimator_checks(estimator, sample_shape=sample_shape):
        if _name(check) not in skipped:
            check(clone(estimator))


def parametrize_with_checks(
    estimators, *, sample_shape=(8, 8, 1), expected_failed_checks=None
):
    """Parametrize a pytest function with all checks of all estimators.

    Parameters
    ----------
    estimators : list of estimator instances
        What to test.
    sample_shape : tuple of int, default=(8, 8, 1)
        Shape of the samples that they are tested on.
    expected_failed_checks : callable or None, default=None
        Takes an estimator and returns a dict of reasons by the names of checks that
        are expected to fail; they are marked as strict xfail.

    Returns
    -------
    decorator : pytest.mark.parametrize
        For a function with the arguments ``estimator`` and ``check``.

    Examples
    --------
    >>> from sklearn_cnn import CNNRegressor
    >>> from sklearn_cnn.utils.estimator_checks import parametrize_with_checks
    >>> @parametrize_with_checks([CNNRegressor(filters=(4,), max_iter=2)])
    ... def test_contract(estimator, check):
    ...     check(estimator)
    """
    import pytest

    cases = []
    for estimator in estimators:
        reasons = expected_failed_checks(estimator) if expected_failed_checks else {}
        for check in estimator_checks(estimator, sample_shape=sample_shape):
            name = _name(check)
            marks = (
                pytest.mark.xfail(reason=reasons[name], strict=True)
                if name in reasons
                else ()
            )
            case_id = f"{type(estimator).__name__}-{name}"
            cases.append(pytest.param(clone(estimator), check, marks=marks, id=case_id))
    return pytest.mark.parametrize("estimator, check", cases)


def estimator_checks(estimator, *, sample_shape=(8, 8, 1)) -> Iterator[Callable]:
    """Give the checks that apply to an estimator.

    Parameters
    ----------
    estimator : estimator instance
        A classifier, regressor or transformer.
    sample_shape : tuple of int, default=(8, 8, 1)
        Shape of the samples that it is tested on.

    Yields
    ------
    check : callable
        Takes the estimator; raises an AssertionError if the promise is broken.
    """
    checks = [
        check_fit_returns_self_and_keeps_parameters,
        check_X_is_unchanged,
        check_dtypes,
        check_memory_layouts,
        check_memmap,
        check_list_of_arrays,
        check_other_size,
        check_other_number_of_channels,
        check_same_number_of_values_in_another_shape,
        check_flat_rows_are_refused_after_images,
        check_nan_and_inf,
        check_complex_and_object,
        check_ragged_list,
        check_empty_input,
        check_predicting_a_single_sample,
        check_failed_fit_changes_nothing,
        check_refit_on_another_shape,
        check_clone,
        check_pickle,
        check_determinism,
        check_global_random_state,
        check_sample_order_invariance,
        check_subset_invariance,
    ]
    if is_classifier(estimator):
        checks += [check_label_types, check_single_class]
    if hasattr(estimator, "fit_transform"):
        checks += [check_fit_transform]
    if has_fit_parameter(estimator, "sample_weight"):
        checks += [
            check_unit_weights,
            check_zero_weights,
            check_invalid_weights,
        ]
    for check in checks:
        yield partial(check, sample_shape=sample_shape)


def _name(check):
    return check.func.__name__ if isinstance(check, partial) else check.__name__


def _global_random_state():
    _, key, *position = check_random_state(None).get_state()
    return random.getstate(), key.tolist(), position, torch.get_rng_state().tolist()


# --- data and responses -------------------------------------------------------------


def _data(estimator, sample_shape, n_samples=_N_SAMPLES):
    """Images of two kinds, dark above or dark below, as integers in float64."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 60, size=(n_samples, *sample_shape)).astype(float)
    labels = np.arange(n_samples) % 2
    half = max(1, sample_shape[0] // 2)
    X[labels == 1, :half] += 150
    X[labels == 0, half:] += 100
    y = (
        labels
        if not is_regressor(estimator)
        else labels * 10 + rng.normal(size=n_samples)
    )
    return X, y


def _fitted(estimator, X, y, **fit_params):
    estimator = clone(estimator)
    set_random_state(estimator, 0)
    return estimator.fit(X, y, **fit_params)


def _responses(estimator, X):
    return {
        name: np.asarray(getattr(estimator, name)(X))
        for name in _METHODS
        if hasattr(estimator, name)
    }


def _assert_same(expected, found, message, exact=False):
    assert expected.keys() == found.keys()
    for name, values in expected.items():
        message_here = f"{name}: {message}"
        if exact or values.dtype.kind not in "fc":
            np.testing.assert_array_equal(found[name], values, err_msg=message_here)
        elif found[name].dtype.kind in "iu":
            # a transformer that keeps the dtype rounds to the nearest level
            difference = np.abs(found[name].astype(values.dtype) - values)
            assert difference.max() <= 1, message_here
        else:
            tolerance = _TOLERANCE[min(found[name].dtype.itemsize, 8)]
            np.testing.assert_allclose(
                found[name],
                values,
                rtol=tolerance,
                atol=tolerance,
                err_msg=message_here,
            )


def _assert_raises(call, message, errors=(ValueError, TypeError)):
    try:
        call()
    except errors as error:
        assert str(error), f"{message}: the error has no text"
        return
    raise AssertionError(f"{message}: no error was raised")


def _assert_refused(estimator, X, message):
    for name in _METHODS:
        if hasattr(estimator, name):
            _assert_raises(partial(getattr(estimator, name), X), f"{name}: {message}")


# --- fitting ------------------------------------------------------------------------


def check_fit_returns_self_and_keeps_parameters(estimator, *, sample_shape):
    """``fit`` returns the estimator and leaves its parameters as they were."""
    X, y = _data(estimator, sample_shape)
    estimator = clone(estimator)
    before = estimator.get_params()
    assert estimator.fit(X, y) is estimator
    after = estimator.get_params()
    assert all(after[name] is value for name, value in before.items())


def check_X_is_unchanged(estimator, *, sample_shape):
    """Neither fitting nor predicting writes to X."""
    for dtype in (np.uint8, np.float32, np.float64):
        X, y = _data(estimator, sample_shape)
        X = X.astype(dtype)
        before = X.copy()
        _responses(_fitted(estimator, X, y), X)
        np.testing.assert_array_equal(X, before)


def check_dtypes(estimator, *, sample_shape):
    """The same numbers give the same predictions in every dtype that holds them."""
    X, y = _data(estimator, sample_shape)
    fitted = _fitted(estimator, X, y)
    expected = _responses(fitted, X)
    for dtype in ("uint8", "int16", "uint16", "int32", "int64", "float16", "float32"):
        found = _responses(fitted, X.astype(dtype))
        _assert_same(expected, found, f"{dtype} differs from float64")
        _fitted(estimator, X.astype(dtype), y)
    big_endian = X.astype(">f8")
    _assert_same(expected, _responses(fitted, big_endian), "byte order matters")
    _responses(_fitted(estimator, X > 100, y), X > 100)


def check_memory_layouts(estimator, *, sample_shape):
    """Strides, order and write protection of X do not matter."""
    X, y = _data(estimator, sample_shape)
    expected = _responses(_fitted(estimator, X, y), X)
    read_only = X.copy()
    read_only.flags.writeable = False
    layouts = {
        "Fortran order": np.asfortranarray(X),
        "every second row": np.repeat(X, 2, axis=0)[::2],
        "negative strides": np.ascontiguousarray(X[:, ::-1])[:, ::-1],
        "read-only": read_only,
    }
    for name, other in layouts.items():
        found = _responses(_fitted(estimator, other, y), other)
        _assert_same(expected, found, f"{name} changes the result", exact=True)


def check_memmap(estimator, *, sample_shape):
    """A read-only :class:`numpy.memmap` gives what the array gives."""
    X, y = _data(estimator, sample_shape)
    expected = _responses(_fitted(estimator, X, y), X)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "X.npy"
        np.save(path, X)
        mapped = np.load(path, mmap_mode="r")
        found = _responses(_fitted(estimator, mapped, y), mapped)
        del mapped
    _assert_same(expected, found, "a memmap changes the result", exact=True)


def check_list_of_arrays(estimator, *, sample_shape):
    """A list of arrays of one shape gives what the stacked array gives."""
    X, y = _data(estimator, sample_shape)
    expected = _responses(_fitted(estimator, X, y), X)
    found = _responses(_fitted(estimator, list(X), y), list(X))
    _assert_same(expected, found, "a list of arrays changes the result", exact=True)


# --- shapes -------------------------------------------------------------------------


def check_other_size(estimator, *, sample_shape):
    """Samples of another size than in ``fit`` are refused."""
    X, y = _data(estimator, sample_shape)
    other = np.repeat(X, 2, axis=1)
    _assert_refused(_fitted(estimator, X, y), other, f"accepts {other.shape[1:]}")


def check_other_number_of_channels(estimator, *, sample_shape):
    """Samples of another number of channels than in ``fit`` are refused."""
    X, y = _data(estimator, sample_shape)
    other = np.repeat(X, 2, axis=-1)
    _assert_refused(_fitted(estimator, X, y), other, f"accepts {other.shape[1:]}")


def check_same_number_of_values_in_another_shape(estimator, *, sample_shape):
    """Samples of the right number of values, but of another shape, are refused."""
    X, y = _data(estimator, sample_shape)
    other = X.reshape(len(X), sample_shape[0] * 2, -1, *sample_shape[2:])
    if other.shape == X.shape:
        other = X.reshape(len(X), -1, *[1] * (len(sample_shape) - 1))
    _assert_refused(_fitted(estimator, X, y), other, f"accepts {other.shape[1:]}")


def check_flat_rows_are_refused_after_images(estimator, *, sample_shape):
    """Flat rows are refused after a fit on n-d samples."""
    X, y = _data(estimator, sample_shape)
    flat = X.reshape(len(X), prod(sample_shape))
    _assert_refused(_fitted(estimator, X, y), flat, "accepts flat rows")


def check_refit_on_another_shape(estimator, *, sample_shape):
    """A second ``fit`` forgets the first, its shape included."""
    X, y = _data(estimator, sample_shape)
    other = np.repeat(X, 2, axis=1)
    expected = _responses(_fitted(estimator, other, y), other)
    twice = _fitted(estimator, X, y)
    set_random_state(twice, 0)
    found = _responses(twice.fit(other, y), other)
    _assert_same(expected, found, "the first fit shows through", exact=True)


# --- bad input ----------------------------------------------------------------------


def check_nan_and_inf(estimator, *, sample_shape):
    """NaN and infinity are refused, in ``fit`` and afterwards."""
    X, y = _data(estimator, sample_shape)
    fitted = _fitted(estimator, X, y)
    for value in (np.nan, np.inf, -np.inf):
        bad = X.copy()
        bad[-1].flat[-1] = value
        _assert_raises(partial(_fitted, estimator, bad, y), f"fit accepts {value}")
        _assert_refused(fitted, bad, f"accepts {value}")


def check_complex_and_object(estimator, *, sample_shape):
    """Complex numbers and objects are refused."""
    X, y = _data(estimator, sample_shape)
    for dtype in (complex, object):
        bad = X.astype(dtype)
        message = f"fit accepts dtype {np.dtype(dtype)}"
        _assert_raises(partial(_fitted, estimator, bad, y), message)


def check_ragged_list(estimator, *, sample_shape):
    """A list of arrays of different shapes is refused."""
    X, y = _data(estimator, sample_shape)
    ragged = [x if i else x[:-1] for i, x in enumerate(X)]
    _assert_raises(partial(_fitted, estimator, ragged, y), "fit accepts a ragged list")


def check_empty_input(estimator, *, sample_shape):
    """No samples, or samples without values, are refused."""
    X, y = _data(estimator, sample_shape)
    _assert_raises(partial(_fitted, estimator, X[:0], y[:0]), "fit accepts no samples")
    _assert_raises(partial(_fitted, estimator, X[:, :0], y), "fit accepts no values")
    _assert_refused(_fitted(estimator, X, y), X[:0], "accepts no samples")


def check_predicting_a_single_sample(estimator, *, sample_shape):
    """One sample is enough to predict; ``fit`` accepts it or says that it is one."""
    X, y = _data(estimator, sample_shape)
    for values in _responses(_fitted(estimator, X, y), X[:1]).values():
        assert len(values) == 1
    try:
        _fitted(estimator, X[:1], y[:1])
    except ValueError as error:
        text = str(error).lower()
        assert any(w in text for w in ("1 sample", "n_samples=1", "class")), text


def check_failed_fit_changes_nothing(estimator, *, sample_shape):
    """A ``fit`` that refuses its data leaves a fitted estimator as it was."""
    X, y = _data(estimator, sample_shape)
    fitted = _fitted(estimator, X, y)
    expected, names = _responses(fitted, X), set(vars(fitted))
    bad = np.repeat(X, 2, axis=1)
    bad[0].flat[0] = np.nan
    _assert_raises(partial(fitted.fit, bad, y), "fit accepts NaN")
    if get_tags(estimator).target_tags.required:
        _assert_raises(partial(fitted.fit, X, y[:-1]), "fit accepts too few targets")
    assert set(vars(fitted)) == names
    _assert_same(expected, _responses(fitted, X), "a failed fit shows", exact=True)


# --- copies, randomness, invariance -------------------------------------------------


def check_clone(estimator, *, sample_shape):
    """A clone of a fitted estimator is unfitted and fits alike."""
    X, y = _data(estimator, sample_shape)
    fitted = _fitted(estimator, X, y)
    expected = _responses(fitted, X)
    copy = clone(fitted)
    learned = [k for k in vars(copy) if k.endswith("_") and not k.startswith("_")]
    assert not learned, f"the clone has {learned}"
    _assert_same(expected, _responses(copy.fit(X, y), X), "clone differs", exact=True)


def check_pickle(estimator, *, sample_shape):
    """A fitted estimator survives pickling bit by bit."""
    X, y = _data(estimator, sample_shape)
    fitted = _fitted(estimator, X, y)
    loaded = pickle.loads(pickle.dumps(fitted))
    _assert_same(
        _responses(fitted, X), _responses(loaded, X), "pickling shows", exact=True
    )


def check_determinism(estimator, *, sample_shape):
    """The same ``random_state`` gives the same bits, another one may not."""
    X, y = _data(estimator, sample_shape)
    expected = _responses(_fitted(estimator, X, y), X)
    found = _responses(_fitted(estimator, X, y), X)
    _assert_same(expected, found, "two fits differ", exact=True)


def check_global_random_state(estimator, *, sample_shape):
    """Global random state of Python, numpy and torch is neither used nor changed."""
    X, y = _data(estimator, sample_shape)
    for random_state in (0, None):
        estimator = clone(estimator)
        if "random_state" in estimator.get_params():
            estimator.set_params(random_state=random_state)
        before = _global_random_state()
        _responses(estimator.fit(X, y), X)
        message = f"random_state={random_state} moves a global generator"
        assert _global_random_state() == before, message


def check_sample_order_invariance(estimator, *, sample_shape):
    """The order of the samples does not matter to a fitted estimator."""
    X, y = _data(estimator, sample_shape)
    fitted = _fitted(estimator, X, y)
    order = np.random.default_rng(1).permutation(len(X))
    expected = {name: values[order] for name, values in _responses(fitted, X).items()}
    _assert_same(expected, _responses(fitted, X[order]), "order matters")


def check_subset_invariance(estimator, *, sample_shape):
    """A sample gets the same prediction alone as among others."""
    X, y = _data(estimator, sample_shape)
    fitted = _fitted(estimator, X, y)
    single = [_responses(fitted, X[i : i + 1]) for i in range(len(X))]
    found = {name: np.concatenate([one[name] for one in single]) for name in single[0]}
    _assert_same(_responses(fitted, X), found, "alone differs from among others")


# --- transformers -------------------------------------------------------------------


def check_fit_transform(estimator, *, sample_shape):
    """``fit_transform`` gives what ``fit`` and then ``transform`` give."""
    X, y = _data(estimator, sample_shape)
    fitted = _fitted(estimator, X, y)
    estimator = clone(estimator)
    set_random_state(estimator, 0)
    found = np.asarray(estimator.fit_transform(X, y))
    message = "fit_transform differs from fit and transform"
    np.testing.assert_array_equal(found, fitted.transform(X), err_msg=message)
    again = np.asarray(estimator.transform(X))
    np.testing.assert_array_equal(again, found, err_msg="transform differs afterwards")


# --- targets and weights ------------------------------------------------------------


def check_label_types(estimator, *, sample_shape):
    """Labels of any type come back, and decide nothing about the fit."""
    X, y = _data(estimator, sample_shape)
    expected = _fitted(estimator, X, y).predict(X)
    for names in (
        np.array(["ape", "bee"]),
        np.array(["ape", "bee"], dtype=object),
        np.array([False, True]),
        np.array([-7, 100]),
        np.array([0.0, 1.0]),
    ):
        fitted = _fitted(estimator, X, names[y])
        np.testing.assert_array_equal(fitted.classes_, names)
        np.testing.assert_array_equal(fitted.predict(X), names[expected])
        from_list = _fitted(estimator, X, names[y].tolist())
        np.testing.assert_array_equal(from_list.predict(X), names[expected])


def check_single_class(estimator, *, sample_shape):
    """A single class is predicted, or refused with an error that says so."""
    X, _ = _data(estimator, sample_shape)
    y = np.full(len(X), 3)
    try:
        fitted = _fitted(estimator, X, y)
    except ValueError as error:
        assert "class" in str(error), str(error)
    else:
        np.testing.assert_array_equal(fitted.predict(X), y)


def check_unit_weights(estimator, *, sample_shape):
    """Weights of 1 are no weights, in whatever container they come."""
    X, y = _data(estimator, sample_shape)
    expected = _responses(_fitted(estimator, X, y), X)
    for weights in (np.ones(len(X)), [1] * len(X), np.full(len(X), 1, np.int32)):
        found = _responses(_fitted(estimator, X, y, sample_weight=weights), X)
        _assert_same(expected, found, "weights of 1 matter")


def check_zero_weights(estimator, *, sample_shape):
    """A weight of 0 removes the sample."""
    X, y = _data(estimator, sample_shape)
    rng = np.random.default_rng(2)
    extra = rng.integers(200, 255, size=(6, *sample_shape)).astype(float)
    X_more, y_more = np.concatenate([X, extra]), np.concatenate([y, y[:6][::-1]])
    order = rng.permutation(len(X_more))
    weights = (order < len(X)).astype(float)
    kept = order[order < len(X)]
    expected = _responses(
        _fitted(estimator, X[kept], y[kept], sample_weight=np.ones(len(kept))), X
    )
    found = _responses(
        _fitted(estimator, X_more[order], y_more[order], sample_weight=weights), X
    )
    _assert_same(expected, found, "samples of weight 0 matter")


def check_invalid_weights(estimator, *, sample_shape):
    """Weights that are negative, all zero, NaN or too few are refused."""
    X, y = _data(estimator, sample_shape)
    ones = np.ones(len(X))
    invalid = {
        "negative": np.where(np.arange(len(X)) == 0, -1.0, 1.0),
        "all zero": 0 * ones,
        "NaN": ones * np.nan,
        "too few": ones[:-1],
        "2-D": ones[:, None] @ ones[None, :2],
    }
    for name, weights in invalid.items():
        call = partial(_fitted, estimator, X, y, sample_weight=weights)
        _assert_raises(call, f"fit accepts weights that are {name}")
