"""What predicts: alone, on any number of threads, with nothing of what trains."""

import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from sklearn_cnn import CNNClassifier, CNNFeatures
from sklearn_cnn.inference import threads

SMALL = {"filters": (4, 8), "max_iter": 2, "random_state": 0}

PREDICT = """
import pickle, sys
with open(sys.argv[1], "rb") as file:
    estimator, X, expected = pickle.load(file)
name = "predict_proba" if hasattr(estimator, "predict_proba") else "transform"
assert (getattr(estimator, name)(X) == expected).all()
assert estimator.module_ is not None
training = {"optimizers", "loop", "net", "execution", "observers", "augmenter"}
loaded = {m for m in sys.modules if m.split(".")[0] == "skorch"}
loaded |= {f"sklearn_cnn.training.{name}" for name in training} & set(sys.modules)
sys.exit(f"loaded: {loaded}" if loaded else 0)
"""


def assert_alike_in_another_process(tmp_path, *content):
    path = tmp_path / "estimator.pickle"
    path.write_bytes(pickle.dumps(content))
    done = subprocess.run(
        [sys.executable, "-c", PREDICT, path], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_a_prediction_loads_nothing_that_trains(digits, tmp_path):
    X, y = digits
    cnn = CNNClassifier(**SMALL, early_stopping=True).fit(X, y)
    assert_alike_in_another_process(tmp_path, cnn, X, cnn.predict_proba(X))


def test_nor_do_features(digits, tmp_path):
    X, y = digits
    features = CNNFeatures(estimator=CNNClassifier(**SMALL)).fit(X, y)
    assert_alike_in_another_process(tmp_path, features, X, features.transform(X))


@pytest.fixture
def n_threads():
    before = torch.get_num_threads()
    yield before
    torch.set_num_threads(before)


@pytest.mark.parametrize("architecture", ["mobilenet_v2", "resnet18"])
@pytest.mark.parametrize("n_rows", [1, 2, 3, 40])
def test_the_number_of_threads_does_not_show(n_threads, architecture, n_rows):
    rng = np.random.default_rng(0)
    X, y = rng.random((40, 48, 48, 3), dtype=np.float32), np.arange(40) % 2
    filters = (2, 4, 4, 4, 4, 4, 4) if architecture == "mobilenet_v2" else (4, 8)
    cnn = CNNClassifier(architecture, filters=filters, max_iter=1, random_state=0)
    cnn.fit(X[:8], y[:8])
    found = []
    for n in (1, 2, 3):
        torch.set_num_threads(n)
        found.append(cnn.decision_function(X[:n_rows]))
        assert torch.get_num_threads() == n
    np.testing.assert_array_equal(found[1], found[0])
    np.testing.assert_array_equal(found[2], found[0])


def test_little_work_runs_on_one_thread(digits, monkeypatch):
    X, y = digits
    cnn = CNNClassifier(**SMALL).fit(X, y)
    seen = []
    network = type(cnn.module_)
    forward = network.forward

    def watching(self, x):
        seen.append((torch.get_num_threads(), len(x)))
        return forward(self, x)

    monkeypatch.setattr(network, "forward", watching)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        cnn.predict_proba(X[:1])
        assert seen == [(1, 1)]
        monkeypatch.setattr(threads, "_POOL_COST", 1)
        cnn.predict_proba(np.repeat(X, 8, axis=0))
        assert {n for n, _ in seen} == {1} and len(seen) > 2
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_limits_to_one_thread_can_be_nested(n_threads):
    torch.set_num_threads(3)
    with threads.single_thread():
        assert (torch.get_num_threads(), threads.available_threads()) == (1, 3)
        with threads.all_threads():
            assert torch.get_num_threads() == 3
            with threads.single_thread(), threads.single_thread():
                assert (torch.get_num_threads(), threads.available_threads()) == (1, 3)
            assert torch.get_num_threads() == 3
        assert (torch.get_num_threads(), threads.available_threads()) == (1, 3)
        with threads.workers(2) as pool:
            assert pool._max_workers == 2
    assert torch.get_num_threads() == threads.available_threads() == 3


def test_several_threads_share_one_estimator(digits):
    X, y = digits
    cnn = CNNClassifier(**SMALL).fit(X, y)
    expected = cnn.predict_proba(X)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(cnn.predict_proba, [X] * 40):
            np.testing.assert_array_equal(found, expected)
