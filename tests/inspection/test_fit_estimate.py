"""What a fit is expected to cost. Times are judged by tests/benchmarks/capacity.py."""

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from sklearn_cnn import CNNClassifier, CNNRegressor
from sklearn_cnn.augmentation import RandomCrop
from sklearn_cnn.estimators import planned
from sklearn_cnn.inspection import estimate_fit, summary
from sklearn_cnn.transforms import Rescale

SMALL = {"filters": (4,), "random_state": 0}


def fitted_to_noise(model, shape, n_classes):
    rng = np.random.default_rng(0)
    y = np.arange(shape[0]) % n_classes if n_classes else rng.normal(size=shape[0])
    return model.fit(rng.normal(size=shape).astype("float32"), y)


@pytest.mark.parametrize(
    ("model", "shape", "n_classes"),
    [
        (CNNClassifier(**SMALL), (60, 8, 8), 3),
        (CNNClassifier(early_stopping=True, n_networks=2, **SMALL), (60, 6, 6, 3), 2),
        (CNNRegressor(spatial_dims=1, **SMALL), (60, 12), None),
        (CNNClassifier(spatial_dims=3, **SMALL), (60, 5, 5, 5), 2),
    ],
)
def test_epochs_and_arithmetic_are_those_of_the_fit(model, shape, n_classes):
    before = repr(model)
    estimate = estimate_fit(model, shape, n_classes)
    assert repr(model) == before and not hasattr(model, "module_")
    assert estimate.seconds > 0 and estimate.memory > 0
    cnn = fitted_to_noise(model, shape, n_classes)
    assert estimate.epochs == cnn.max_iter_
    of_each = [summary(one)["multiply_adds"].sum() for one in cnn.estimators_]
    assert estimate.multiply_adds == 3 * sum(of_each) * shape[0] * cnn.max_iter_


def test_auto_is_for_the_samples_of_the_fit_and_not_of_the_trial():
    # up to 4,000 series have a network without epochs
    model = CNNClassifier(spatial_dims=1)
    with pytest.raises(ValueError, match="'multirocket' is solved in one pass"):
        estimate_fit(model, (4_000, 16), 2)
    many = planned(model, (50_000, 16))
    assert (many["architecture"], many["batch_size"], many["max_iter"]) == (
        "simple",
        128,
        4,
    )
    digits = planned(CNNClassifier(), (50_000, 28, 28))
    assert isinstance(digits["augmentation"], RandomCrop)
    assert digits["conv_dropout"] == 0.0
    assert planned(CNNClassifier(), (500, 28, 28))["conv_dropout"] == 0.1


def test_bytes_stay_bytes():
    model = CNNClassifier(max_iter=1, **SMALL)
    assert estimate_fit(model, (40, 6, 6), 2, dtype="uint8").epochs == 1


@pytest.mark.parametrize(
    ("model", "arguments", "error", "match"),
    [
        (SVC(), ((60, 8, 8), 2), TypeError, "ends in SVC"),
        (make_pipeline(Rescale(2), CNNClassifier()), ((60, 8, 8), 2), TypeError, "Pip"),
        (CNNClassifier(), ((60, 8, 8),), ValueError, "n_classes=None must be a number"),
        (CNNRegressor(), ((60, 8, 8), 2), ValueError, "n_classes=2 must be None for"),
        (CNNClassifier(), ((3, 8, 8), 2), ValueError, "n_samples=3, but a fit"),
        (CNNClassifier(), (60, 2), ValueError, "shape=60 must be that of X"),
        (CNNClassifier(), ((60,), 2), ValueError, r"shape=\(60,\) must be that of"),
        (CNNClassifier(), ((60, 8.5), 2), ValueError, r"shape=\(60, 8.5\) must be"),
        (CNNClassifier(max_time=9), ((60, 8, 8), 2), ValueError, "max_time=9 says"),
        (CNNClassifier(filters=()), ((60, 8, 8), 2), ValueError, r"filters=\(\) must"),
    ],
)
def test_bad_input(model, arguments, error, match):
    with pytest.raises(error, match=match):
        estimate_fit(model, *arguments)
