"""How steps are computed on a GPU: recorded, with little memory, from far away."""

import logging

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from sklearn_cnn import CNNClassifier, CNNRegressor
from sklearn_cnn.augmentation import MixUp
from sklearn_cnn.training import batches, looking, recording


@pytest.fixture(autouse=True)
def needs_cuda(cuda):
    """Nothing here exists elsewhere."""


@pytest.fixture(scope="module")
def images():
    """512 images, which make 16 steps of 32."""
    rng = np.random.default_rng(0)
    y = np.arange(512) % 4
    X = rng.integers(0, 100, size=(512, 20, 20), dtype=np.uint8)
    X[:, :10, :10] += (y % 2 * 80).astype(np.uint8)[:, None, None]
    X[:, 10:, 10:] += (y // 2 * 80).astype(np.uint8)[:, None, None]
    return X, y


@pytest.fixture
def replayed(monkeypatch):
    """How many steps were replayed, of how many recordings."""
    counts = {}
    replay = recording.Recording.replay

    def counting(self, batch):
        counts[id(self)] = counts.get(id(self), 0) + 1
        return replay(self, batch)

    monkeypatch.setattr(recording.Recording, "replay", counting)
    return counts


def model(**parameters):
    common = {"filters": (8, 16), "max_iter": 4, "random_state": 0, "device": "cuda"}
    return CNNClassifier(**{**common, "batch_size": 32, **parameters})


CONFIGURATIONS = {
    "plain": {},
    "float32": {"precision": "float32"},
    "bfloat16": {"precision": "bfloat16"},
    "float16": {"precision": "float16"},
    "float64": {"precision": "float64"},
    "dropout": {"dropout": 0.4, "conv_dropout": 0.2},
    "mixup": {"augmentation": MixUp()},
    "rmsprop": {"optimizer": "rmsprop", "learning_rate": 1e-3},
    "two_phases": {"freeze_epochs": 2, "backbone_learning_rate": 0.5},
    "early_stopping": {"early_stopping": True},
    "lenet": {"architecture": "lenet", "filters": (6, 16)},
    "alexnet": {"architecture": "alexnet", "filters": (8, 8, 8, 8, 8)},
    "vgg11": {"architecture": "vgg11", "filters": (8, 8, 8, 8, 8)},
    "resnet18": {"architecture": "resnet18", "filters": (8, 8, 8, 8)},
    "resnet50": {"architecture": "resnet50", "filters": (8, 8, 8, 8)},
    "mobilenet_v2": {
        "architecture": "mobilenet_v2", "filters": (4, 4, 8, 8, 8, 8, 8)
    },
    "torchvision": {"architecture": "torchvision:shufflenet_v2_x0_5", "filters": None},
    "inception_time": {
        "architecture": "inception_time", "filters": (4, 4, 4), "spatial_dims": 1
    },
}  # fmt: skip


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_recorded_steps_are_those_that_python_takes(
    name, images, replayed, monkeypatch, caplog
):
    caplog.set_level(logging.DEBUG, recording.__name__)
    X, y = images
    cnn = model(**CONFIGURATIONS[name])
    recorded = cnn.fit(X, y)
    assert replayed, caplog.text
    losses, state = recorded.loss_curve_, recorded.module_.state_dict()
    count = sum(replayed.values())
    monkeypatch.setattr(recording, "_MIN_STEPS", 1 << 40)
    cnn.fit(X, y)
    assert sum(replayed.values()) == count
    np.testing.assert_array_equal(cnn.loss_curve_, losses)
    for key, tensor in cnn.module_.state_dict().items():
        assert torch.equal(tensor, state[key]), key


def test_a_recording_for_each_size(replayed, images):
    X, y = images
    cnn = model(batch_size=100, max_iter=8, label_smoothing=0.0)
    cnn.fit(X, y, sample_weight=np.ones(len(X)))  # 86 and 85 of them
    assert len(replayed) == 2
    assert sum(replayed.values()) == 8 * 6


def test_a_recording_for_each_smoothing_of_labels(replayed, images):
    model(max_iter=10, label_smoothing="auto").fit(*images)
    # 16 batches an epoch of one size; from 30 % of the epochs on they are smoothed
    assert sorted(replayed.values()) == [3 * 16, 7 * 16]


def test_whoever_listens_sees_every_step(images, replayed):
    class Count(Callback):
        def initialize(self):
            self.n = 0

        def on_batch_end(self, net, **_):
            self.n += 1

    cnn = model(callbacks=[Count()]).fit(*images)
    ((_, counter),) = cnn.net_.callbacks_
    assert counter.n == 4 * 16 and not replayed


def test_ones_own_layers_are_run_by_python(images, replayed):
    class Own(torch.nn.Flatten):
        pass

    Own.__module__ = "a_users"

    def network(n_channels, spatial_shape, n_outputs):
        return torch.nn.Sequential(Own(), torch.nn.Linear(400, n_outputs))

    model(architecture=network, filters=None).fit(*images)
    assert not replayed


@pytest.mark.parametrize("is_seen", [True, False])
def test_what_cannot_be_recorded_is_run_by_python(
    is_seen, images, replayed, monkeypatch
):
    if not is_seen:  # and fails in the midst of a recording
        monkeypatch.setattr(looking, "_needs_values", lambda *_: False)

    class Looking(torch.nn.Flatten):
        def forward(self, x):
            return super().forward(x) if x.sum().item() > -1e30 else x

    Looking.__module__ = "torch.made.up"

    def network(n_channels, spatial_shape, n_outputs):
        return torch.nn.Sequential(Looking(), torch.nn.Linear(400, n_outputs))

    cnn = model(architecture=network, filters=None, max_iter=8).fit(*images)
    assert not replayed
    assert cnn.loss_curve_[-1] < cnn.loss_curve_[0]
    # and the generators still work
    torch.rand(1, device="cuda")
    model(dropout=0.5).fit(*images)
    assert replayed


def test_images_that_do_not_fit_are_read_ahead(images, monkeypatch):
    X, y = images
    for parameters in ({}, {"early_stopping": True}, {"augmentation": MixUp()}):
        expected = model(**parameters).fit(X, y).predict_proba(X)
        with monkeypatch.context() as patch:
            patch.setattr(batches, "RESIDENT_SHARE", 0.0)
            found = model(**parameters).fit(X, y).predict_proba(X)
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtype", ["uint16", "float64", "int64", "float16", "bool"])
def test_images_of_every_dtype_stay_or_are_read_ahead(dtype, images, monkeypatch):
    X, y = images
    X = X.astype(dtype)
    expected = model().fit(X, y).predict_proba(X)
    monkeypatch.setattr(batches, "RESIDENT_SHARE", 0.0)
    np.testing.assert_array_equal(model().fit(X, y).predict_proba(X), expected)


def test_a_large_batch_without_room_goes_in_parts(cuda):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, size=(512, 64, 64, 3), dtype=np.uint8)
    y = rng.normal(size=512) + X.mean(axis=(1, 2, 3)) / 50
    parameters = {
        "filters": (64, 64), "normalization": None, "batch_size": 512, "max_iter": 2,
        "random_state": 0, "device": "cuda", "precision": "float32",
        "optimizer": "sgd", "learning_rate": 1e-4,
    }  # fmt: skip
    expected = CNNRegressor(**parameters).fit(X, y).predict(X)
    total = cuda.get_device_properties(0).total_memory
    used = cuda.memory_allocated()
    # the first feature maps alone take 512 MiB, and their gradients as much
    cuda.set_per_process_memory_fraction((used + (600 << 20)) / total)
    try:
        with pytest.warns(UserWarning, match="has no room for a step"):
            cnn = CNNRegressor(**parameters).fit(X, y)
        found = cnn.predict(X)
    finally:
        cuda.set_per_process_memory_fraction(1.0)
    np.testing.assert_allclose(found, expected, atol=1e-3)
