"""A GPU gives what the CPU gives, within what another order of sums rounds away."""

from itertools import product

import numpy as np
import pytest
import torch
from sklearn.base import clone

from sklearn_cnn import CNNClassifier, CNNFeatures, CNNRegressor
from sklearn_cnn.augmentation import RandomFlip
from sklearn_cnn.inference import resolve_device

#: Of probabilities, in float32: products are not rounded to TF32, which keeps 1e-3.
ATOL = 5e-5

NETWORKS = {
    "simple": {"filters": (8, 16)},
    "lenet": {"filters": (3, 4), "hidden_layer_sizes": (6,)},
    "alexnet": {"filters": (3, 4, 5, 4, 4), "dropout": 0.0},
    "vgg11": {"filters": (3, 4, 4, 5, 5), "dropout": 0.0},
    "vgg13": {"filters": (3, 4, 4, 5, 5), "dropout": 0.0},
    "vgg16": {"filters": (3, 4, 4, 5, 5), "dropout": 0.0},
    "vgg19": {"filters": (3, 4, 4, 5, 5), "dropout": 0.0},
    "resnet18": {"filters": (3, 4, 4, 5)},
    "resnet34": {"filters": (3, 4, 4, 5)},
    "resnet50": {"filters": (2, 2, 3, 3)},
    "resnet101": {"filters": (2, 2, 3, 3), "blocks_per_stage": (1, 1, 3, 1)},
    "mobilenet_v2": {"filters": (2, 3, 3, 4, 4, 5, 6), "dropout": 0.0},
    "inception_time": {"filters": (3, 3, 3), "kernel_size": 12},
}
#: Steps so small that the weights stay: what differs is the computation.
STILL = {"learning_rate": 1e-20, "weight_decay": 0.0, "optimizer": "sgd"}


def both(cls, device, X, y, fit=None, **parameters):
    """Fit on the CPU and on the device."""
    common = {"random_state": 0, "precision": "float32"}
    if parameters.get("architecture") != "minirocket":
        common["augmentation"] = None  # what a generator draws depends on where it is
    if parameters.get("architecture", "simple") == "simple":
        common["conv_dropout"] = 0.0
    parameters = {**common, **parameters}
    return [
        cls(**parameters, device=name).fit(X, y, **(fit or {}))
        for name in ("cpu", device)
    ]


@pytest.mark.parametrize("name", [n for n in NETWORKS if n != "inception_time"])
def test_every_architecture(name, device, photos):
    X, y = photos
    pair = both(
        CNNClassifier, device, X, y, architecture=name, max_iter=1, batch_size=24,
        **NETWORKS[name], **STILL,
    )  # fmt: skip
    on_cpu, on_gpu = (cnn.predict_proba(X) for cnn in pair)
    np.testing.assert_allclose(on_gpu, on_cpu, atol=ATOL)
    losses = [cnn.loss_curve_[-1] for cnn in pair]
    np.testing.assert_allclose(*losses, rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        *product(("simple", "lenet", "resnet18"), ("signals", "volumes")),
        ("inception_time", "signals"),
        ("h_inception_time", "signals"),
        ("lite", "signals"),
    ],
)
def test_signals_and_volumes(name, data, device, request):
    X, y = request.getfixturevalue(data)
    n_axes = 1 if data == "signals" else 3
    pair = both(
        CNNClassifier, device, X, y, architecture=name, spatial_dims=n_axes,
        max_iter=1, **NETWORKS.get(name, {}), **STILL,
    )  # fmt: skip
    on_cpu, on_gpu = (cnn.predict_proba(X) for cnn in pair)
    np.testing.assert_allclose(on_gpu, on_cpu, atol=ATOL)


def test_a_head_that_is_solved(device, signals):
    X, y = signals
    pair = both(
        CNNClassifier, device, X, y, architecture="minirocket", spatial_dims=1
    )  # fmt: skip
    on_cpu, on_gpu = (cnn.predict_proba(X) for cnn in pair)
    # a proportion of positive values may differ by one of them
    np.testing.assert_allclose(on_gpu, on_cpu, atol=2e-2)


def test_averages(device, digits):
    X, y = digits
    pair = both(
        CNNClassifier, device, X, y, filters=(4, 8), max_iter=2, learning_rate=1e-3,
        n_networks=2, augmentation=RandomFlip(), test_time_augmentation=True,
    )  # fmt: skip
    on_cpu, on_gpu = (cnn.predict_proba(X) for cnn in pair)
    assert on_gpu.shape == on_cpu.shape
    again = clone(pair[1]).fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(again, on_gpu)


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd", "rmsprop"])
def test_training(optimizer, device, digits):
    X, y = digits
    rates = {"sgd": 0.05, "rmsprop": 1e-4}
    pair = both(
        CNNClassifier, device, X, y, filters=(8, 16), max_iter=2,
        optimizer=optimizer, learning_rate=rates.get(optimizer, 1e-3),
    )  # fmt: skip
    on_cpu, on_gpu = (cnn.predict_proba(X) for cnn in pair)
    # the differences of roundings grow with every step
    np.testing.assert_allclose(on_gpu, on_cpu, atol=2e-3)


def test_trained_in_float64(device, digits):
    X, y = digits
    pair = both(
        CNNClassifier, device, X, y, filters=(4, 8), max_iter=3, precision="float64"
    )
    on_cpu, on_gpu = (cnn.predict_proba(X) for cnn in pair)
    np.testing.assert_allclose(on_gpu, on_cpu, atol=1e-9)


@pytest.mark.parametrize("precision", ["bfloat16", "float16", "auto"])
def test_16_bits_learn(precision, device, digits):
    if (device, precision) == ("cpu", "float16"):
        pytest.skip("needs a GPU")
    X, y = digits
    cnn = CNNClassifier(
        filters=(32, 64), max_iter=10, random_state=0, device=device,
        precision=precision,
    ).fit(X, y)  # fmt: skip
    assert cnn.score(X, y) > 0.9
    assert cnn.module_.head.output.weight.dtype == torch.float32
    assert np.isfinite(cnn.predict_proba(X)).all()


@pytest.mark.parametrize(
    "dtype", [np.uint8, np.int8, np.uint16, np.int64, np.float16, np.float64, bool]
)
def test_every_dtype(dtype, device, digits):
    X, y = digits
    X = (X > 7 if dtype is bool else X).astype(dtype)
    pair = both(CNNClassifier, device, X, y, filters=(4,), max_iter=1, **STILL)
    on_cpu, on_gpu = (cnn.predict_proba(X) for cnn in pair)
    np.testing.assert_allclose(on_gpu, on_cpu, atol=ATOL)


def test_channels_first(device, photos):
    X, y = photos
    first = np.ascontiguousarray(X.transpose(0, 3, 1, 2))
    parameters = {"filters": (4, 8), "max_iter": 1, **STILL}
    last = both(CNNClassifier, device, X, y, **parameters)[1]
    other = both(
        CNNClassifier, device, first, y, data_format="channels_first", **parameters
    )[1]
    np.testing.assert_allclose(
        other.predict_proba(first), last.predict_proba(X), atol=ATOL
    )


def test_regression(device, digits):
    X, y = digits
    targets = np.column_stack([y, -y]).astype(float)
    pair = both(
        CNNRegressor, device, X, targets, filters=(8,), max_iter=2, learning_rate=1e-3
    )
    on_cpu, on_gpu = (cnn.predict(X) for cnn in pair)
    assert on_gpu.shape == (len(X), 2)
    np.testing.assert_allclose(on_gpu, on_cpu, atol=5e-3)


def test_label_sets(device, digits):
    X, y = digits
    labels = np.column_stack([y % 2, y > 4, y == 0]).astype(int)
    pair = both(
        CNNClassifier, device, X, labels, filters=(8,), max_iter=2, learning_rate=1e-3
    )
    on_cpu, on_gpu = (np.asarray(cnn.predict_proba(X)) for cnn in pair)
    np.testing.assert_allclose(on_gpu, on_cpu, atol=2e-3)


def test_weights_of_samples_and_classes(device, digits):
    X, y = digits
    weight = np.linspace(0, 2, len(y))
    pair = both(
        CNNClassifier, device, X, y, {"sample_weight": weight}, filters=(8,),
        max_iter=2, learning_rate=1e-3, class_weight="balanced",
    )  # fmt: skip
    on_cpu, on_gpu = (cnn.predict_proba(X) for cnn in pair)
    np.testing.assert_allclose(on_gpu, on_cpu, atol=2e-3)


def test_validation(device, digits):
    X, y = digits
    fit = {"X_val": X[:50], "y_val": y[:50], "sample_weight_val": np.arange(50)}
    pair = both(CNNClassifier, device, X, y, fit, filters=(8,), max_iter=2, **STILL)
    for name in ("valid_loss", "valid_score"):
        on_cpu, on_gpu = (cnn.history_[name].iloc[-1] for cnn in pair)
        np.testing.assert_allclose(on_gpu, on_cpu, rtol=1e-4)


@pytest.mark.filterwarnings("ignore:CNNFeatures computes features with random")
def test_features(device, photos):
    X, _ = photos
    found = [
        CNNFeatures("resnet18", weights=None, random_state=0, device=name)
        .fit(X).transform(X) for name in ("cpu", device)
    ]  # fmt: skip
    np.testing.assert_allclose(found[1], found[0], rtol=1e-3, atol=1e-4)


def test_large_predictions_are_those_of_small_ones(device, photos):
    X, y = photos
    cnn = CNNClassifier(filters=(8, 16), max_iter=1, random_state=0, device=device)
    many = np.tile(cnn.fit(X, y)._check_images(X, reset=False)[0], (60, 1, 1, 1))
    np.testing.assert_allclose(
        cnn.predict_proba(many)[: len(X)], cnn.predict_proba(X), atol=ATOL
    )


def test_a_device_that_is_there_by_number(cuda, digits):
    cnn = CNNClassifier(filters=(4,), max_iter=1, device="cuda:0").fit(*digits)
    assert cnn.device_ == "cuda:0"
    assert next(cnn.module_.parameters()).device == torch.device("cuda:0")


def test_a_device_that_is_not_there(cuda, digits):
    with pytest.raises(ValueError, match=r"device='cuda:7' cannot be used here"):
        CNNClassifier(device="cuda:7").fit(*digits)


def test_auto_is_the_gpu(cuda, digits):
    assert resolve_device("auto") == "cuda"
    assert CNNClassifier(filters=(4,), max_iter=1).fit(*digits).device_ == "cuda"
