"""The n-d contract: our estimators keep it, and broken ones are found out."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.neighbors import KNeighborsClassifier

from sklearn_cnn import CNNClassifier, CNNRegressor
from sklearn_cnn.augmentation import RandomFlip
from sklearn_cnn.utils.estimator_checks import (
    check_estimator,
    estimator_checks,
    parametrize_with_checks,
)

SMALL = {"filters": (4, 8), "max_iter": 3}


@parametrize_with_checks(
    [
        CNNClassifier(**SMALL),
        CNNRegressor(**SMALL),
        CNNClassifier(**SMALL, n_networks=2),
        CNNRegressor(**SMALL, augmentation=RandomFlip(), test_time_augmentation=True),
    ]
)
def test_images(estimator, check):
    check(estimator)


@parametrize_with_checks(
    [CNNClassifier(**SMALL, spatial_dims=1), CNNRegressor(**SMALL, spatial_dims=1)],
    sample_shape=(12, 2),
)
def test_signals(estimator, check):
    check(estimator)


@parametrize_with_checks(
    [CNNClassifier(**SMALL), CNNRegressor(**SMALL)], sample_shape=(4, 4, 4, 1)
)
def test_volumes(estimator, check):
    check(estimator)


class Flattened(ClassifierMixin, BaseEstimator):
    """A nearest-neighbour classifier of images without any check of its own."""

    def fit(self, X, y):
        X = np.asarray(X)
        self.classes_ = np.unique(y)
        self.model_ = KNeighborsClassifier(1).fit(X.reshape(len(X), -1), y)
        return self

    def predict(self, X):
        return self.model_.predict(np.asarray(X).reshape(len(X), -1))


class Scaler(TransformerMixin, BaseEstimator):
    """A transformer that writes to its input."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        X -= 1
        return X


class Random(ClassifierMixin, BaseEstimator):
    """A classifier that guesses, from the global generator."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.random.choice(self.classes_, size=len(X))


class TwoWays(TransformerMixin, BaseEstimator):
    """A transformer with two ways to its result, of which one forgot the scale."""

    def fit(self, X, y=None):
        self.scale_ = np.asarray(X).max()
        return self

    def transform(self, X):
        return np.asarray(X) / self.scale_

    def fit_transform(self, X, y=None):
        self.fit(X)
        return np.asarray(X) - self.scale_


class Careless(TransformerMixin, BaseEstimator):
    """A transformer whose result in uint8 is another one than in floats."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.asarray(X) * np.asarray(2, dtype=np.asarray(X).dtype)


def broken_promises(estimator):
    broken = set()
    for check in estimator_checks(estimator):
        try:
            check(estimator)
        except Exception:
            broken.add(check.func.__name__)
    return broken


def test_a_careless_estimator_is_found_out():
    broken = broken_promises(Flattened())
    assert "check_same_number_of_values_in_another_shape" in broken
    assert "check_flat_rows_are_refused_after_images" in broken
    assert "check_determinism" not in broken


def test_writing_to_X_is_found_out():
    assert "check_X_is_unchanged" in broken_promises(Scaler())


def test_randomness_is_found_out():
    broken = broken_promises(Random())
    assert {"check_determinism", "check_global_random_state"} <= broken


def test_a_second_way_to_a_result_is_found_out():
    assert "check_fit_transform" in broken_promises(TwoWays())
    assert "check_fit_transform" not in broken_promises(Careless())


def test_integers_that_wrap_around_are_found_out():
    assert "check_dtypes" in broken_promises(Careless())


def test_check_estimator_raises_unless_the_failure_is_expected():
    with pytest.raises(AssertionError, match="accepts"):
        check_estimator(Flattened())
    reasons = dict.fromkeys(broken_promises(Flattened()), "known")
    check_estimator(Flattened(), expected_failed_checks=reasons)
