"""scikit-learn cannot tell the estimators from its own."""

import pytest
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_inplace_ensure_writeable,
    check_param_validation,
    estimator_checks_generator,
    parametrize_with_checks,
)

from sklearn_cnn import CNNClassifier, CNNRegressor
from sklearn_cnn.augmentation import Compose, GaussianNoise, MixUp

#: What is learned must be right, in fewer steps than by default.
SHORT = {"filters": (8,), "max_iter": 20}
#: Images and volumes of one pixel's width, so that rows of any width fit.
IMAGES = {"input_shape": (-1, 1), "spatial_dims": 2, **SHORT}
VOLUMES = {"input_shape": (1, -1, 1), "spatial_dims": 3, **SHORT}
#: Without what looks at the other samples of a batch, weights are exact.
EXACT = {"normalization": None, "precision": "float64", "batch_size": 1024}

#: Rows of both estimators are unflattened by the same lines.
INSTANCES = [
    *(CNNClassifier(**parameters) for parameters in ({}, IMAGES, VOLUMES, EXACT)),
    *(CNNRegressor(**parameters) for parameters in ({}, EXACT)),
]
AUGMENTATION = Compose([("noise", GaussianNoise(0.1)), ("mix", MixUp())])
INSTANCES.append(CNNClassifier(augmentation=AUGMENTATION, **SHORT))
INSTANCES.append(CNNClassifier(n_networks=2, **SHORT))

REASON = (
    "batch normalisation averages over the samples of a batch without their weights, "
    "and mini-batches of repeated samples are not those of weighted ones"
)


def expected_failures(estimator):
    if estimator.normalization is None:
        return {}
    return {"check_sample_weight_equivalence_on_dense_data": REASON}


@parametrize_with_checks(
    INSTANCES, expected_failed_checks=expected_failures, xfail_strict=True
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize("Estimator", [CNNClassifier, CNNRegressor])
@pytest.mark.parametrize(
    "check",
    [
        check_param_validation,
        check_dataframe_column_names_consistency,
        check_inplace_ensure_writeable,
    ],
)
def test_checks_that_scikit_learn_runs_on_its_own(Estimator, check):
    check(Estimator.__name__, Estimator(max_iter=2))


def test_the_whole_suite_runs():
    # with the tag two_d_array=False, scikit-learn would silently run one check
    assert len(list(estimator_checks_generator(CNNClassifier()))) > 60
    assert len(list(estimator_checks_generator(CNNRegressor()))) > 55
