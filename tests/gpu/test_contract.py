"""What scikit-learn, and this library, ask of estimators, where "auto" is a GPU."""

import pytest
from sklearn.utils.estimator_checks import (
    parametrize_with_checks as parametrize_with_scikit_learns_checks,
)

from sklearn_cnn import CNNClassifier, CNNRegressor
from sklearn_cnn.utils.estimator_checks import parametrize_with_checks

#: Without what looks at the other samples of a batch, weights are exact.
EXACT = {"normalization": None, "precision": "float64", "batch_size": 1024}
DEFAULT = [CNNClassifier(), CNNRegressor()]
INSTANCES = [*DEFAULT, CNNClassifier(**EXACT), CNNRegressor(**EXACT)]
REASON = "batch normalisation averages over the samples of a batch without weights"


def expected_failures(estimator):
    if estimator.normalization is None:
        return {}
    return {"check_sample_weight_equivalence_on_dense_data": REASON}


@pytest.fixture(autouse=True)
def auto_is_a_gpu(cuda):
    """Elsewhere other tests do the same."""


def skip_what_float32_cannot_keep(estimator, check):
    """Kernels of a GPU depend on the number of rows, and so does the last digit."""
    name = getattr(check, "func", check).__name__
    if estimator.precision != "float64" and "subset_invariance" in name:
        pytest.skip("the sums of float32 are split by the number of rows")


@parametrize_with_scikit_learns_checks(
    INSTANCES, expected_failed_checks=expected_failures, xfail_strict=True
)
def test_scikit_learn_contract(estimator, check):
    skip_what_float32_cannot_keep(estimator, check)
    check(estimator)


@parametrize_with_checks(DEFAULT)
def test_own_contract(estimator, check):
    skip_what_float32_cannot_keep(estimator, check)
    check(estimator)
