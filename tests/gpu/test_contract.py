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


@parametrize_with_scikit_learns_checks(
    INSTANCES, expected_failed_checks=expected_failures, xfail_strict=True
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@parametrize_with_checks(DEFAULT)
def test_own_contract(estimator, check):
    check(estimator)
