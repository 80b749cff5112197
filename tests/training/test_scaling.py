"""Training in float16: the loss is scaled, and spoiled steps do not count."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from skorch.callbacks import Callback

from sklearn_cnn import CNNClassifier, CNNFeatures
from sklearn_cnn.inference import autocast, resolve_precision
from sklearn_cnn.training import loop


@pytest.fixture
def scaled(monkeypatch):
    """Scale the loss on the CPU too, in float32; give what scales it."""
    made = []

    def loss_scaler(precision, device):
        made.append(torch.amp.GradScaler("cpu", init_scale=2.0**10))
        return made[-1]

    monkeypatch.setattr(loop, "loss_scaler", loss_scaler)
    return made


class Spoilt(torch.nn.Module):
    """A network of which the first gradients overflow."""

    def __init__(self, n_spoilt):
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
        self.register_buffer("left", torch.tensor(float(n_spoilt)))

    def forward(self, x):
        out = self.layers(x)
        if out.requires_grad and self.left > 0:
            self.left -= 1
            out.register_hook(lambda gradient: gradient * torch.inf)
        return out


def spoilt(n_spoilt, **parameters):
    """Steps of 50 of the 300 digits, of which the first ones are spoilt."""

    def network(n_channels, spatial_shape, n_outputs):
        return Spoilt(n_spoilt)

    return CNNClassifier(network, batch_size=50, random_state=0, **parameters)


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd", "rmsprop"])
def test_a_scaled_loss_learns_the_same(optimizer, digits, request):
    model = CNNClassifier(
        filters=(4,), max_iter=3, batch_size=50, random_state=0, optimizer=optimizer
    )
    expected = clone(model).fit(*digits)
    made = request.getfixturevalue("scaled")
    found = clone(model).fit(*digits)
    assert made[0].get_scale() == 2.0**10
    # a power of two rounds nothing
    np.testing.assert_array_equal(
        found.predict_proba(digits[0]), expected.predict_proba(digits[0])
    )
    assert found.loss_curve_ == expected.loss_curve_


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "rmsprop"])
def test_spoilt_steps_move_neither_weights_nor_the_schedule(optimizer, digits, scaled):
    first, rates = [], []
    for n_spoilt in (0, 6):  # an epoch
        model = spoilt(n_spoilt, max_iter=2, optimizer=optimizer).fit(*digits)
        rates.append(model.history_["learning_rate"].tolist())
        first.append(model.loss_curve_)
    assert scaled[-1].get_scale() == 2.0**4
    # the second epoch is where the first one would have been
    assert rates[1][1] == rates[0][0]
    untouched = spoilt(0, max_iter=1, learning_rate=1e-30).fit(*digits)
    assert first[1][0] == pytest.approx(untouched.loss_curve_[0], rel=1e-6)


class Stop(Callback):
    """Raises an error when the third epoch begins."""

    def on_epoch_begin(self, net, **_):
        if len(net.history) == 3:
            raise RuntimeError("enough")


def test_the_scale_goes_on_from_a_checkpoint(digits, scaled, tmp_path):
    model = spoilt(2, max_iter=4)
    expected = clone(model).fit(*digits)
    kept = clone(model).set_params(checkpoint_dir=tmp_path)
    with pytest.raises(RuntimeError, match="enough"):
        clone(kept).set_params(callbacks=[Stop()]).fit(*digits)
    resumed = clone(kept).fit(*digits)
    assert scaled[-1].get_scale() == 2.0**8
    columns = ["train_loss", "learning_rate"]
    a, b = (cnn.history_[columns].to_numpy() for cnn in (expected, resumed))
    np.testing.assert_array_equal(a, b)


@pytest.mark.filterwarnings("ignore:CNNFeatures computes features with random")
@pytest.mark.parametrize("Estimator", [CNNClassifier, CNNFeatures])
def test_float16_needs_a_gpu(Estimator, digits):
    model = Estimator(device="cpu", precision="float16")
    with pytest.raises(ValueError, match=r"precision='float16' is not available"):
        model.fit(*digits)


@pytest.mark.parametrize(
    ("capability", "expected"),
    [((6, 1), "float32"), ((7, 5), "float16"), ((8, 0), "bfloat16"),
     ((9, 0), "bfloat16")],
)  # fmt: skip
def test_auto_takes_what_the_gpu_multiplies(capability, expected, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    assert resolve_precision("auto", "cuda", 1 << 40) == expected
    assert resolve_precision("auto", "cuda", 1 << 20) == "float32"


def test_a_network_of_float16_is_one_of_float32_on_a_cpu():
    with autocast("float16", "cpu"):
        assert not torch.is_autocast_enabled("cpu")
