"""The baselines learn, from images as from flat rows, and are seeded."""

import sys

import numpy as np
import pytest
from skimage.feature import hog
from sklearn.datasets import load_digits
from sklearn.exceptions import FitFailedWarning

from sklearn_cnn.comparison import classical_baselines, compare_estimators
from sklearn_cnn.comparison.baselines import hog_features

ON_IMAGES = [
    "logistic regression",
    "SVC on pixels",
    "SVC on HOG",
    "SVC on HOG + colour",
    "k-means patch features",
    "random forest",
    "gradient boosting",
    "MLP",
]


@pytest.fixture(scope="module")
def images():
    X, y = load_digits(return_X_y=True)
    few = y[:500] < 3
    return X[:500][few].reshape(-1, 8, 8), y[:500][few]


@pytest.mark.parametrize("flat", [False, True])
def test_images(images, flat):
    X, y = images
    baselines = classical_baselines(input_shape=(8, 8) if flat else None)
    assert list(baselines) == ON_IMAGES
    X = X.reshape(len(X), -1) if flat else X[..., None]
    results = compare_estimators(baselines, X, y, cv=2, random_state=0)
    assert results["error"].isna().all()
    assert (results["mean_test_accuracy"] > 0.95).all()


AEON = pytest.mark.filterwarnings(
    "ignore:__array_wrap__ must accept:DeprecationWarning"  # aeon 1.6, of its own
)


@AEON
def test_series(signals):
    baselines = classical_baselines(data="series")
    assert list(baselines)[-3:] == ["1-nearest neighbour", "MiniRocket", "QUANT"]
    assert "SVC on values" in baselines and "SVC on HOG" not in baselines
    results = compare_estimators(baselines, *signals, cv=2, random_state=0)
    assert results["error"].isna().all()
    assert results["mean_test_accuracy"].median() > 0.9


def test_regression(images):
    X, _ = images
    y = 1000 + X[:, 2:6, 2:6].sum(axis=(1, 2))
    baselines = classical_baselines("regression")
    results = compare_estimators(baselines, X, y, cv=2, random_state=0)
    assert results["error"].isna().all()
    assert (results["mean_test_r2"].drop("SVR on HOG") > 0.7).all(), results[
        "mean_test_r2"
    ]


@AEON
def test_regression_of_series(signals):
    X, _ = signals
    y = 1000 + X[:, :10].sum(axis=(1, *range(2, X.ndim)))
    baselines = classical_baselines("regression", data="series")
    results = compare_estimators(baselines, X, y, cv=2, random_state=0)
    assert results["error"].isna().all()
    assert results.loc[["MiniRocket", "QUANT"], "mean_test_r2"].min() > 0.3


@pytest.mark.parametrize("name", ["k-means patch features", "SVC on HOG + colour"])
def test_colours_alone_tell_large_images_apart(name):
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 2, size=60)
    X = rng.integers(0, 100, size=(60, 50, 52, 3), dtype=np.uint8)
    X[..., 0] += (colours * 100).astype(np.uint8)[:, None, None]
    X[..., 2] += ((1 - colours) * 100).astype(np.uint8)[:, None, None]
    baseline = classical_baselines()[name].fit(X[:40], colours[:40])
    assert baseline.score(X[40:], colours[40:]) > 0.7


@AEON  # MiniRocket of several channels takes a quarter of a minute to compile
def test_channels_of_series_come_last():
    X = np.random.default_rng(0).normal(size=(12, 30, 2))
    features = classical_baselines(data="series")["QUANT"][0].fit(X)
    reference = features.transformer_.transform(X.swapaxes(1, 2).copy())
    np.testing.assert_array_equal(features.transform(X), reference)


def test_rockets_leave_the_global_generator_alone(signals):
    X, y = signals
    np.random.seed(0)
    expected = np.random.uniform()
    np.random.seed(0)
    first = classical_baselines(data="series")["MiniRocket"].fit(X, y)
    assert np.random.uniform() == expected
    second = classical_baselines(data="series")["MiniRocket"].fit(X, y)
    other = classical_baselines(data="series", random_state=1)["MiniRocket"].fit(X, y)
    assert (first[-1].coef_ == second[-1].coef_).all()
    assert (first[-1].coef_ != other[-1].coef_).any()


def test_without_aeon_all_others_compete(signals, monkeypatch):
    monkeypatch.setitem(
        sys.modules, "aeon.transformations.collection.convolution_based", None
    )
    baselines = classical_baselines(data="series")
    for name in ("MiniRocket", "QUANT"):
        with pytest.raises(ImportError, match=rf"{name}.*'sklearn_cnn\[series\]'"):
            baselines[name].fit(*signals)
    some = {name: baselines[name] for name in ("SVC on values", "QUANT")}
    with pytest.warns(FitFailedWarning, match="QUANT.*series"):
        results = compare_estimators(some, *signals, cv=2)
    assert list(results["error"].notna()) == [False, True]


def test_random_state(images):
    def forest(random_state):
        forest = classical_baselines(random_state=random_state)["random forest"]
        return forest.fit(*images).predict_proba(images[0])

    np.testing.assert_array_equal(forest(0), forest(0))
    assert (forest(0) != forest(1)).any()

    def patches(random_state):
        baselines = classical_baselines(random_state=random_state)
        return baselines["k-means patch features"].fit(*images)[-1].coef_

    np.testing.assert_array_equal(patches(0), patches(0))
    assert (patches(0) != patches(1)).any()


@pytest.mark.parametrize("shape, cell", [((8, 8), 2), ((28, 40), 4), ((24, 24, 3), 3)])
def test_hog_is_that_of_scikit_image(shape, cell):
    images = np.random.default_rng(0).uniform(size=(2, *shape))
    expected = hog(
        images[1],
        orientations=9,
        pixels_per_cell=(cell, cell),
        cells_per_block=(2, 2),
        channel_axis=-1 if len(shape) == 3 else None,
    )
    np.testing.assert_array_equal(hog_features(images)[1], expected)
    flat = images.reshape(2, -1)
    np.testing.assert_array_equal(hog_features(flat, shape)[1], expected)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"task": "clustering"}, "task"),
        ({"data": "volumes"}, "data"),
        ({"data": "series", "input_shape": (8, 8)}, "input_shape=.* is for images"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        classical_baselines(**arguments)


def test_hog_of_flat_rows_wants_their_shape():
    with pytest.raises(ValueError, match="pass input_shape"):
        hog_features(np.zeros((3, 64)))
