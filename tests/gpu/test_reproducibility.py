"""The same bits again on the same card, and nothing of the user's is touched."""

import copy

import numpy as np
import pytest
import torch
from sklearn.base import clone
from skorch.callbacks import Callback

from sklearn_cnn import CNNClassifier, CNNRegressor
from sklearn_cnn.augmentation import Compose, CutMix, MixUp, RandomAffine, RandomCrop

COMMON = {"filters": (16, 32), "max_iter": 3, "random_state": 0}
CONFIGURATIONS = {
    "plain": {},
    "float32": {"precision": "float32"},
    "bfloat16": {"precision": "bfloat16"},
    "float16": {"precision": "float16"},
    "float64": {"precision": "float64"},
    "dropout": {"dropout": 0.3, "conv_dropout": 0.2},
    "augmentation": {"augmentation": Compose([RandomCrop(1), RandomAffine(), MixUp()])},
    "cutmix": {"augmentation": CutMix()},
    "avg_pooling": {"pooling": "avg"},
    "stride": {"pooling": "stride"},
    "global_max": {"global_pooling": "max"},
    "layer_norm": {"normalization": "layer"},
    "sgd": {"optimizer": "sgd", "lr_schedule": "step"},
    "rmsprop": {"optimizer": "rmsprop", "lr_schedule": "cosine"},
    "early_stopping": {"early_stopping": True, "n_iter_no_change": 2},
    "two_phases": {"freeze_epochs": 1, "backbone_learning_rate": 0.5},
    "lenet": {"architecture": "lenet", "filters": (6, 16)},
    "alexnet": {"architecture": "alexnet", "filters": (8, 8, 8, 8, 8)},
    "vgg11": {"architecture": "vgg11", "filters": (8, 8, 8, 8, 8)},
    "resnet18": {"architecture": "resnet18", "filters": (8, 8, 8, 8)},
    "resnet50": {"architecture": "resnet50", "filters": (8, 8, 8, 8)},
    "mobilenet_v2": {
        "architecture": "mobilenet_v2", "filters": (4, 4, 8, 8, 8, 8, 8)
    },
}  # fmt: skip


class Fail(Callback):
    """Raises an error at the first batch after so many epochs."""

    def __init__(self, after):
        self.after = after

    def on_batch_begin(self, net, **_):
        if len(net.history) == self.after + 1:
            raise RuntimeError("the machine is on fire")


def classifier(device, **parameters):
    return CNNClassifier(**{**COMMON, **parameters}, device=device)


def assert_same(first, second, X):
    states = first.module_.state_dict(), second.module_.state_dict()
    differing = [k for k, v in states[0].items() if not torch.equal(v, states[1][k])]
    assert not differing
    assert first.loss_curve_ == second.loss_curve_
    predictions = first.predict(X), second.predict(X)
    np.testing.assert_array_equal(*predictions)


@pytest.fixture(autouse=True)
def float16_needs_a_gpu(request, device):
    if device == "cpu" and "float16" in request.node.name.replace("bfloat16", ""):
        pytest.skip("needs a GPU")


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_two_fits_agree(name, device, photos):
    X, y = photos
    model = classifier(device, **CONFIGURATIONS[name])
    assert_same(clone(model).fit(X, y), clone(model).fit(X, y), X)


@pytest.mark.parametrize("data", ["signals", "volumes"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_two_fits_of_signals_and_volumes_agree(data, precision, device, request):
    X, y = request.getfixturevalue(data)
    model = classifier(
        device, spatial_dims=1 if data == "signals" else 3, precision=precision
    )
    assert_same(clone(model).fit(X, y), clone(model).fit(X, y), X)


def test_two_fits_of_a_large_network_agree(device):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, size=(1_024, 28, 28), dtype=np.uint8)
    y = np.arange(len(X)) % 10
    model = classifier(device, filters=(32, 64, 128), dropout=0.5, batch_size=128)
    assert_same(clone(model).fit(X, y), clone(model).fit(X, y), X)


def test_two_regressions_agree(device, photos):
    X, y = photos
    model = CNNRegressor(**COMMON, device=device)
    assert_same(clone(model).fit(X, y), clone(model).fit(X, y), X)


def test_global_state_stays(cuda, photos):
    def state():
        cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
        return (
            torch.cuda.get_rng_state().tolist(),
            torch.get_rng_state().tolist(),
            cudnn.enabled,
            cudnn.benchmark,
            cudnn.deterministic,
            cudnn.allow_tf32,
            matmul.allow_tf32,
            matmul.allow_bf16_reduced_precision_reduction,
            torch.are_deterministic_algorithms_enabled(),
            torch.cuda.current_device(),
            torch.cuda.current_stream().cuda_stream,
            torch.get_default_dtype(),
            torch.is_autocast_enabled("cuda"),
        )

    X, y = photos
    torch.backends.cudnn.benchmark = True
    try:
        before = state()
        classifier("cuda", dropout=0.5, augmentation=MixUp()).fit(X, y).predict(X)
        assert state() == before
    finally:
        torch.backends.cudnn.benchmark = False


def test_the_users_generator_changes_nothing(cuda, photos):
    X, y = photos
    model = classifier("cuda", dropout=0.5, augmentation=RandomCrop(2))
    first = clone(model).fit(X, y)
    torch.cuda.manual_seed(123)
    torch.rand(10, device="cuda")
    assert_same(first, clone(model).fit(X, y), X)


def test_users_tf32_changes_nothing(cuda, photos):
    X, y = photos
    model = classifier("cuda", precision="float32")
    expected = clone(model).fit(X, y).predict_proba(X)
    before = torch.backends.cudnn.conv.fp32_precision
    torch.backends.cudnn.conv.fp32_precision = "ieee"
    try:
        found = clone(model).fit(X, y).predict_proba(X)
    finally:
        torch.backends.cudnn.conv.fp32_precision = before
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "name",
    ["plain", "float16", "bfloat16", "dropout", "augmentation", "early_stopping",
     "sgd", "rmsprop", "two_phases"],
)  # fmt: skip
def test_an_interrupted_fit_goes_on_to_the_same_bits(name, device, photos, tmp_path):
    X, y = photos
    model = classifier(device, **{**CONFIGURATIONS[name], "max_iter": 4})
    expected = clone(model).fit(X, y)
    kept = model.set_params(checkpoint_dir=tmp_path)
    with pytest.raises(RuntimeError, match="on fire"):
        clone(kept).set_params(callbacks=[Fail(2)]).fit(X, y)
    resumed = clone(kept).fit(X, y)
    assert_same(expected, resumed, X)
    assert_same(expected.partial_fit(X, y), resumed.partial_fit(X, y), X)


def test_partial_fit_and_warm_start_go_on(device, photos):
    X, y = photos
    model = classifier(device, warm_start=True)
    twice = [clone(model).fit(X, y).fit(X, y) for _ in range(2)]
    assert_same(*twice, X)
    assert len(twice[0].loss_curve_) == 6
    stream = [classifier(device) for _ in range(2)]
    for cnn in stream:
        for part in np.array_split(np.arange(len(X)), 3):
            cnn.partial_fit(X[part], y[part], classes=[0, 1, 2])
    assert_same(*stream, X)
    assert stream[0].device_ == device


def test_a_copy_goes_on_alike(device, photos):
    X, y = photos
    cnn = classifier(device).fit(X, y)
    copied = copy.deepcopy(cnn)
    assert_same(cnn.partial_fit(X, y), copied.partial_fit(X, y), X)


def test_a_fit_and_a_prediction_multiply_in_full_float32(cuda, photos):
    seen = []

    def network(n_channels, spatial_shape, n_outputs):
        layer = torch.nn.Conv2d(n_channels, n_outputs, 32)
        layer.register_forward_hook(
            lambda *_: seen.append(torch.backends.cudnn.conv.fp32_precision)
        )
        return torch.nn.Sequential(layer, torch.nn.Flatten())

    X, y = photos
    before = torch.backends.cudnn.conv.fp32_precision
    cnn = CNNClassifier(network, max_iter=1, device="cuda").fit(X, y)
    n_in_fit = len(seen)
    cnn.predict(X)
    assert torch.backends.cudnn.conv.fp32_precision == before
    assert len(seen) > n_in_fit
    # a network is tried on the CPU before
    assert seen[-1] == seen[n_in_fit - 1] == "ieee"
