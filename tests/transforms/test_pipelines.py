"""Steps before a network, in a search."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklearn_cnn import CNNClassifier
from sklearn_cnn.transforms import ChannelScaler, Grayscale, Resize

CNN = CNNClassifier(filters=(4,), max_iter=2, random_state=0)


@pytest.fixture
def coloured(zeros_and_ones):
    X, y = zeros_and_ones
    return np.repeat(X, 3, axis=-1).astype(np.uint8), y


def test_steps_and_a_network_are_searched_and_saved(coloured):
    X, y = coloured
    pipeline = make_pipeline(Resize(8), Grayscale(), ChannelScaler(), CNN)
    grid = {"resize__size": [(6, 5), 10], "resize__interpolation": ["nearest"]}
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2).fit(X, y)
    assert len(search.cv_results_["params"]) == 2
    best = search.best_estimator_
    assert best[-1].input_shape_[-1] == 1
    expected = best.predict_proba(X)
    loaded = pickle.loads(pickle.dumps(best))
    np.testing.assert_array_equal(loaded.predict_proba(X), expected)
    again = clone(best).fit(X, y)
    np.testing.assert_array_equal(again.predict_proba(X), expected)


@pytest.mark.parametrize(
    "change, remedy",
    [
        (lambda X: X, r"Convert them with sklearn_cnn.transforms.Grayscale\(\)"),
        (lambda X: X[..., :2], r"to 1 channel\(s\) with .*SelectChannels"),
        (lambda X: X[:, 1:, :, :1], r"sklearn_cnn.transforms.Resize\(\(8, 8\)\)"),
    ],
)
def test_the_remedy_of_a_wrong_shape_is_named_and_works(coloured, change, remedy):
    X, y = coloured
    cnn = clone(CNN).fit(Grayscale().transform(X), y)
    with pytest.raises(ValueError, match=f"{remedy}.* or fit again"):
        cnn.predict(change(X))
    assert len(cnn.predict(Grayscale().transform(X))) == len(X)
    assert len(cnn.predict(Resize((8, 8)).transform(X[:, 1:, :, :1]))) == len(X)
