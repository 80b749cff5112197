"""Searches on Ray: two processes on this machine."""

import os

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GridSearchCV

from sklearn_cnn import CNNClassifier
from sklearn_cnn.comparison import compare_estimators
from sklearn_cnn.utils.joblib_backends import register_ray

ray = pytest.importorskip("ray", reason="Ray is large, and no part of the extra test")


@pytest.fixture(scope="module", autouse=True)
def on_ray():
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    register_ray()
    yield
    ray.shutdown()


class Counted(np.ndarray):
    """Counts how often it is pickled."""

    n_pickled = 0

    def __reduce_ex__(self, protocol):
        Counted.n_pickled += 1
        return np.asarray(self).__reduce_ex__(protocol)


def test_a_search_gives_the_same_bits_and_sends_X_once():
    X, y = load_digits(return_X_y=True)
    X, y = X[:300].reshape(-1, 8, 8), y[:300]
    cnn = CNNClassifier(filters=(4,), max_iter=2, random_state=0)
    search = GridSearchCV(cnn, {"dropout": [0.0, 0.2, 0.4]}, cv=2, refit=False)
    alone = search.fit(X, y).cv_results_["mean_test_score"]
    with joblib.parallel_config(backend="ray"):
        there = search.fit(X.view(Counted), y).cv_results_["mean_test_score"]
    np.testing.assert_array_equal(there, alone)
    assert Counted.n_pickled == 1


def test_a_comparison_runs_there_and_gives_the_same_table():
    def process(estimator, X, y):
        return os.getpid()

    X, y = load_digits(return_X_y=True)
    scoring = {"accuracy": "accuracy", "process": process}
    options = {"cv": 2, "random_state": 0, "scoring": scoring}
    models = {"trivial": DummyClassifier(), "impossible": RidgeClassifier(alpha=-1)}
    with joblib.parallel_config(backend="ray"), pytest.warns(FitFailedWarning):
        there = compare_estimators(models, X, y, **options)
    with pytest.warns(FitFailedWarning):
        here = compare_estimators(models, X, y, **options)
    assert there.filter(like="accuracy").equals(here.filter(like="accuracy"))
    assert here["error"].equals(there["error"])
    processes = {fold.get("test_process") for fold in there.attrs["folds"]}
    assert os.getpid() not in processes
