"""One GPU for many fits: what they take, what they give back, what they wait for."""

import gc
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from torchvision import models

from sklearn_cnn import CNNClassifier
from sklearn_cnn.augmentation import Compose, RandomAffine, RandomFlip


def model(**parameters):
    common = {"filters": (8, 16), "max_iter": 2, "random_state": 0, "device": "cuda"}
    return CNNClassifier(**{**common, **parameters})


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_search(n_jobs, cuda, photos):
    X, y = photos
    grid = {"learning_rate": [0.01, 0.001], "filters": [(4,), (4, 8)]}
    search = GridSearchCV(model(), grid, cv=2, n_jobs=n_jobs).fit(X, y)
    alone = [
        cross_val_score(clone(model()).set_params(**params), X, y, cv=2).mean()
        for params in search.cv_results_["params"]
    ]
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], alone)


def test_threads_of_one_process(cuda, photos):
    X, y = photos
    search = GridSearchCV(model(), {"filters": [(4,), (8,)]}, cv=2, n_jobs=2)
    from joblib import parallel_config

    with parallel_config(backend="threading"):
        search.fit(X, y)
    expected = clone(search).set_params(n_jobs=1).fit(X, y)
    for name in ("split0_test_score", "split1_test_score"):
        np.testing.assert_array_equal(
            search.cv_results_[name], expected.cv_results_[name]
        )


def allocated(cuda):
    gc.collect()
    cuda.synchronize()
    return cuda.memory_allocated()


def test_a_fit_takes_no_memory_but_its_network(cuda, photos):
    X, y = photos
    model().fit(X, y)  # what torch keeps for itself
    before = allocated(cuda)
    cnn = model().fit(X, y)
    weights = sum(t.nbytes for t in cnn.module_.state_dict().values())
    # the optimizer has two numbers for each weight; torch gives blocks of 512 bytes
    assert allocated(cuda) - before < 4 * weights + 512 * 200
    cnn.predict(X)
    del cnn
    assert allocated(cuda) == before


def test_a_fit_that_fails_leaves_nothing(cuda, photos, Stumbling):
    X, y = photos
    model().fit(X, y)
    before = allocated(cuda)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="out of luck"):
            model(architecture=Stumbling, filters=None).fit(X[:, :8, :8, :1], y)
    assert allocated(cuda) == before


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "squeezenet.pth"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        torch.save(models.squeezenet1_1(weights=None).state_dict(), path)
    return path


def test_a_search_with_a_frozen_backbone_leaves_nothing(cuda, photos, weights):
    X, y = photos
    backbone = CNNClassifier(
        "torchvision:squeezenet1_1", weights=weights, freeze="backbone", max_iter=2,
        random_state=0, device="cuda",
    )  # fmt: skip
    clone(backbone).fit(X, y)
    before = allocated(cuda)
    grid = {"learning_rate": [0.01, 0.001], "dropout": [0.0, 0.3]}
    search = GridSearchCV(backbone, grid, cv=3, refit=False).fit(X, y)
    assert allocated(cuda) == before
    del search


def test_validation_keeps_nothing(cuda, photos):
    X, y = photos
    cnn = model(max_iter=3, early_stopping=True).fit(X, y)
    before = allocated(cuda)
    cnn.partial_fit(X, y)
    assert allocated(cuda) <= before + (1 << 20)


def waits(run):
    """Count how often the host waits for the GPU."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            run()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    return sum("called a synchronizing" in str(w.message) for w in caught)


@pytest.mark.parametrize(
    "parameters",
    [{}, {"augmentation": Compose([RandomFlip(), RandomAffine()])}, {"dropout": 0.5}],
    ids=["plain", "augmentation", "dropout"],
)
def test_the_host_waits_a_few_times_per_epoch(cuda, parameters):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, size=(512, 28, 28), dtype=np.uint8)
    y = np.arange(len(X)) % 10

    def waits_of(epochs):
        cnn = model(max_iter=epochs, batch_size=32, **parameters)
        return waits(lambda: cnn.fit(X, y))

    waits_of(3)
    # 16 batches an epoch
    assert (waits_of(6) - waits_of(3)) / 3 <= 2


def test_weights_of_samples_wait_no_more(cuda):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, size=(512, 28, 28), dtype=np.uint8)
    y = np.arange(len(X)) % 10
    weight = np.ones(len(X))
    cnn = model(max_iter=1, batch_size=8)
    # 64 batches
    assert waits(lambda: cnn.fit(X, y, sample_weight=weight)) < 32
