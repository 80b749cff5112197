"""What a process that runs for months relies on."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.datasets import load_digits

from sklearn_cnn import CNNClassifier

# 200 fits and 10,000 predictions, after some of each: caches and memory pools are full
ENDURANCE = """
import gc, os
import numpy as np
import psutil
import torch
from sklearn.datasets import load_digits
from sklearn_cnn import CNNClassifier

torch.set_num_threads(2)
X, y = load_digits(return_X_y=True)
X, y = X.reshape(-1, 8, 8)[:64].astype(np.float32), y[:64]
process = psutil.Process()

def used():
    gc.collect()
    descriptors = process.num_fds() if hasattr(process, "num_fds") else 0
    return process.memory_info().rss, descriptors, process.num_threads()

def fit(i):
    return CNNClassifier(
        filters=(4, 8), max_iter=1, early_stopping=i % 2 == 0,
        validation_fraction=0.25, random_state=i,
    ).fit(X, y)

def predict(model, i):
    size = 1 + i % 3
    model.predict_proba(X[i % 60 : i % 60 + size])

for i in range(40):
    model = fit(i)
for i in range(1000):
    predict(model, i)
before = used()
for i in range(200):
    model = fit(i)
for i in range(10_000):
    predict(model, i)
after = used()
print(*(b - a for a, b in zip(before, after)))
"""


def test_memory_files_and_threads_do_not_grow():
    run = subprocess.run(
        [sys.executable, "-c", ENDURANCE], capture_output=True, text=True, check=True
    )
    memory, descriptors, threads = map(int, run.stdout.split())
    # 10 kB lost by each fit would be 2 MB, and 1 kB by each prediction 10
    assert memory < 2 << 20
    assert descriptors == 0
    assert threads == 0


@pytest.fixture(scope="module")
def fitted():
    X, y = load_digits(return_X_y=True)
    X = X.reshape(-1, 8, 8)[:400]
    return CNNClassifier(filters=(8, 16), max_iter=2, random_state=0).fit(X, y[:400]), X


def test_eight_threads_predict_as_one(fitted):
    model, X = fitted
    generator = np.random.default_rng(0)
    chosen = [
        generator.choice(len(X), size, replace=False)
        for size in generator.integers(1, 100, 50)
    ]
    serial = [model.predict_proba(X[rows]) for rows in chosen]

    def predict(i):
        return model.predict_proba(X[chosen[i % 50]])

    with ThreadPoolExecutor(8) as pool:
        for i, found in enumerate(pool.map(predict, range(1000))):
            np.testing.assert_array_equal(found, serial[i % 50])


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_a_row_is_predicted_alike_alone_and_in_any_batch(dtype, fitted):
    model, X = fitted
    X = X.astype(dtype)
    whole = model.predict_proba(X)
    generator = np.random.default_rng(0)
    for size in (1, 2, 3, 7, 20, 150, len(X)):
        rows = generator.permutation(len(X))[:size]
        found = model.predict_proba(X[rows])
        np.testing.assert_allclose(found, whole[rows], rtol=0, atol=1e-6)
