"""What a fit gives: copies, the same again, and what targets and weights do to it."""

import pickle
import random
from functools import partial

import numpy as np
import torch
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils.estimator_checks import set_random_state

from sklearn_cnn.utils.estimator_checks._data import (
    assert_raises,
    assert_same,
    fit_clone,
    make_data,
    responses,
)

# --- copies, randomness, invariance -------------------------------------------------


def check_clone(estimator, *, sample_shape):
    """A clone of a fitted estimator is unfitted and fits alike."""
    X, y = make_data(estimator, sample_shape)
    fitted = fit_clone(estimator, X, y)
    expected = responses(fitted, X)
    copy = clone(fitted)
    learned = [k for k in vars(copy) if k.endswith("_") and not k.startswith("_")]
    assert not learned, f"the clone has {learned}"
    assert_same(expected, responses(copy.fit(X, y), X), "clone differs", exact=True)


def check_pickle(estimator, *, sample_shape):
    """A fitted estimator survives pickling bit by bit."""
    X, y = make_data(estimator, sample_shape)
    fitted = fit_clone(estimator, X, y)
    loaded = pickle.loads(pickle.dumps(fitted))
    assert_same(
        responses(fitted, X), responses(loaded, X), "pickling shows", exact=True
    )


def check_determinism(estimator, *, sample_shape):
    """The same ``random_state`` gives the same bits, another one may not."""
    X, y = make_data(estimator, sample_shape)
    expected = responses(fit_clone(estimator, X, y), X)
    found = responses(fit_clone(estimator, X, y), X)
    assert_same(expected, found, "two fits differ", exact=True)


def _global_random_state():
    _, key, *position = check_random_state(None).get_state()
    return random.getstate(), key.tolist(), position, torch.get_rng_state().tolist()


def check_global_random_state(estimator, *, sample_shape):
    """Global random state of Python, numpy and torch is neither used nor changed."""
    X, y = make_data(estimator, sample_shape)
    for random_state in (0, None):
        estimator = clone(estimator)
        if "random_state" in estimator.get_params():
            estimator.set_params(random_state=random_state)
        before = _global_random_state()
        responses(estimator.fit(X, y), X)
        message = f"random_state={random_state} moves a global generator"
        assert _global_random_state() == before, message


def check_sample_order_invariance(estimator, *, sample_shape):
    """The order of the samples does not matter to a fitted estimator."""
    X, y = make_data(estimator, sample_shape)
    fitted = fit_clone(estimator, X, y)
    order = np.random.default_rng(1).permutation(len(X))
    expected = {name: values[order] for name, values in responses(fitted, X).items()}
    assert_same(expected, responses(fitted, X[order]), "order matters")


def check_subset_invariance(estimator, *, sample_shape):
    """A sample gets the same prediction alone as among others."""
    X, y = make_data(estimator, sample_shape)
    fitted = fit_clone(estimator, X, y)
    single = [responses(fitted, X[i : i + 1]) for i in range(len(X))]
    found = {name: np.concatenate([one[name] for one in single]) for name in single[0]}
    assert_same(responses(fitted, X), found, "alone differs from among others")


# --- transformers -------------------------------------------------------------------


def check_fit_transform(estimator, *, sample_shape):
    """``fit_transform`` gives what ``fit`` and then ``transform`` give."""
    X, y = make_data(estimator, sample_shape)
    fitted = fit_clone(estimator, X, y)
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
    X, y = make_data(estimator, sample_shape)
    expected = fit_clone(estimator, X, y).predict(X)
    for names in (
        np.array(["ape", "bee"]),
        np.array(["ape", "bee"], dtype=object),
        np.array([False, True]),
        np.array([-7, 100]),
        np.array([0.0, 1.0]),
    ):
        fitted = fit_clone(estimator, X, names[y])
        np.testing.assert_array_equal(fitted.classes_, names)
        np.testing.assert_array_equal(fitted.predict(X), names[expected])
        from_list = fit_clone(estimator, X, names[y].tolist())
        np.testing.assert_array_equal(from_list.predict(X), names[expected])


def check_single_class(estimator, *, sample_shape):
    """A single class is predicted, or refused with an error that says so."""
    X, _ = make_data(estimator, sample_shape)
    y = np.full(len(X), 3)
    try:
        fitted = fit_clone(estimator, X, y)
    except ValueError as error:
        assert "class" in str(error), str(error)
    else:
        np.testing.assert_array_equal(fitted.predict(X), y)


def check_unit_weights(estimator, *, sample_shape):
    """Weights of 1 are no weights, in whatever container they come."""
    X, y = make_data(estimator, sample_shape)
    expected = responses(fit_clone(estimator, X, y), X)
    for weights in (np.ones(len(X)), [1] * len(X), np.full(len(X), 1, np.int32)):
        found = responses(fit_clone(estimator, X, y, sample_weight=weights), X)
        assert_same(expected, found, "weights of 1 matter")


def check_zero_weights(estimator, *, sample_shape):
    """A weight of 0 removes the sample."""
    X, y = make_data(estimator, sample_shape)
    rng = np.random.default_rng(2)
    extra = rng.integers(200, 255, size=(6, *sample_shape)).astype(float)
    X_more, y_more = np.concatenate([X, extra]), np.concatenate([y, y[:6][::-1]])
    order = rng.permutation(len(X_more))
    weights = (order < len(X)).astype(float)
    kept = order[order < len(X)]
    expected = responses(
        fit_clone(estimator, X[kept], y[kept], sample_weight=np.ones(len(kept))), X
    )
    found = responses(
        fit_clone(estimator, X_more[order], y_more[order], sample_weight=weights), X
    )
    assert_same(expected, found, "samples of weight 0 matter")


def check_invalid_weights(estimator, *, sample_shape):
    """Weights that are negative, all zero, NaN or too few are refused."""
    X, y = make_data(estimator, sample_shape)
    ones = np.ones(len(X))
    invalid = {
        "negative": np.where(np.arange(len(X)) == 0, -1.0, 1.0),
        "all zero": 0 * ones,
        "NaN": ones * np.nan,
        "too few": ones[:-1],
        "2-D": ones[:, None] @ ones[None, :2],
    }
    for name, weights in invalid.items():
        call = partial(fit_clone, estimator, X, y, sample_weight=weights)
        assert_raises(call, f"fit accepts weights that are {name}")
