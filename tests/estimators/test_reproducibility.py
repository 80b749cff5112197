"""The same random_state gives the same bits; nothing global is touched."""

import pickle
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from sklearn.model_selection import GridSearchCV, cross_validate

from sklearn_cnn import CNNClassifier

PARAMETERS = {
    "filters": (8, 16),
    "dropout": 0.3,
    "conv_dropout": 0.1,
    "max_iter": 3,
    "random_state": 7,
}


def weights(cnn):
    tensors = cnn.module_.state_dict().values()
    return b"".join(tensor.numpy().tobytes() for tensor in tensors)


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_twice_in_one_process(digits):
    X, y = digits
    torch.manual_seed(1)
    first = CNNClassifier(**PARAMETERS).fit(X, y)
    torch.manual_seed(2)
    second = CNNClassifier(**PARAMETERS).fit(X, y)
    assert weights(first) == weights(second)
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    other = CNNClassifier(**{**PARAMETERS, "random_state": 8}).fit(X, y)
    assert weights(first) != weights(other)


SCRIPT = """
import sys, pickle
from sklearn_cnn import CNNClassifier
parameters, X, y = pickle.load(sys.stdin.buffer)
cnn = CNNClassifier(**parameters).fit(X, y)
sys.stdout.buffer.write(pickle.dumps(cnn))
"""


def test_in_a_fresh_process(digits):
    X, y = digits
    given = pickle.dumps((PARAMETERS, X, y))
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], input=given, capture_output=True, check=True
    )
    fresh = pickle.loads(done.stdout)
    here = CNNClassifier(**PARAMETERS).fit(X, y)
    assert weights(fresh) == weights(here)
    np.testing.assert_array_equal(fresh.predict_proba(X), here.predict_proba(X))


def test_pickled_estimators_predict_and_go_on_alike(digits):
    X, y = digits
    cnn = CNNClassifier(**PARAMETERS).fit(X, y)
    loaded = pickle.loads(pickle.dumps(cnn))
    np.testing.assert_array_equal(cnn.predict_proba(X), loaded.predict_proba(X))
    assert weights(cnn.partial_fit(X, y)) == weights(loaded.partial_fit(X, y))


def test_pickles_hold_no_training_data(digits):
    X, y = digits
    cnn = CNNClassifier(**PARAMETERS).fit(np.repeat(X, 20, axis=0), np.repeat(y, 20))
    assert len(pickle.dumps(cnn)) < 100_000


def test_parallel_search_gives_the_same_bits(digits, two_threads):
    X, y = digits
    folds = {}
    for n_jobs in (1, 2):
        result = cross_validate(
            CNNClassifier(**PARAMETERS),
            X,
            y,
            cv=2,
            n_jobs=n_jobs,
            return_estimator=True,
        )
        folds[n_jobs] = [weights(cnn) for cnn in result["estimator"]]
    assert folds[1] == folds[2]

    grid = {"dropout": [0.0, 0.3]}
    searches = [
        GridSearchCV(CNNClassifier(**PARAMETERS), grid, cv=2, n_jobs=n).fit(X, y)
        for n in (1, 2)
    ]
    scores = [s.cv_results_["split0_test_score"].tolist() for s in searches]
    assert scores[0] == scores[1]
    assert weights(searches[0].best_estimator_) == weights(searches[1].best_estimator_)


def n_threads(estimator, X, y):
    return torch.get_num_threads()


def test_parallel_search_does_not_oversubscribe(digits, two_threads):
    X, y = digits
    cnn = CNNClassifier(**PARAMETERS)
    result = cross_validate(cnn, X, y, cv=2, n_jobs=2, scoring=n_threads)
    import joblib

    assert max(result["test_score"]) <= max(1, joblib.cpu_count() // 2)


@pytest.mark.parametrize("random_state", [0, None])
def test_global_state_is_untouched(digits, two_threads, random_state):
    def state():
        return (
            random.getstate(),
            str(np.random.get_state()),
            torch.get_rng_state().tolist(),
            torch.get_num_threads(),
            torch.is_grad_enabled(),
            torch.get_default_dtype(),
            torch.are_deterministic_algorithms_enabled(),
        )

    X, y = digits
    before = state()
    cnn = CNNClassifier(**{**PARAMETERS, "random_state": random_state}).fit(X, y)
    cnn.predict(X)
    assert state() == before
    with pytest.raises(ValueError):
        cnn.fit(X, y[:-1])
    assert state() == before


def test_fits_in_several_threads(digits):
    X, y = digits
    before = torch.get_rng_state()

    def fit(random_state):
        cnn = CNNClassifier(**{**PARAMETERS, "random_state": random_state})
        return weights(cnn.fit(X[:100], y[:100]))

    seeds = [0, 1, 2] * 4
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(fit, seeds))
    assert found == [fit(seed) for seed in (0, 1, 2)] * 4
    assert torch.equal(torch.get_rng_state(), before)


def test_threads_are_restored_after_a_failure(digits, two_threads, Stumbling):
    before = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="out of luck"):
        CNNClassifier(Stumbling).fit(*digits)
    assert torch.get_num_threads() == 2
    assert torch.equal(torch.get_rng_state(), before)


def test_random_state_instances_move_on(digits):
    X, y = digits
    generator = np.random.RandomState(0)
    cnn = CNNClassifier(**{**PARAMETERS, "random_state": generator})
    first = weights(cnn.fit(X, y))
    assert weights(cnn.fit(X, y)) != first


def test_continued_training_draws_other_numbers(digits):
    X, y = digits
    cnn = CNNClassifier(**PARAMETERS, learning_rate=1e-30, warm_start=True)
    orders = []
    for _ in range(2):
        cnn.fit(X, y)
        orders.append(cnn.loss_curve_[-1])
    # the same weights, but dropout masks and batches of their own
    assert orders[0] != orders[1]
