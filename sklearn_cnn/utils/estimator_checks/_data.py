"""Data that any estimator can learn from, and what its answers must be like."""

from functools import partial

import numpy as np
from sklearn.base import clone, is_regressor
from sklearn.utils.estimator_checks import set_random_state

_METHODS = ("predict", "predict_proba", "decision_function", "transform")
_N_SAMPLES = 24
#: Float32 arithmetic on scaled inputs keeps about this much, float16 less.
_TOLERANCE = {2: 2e-3, 4: 1e-6, 8: 1e-6}


def make_data(estimator, sample_shape):
    """Images of two kinds, dark above or dark below, as integers in float64."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 60, size=(_N_SAMPLES, *sample_shape)).astype(float)
    labels = np.arange(_N_SAMPLES) % 2
    half = max(1, sample_shape[0] // 2)
    X[labels == 1, :half] += 150
    X[labels == 0, half:] += 100
    if is_regressor(estimator):
        return X, labels * 10 + rng.normal(size=_N_SAMPLES)
    return X, labels


def fit_clone(estimator, X, y, **fit_params):
    estimator = clone(estimator)
    set_random_state(estimator, 0)
    return estimator.fit(X, y, **fit_params)


def responses(estimator, X):
    return {
        name: np.asarray(getattr(estimator, name)(X))
        for name in _METHODS
        if hasattr(estimator, name)
    }


def assert_same(expected, found, message, exact=False):
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


def assert_raises(call, message):
    try:
        call()
    except (ValueError, TypeError) as error:
        assert str(error), f"{message}: the error has no text"
        return
    raise AssertionError(f"{message}: no error was raised")


def assert_refused(estimator, X, message):
    for name in _METHODS:
        if hasattr(estimator, name):
            assert_raises(partial(getattr(estimator, name), X), f"{name}: {message}")
