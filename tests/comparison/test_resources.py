"""Threads and sizes."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from threadpoolctl import threadpool_info

from sklearn_cnn import CNNClassifier
from sklearn_cnn.comparison.resources import (
    count_parameters,
    limited_threads,
    model_size,
)


def threads():
    return torch.get_num_threads(), [pool["num_threads"] for pool in threadpool_info()]


@pytest.mark.parametrize("n_threads", [1, 3])
def test_threads_are_limited_and_restored(n_threads):
    before = threads()
    with pytest.raises(RuntimeError), limited_threads(n_threads):
        assert torch.get_num_threads() == n_threads
        assert {pool["num_threads"] for pool in threadpool_info()} == {n_threads}
        raise RuntimeError
    assert threads() == before


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(40, 8, 8)), np.arange(40) % 2


def test_parameters_of_a_network(data):
    pipeline = make_pipeline(FunctionTransformer(), CNNClassifier(max_iter=1))
    pipeline.fit(*data)
    weights = pipeline[-1].module_.parameters()
    assert count_parameters(pipeline) == sum(weight.numel() for weight in weights)


@pytest.mark.parametrize(
    "estimator, n_parameters",
    [
        (LinearRegression(), 64 + 1),
        (make_pipeline(StandardScaler(), LogisticRegression()), 64 + 1),
        (GridSearchCV(LogisticRegression(), {"C": [1]}, cv=2), 64 + 1),
        (MLPClassifier((5,), max_iter=500, tol=0.1), 64 * 5 + 5 + 5 + 1),
        (SVC(kernel="rbf"), None),
        (KNeighborsClassifier(), None),
    ],
)
def test_parameters_of_other_models(data, estimator, n_parameters):
    X, y = data
    assert count_parameters(estimator.fit(X.reshape(40, -1), y)) == n_parameters


def test_model_size(data):
    X, y = data
    fitted = LogisticRegression().fit(X.reshape(40, -1), y)
    assert model_size(fitted) == len(pickle.dumps(fitted, protocol=5))
    assert model_size(make_pipeline(FunctionTransformer(lambda X: X), fitted)) is None
