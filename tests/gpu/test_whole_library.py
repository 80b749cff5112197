"""All that is done with an estimator, on a GPU."""

import copy
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_model
from skorch.callbacks import EpochScoring
from torch import nn
from torchvision import models

from sklearn_cnn import CNNClassifier, CNNFeatures, CNNRegressor, load, save
from sklearn_cnn.augmentation import RandomFlip
from sklearn_cnn.comparison import compare_estimators
from sklearn_cnn.images import ImageFiles
from sklearn_cnn.inspection import (
    FeatureMapDisplay,
    FilterDisplay,
    LearningRateDisplay,
    PredictionDisplay,
    SaliencyDisplay,
    TrainingCurveDisplay,
    summary,
)


@pytest.fixture(scope="module")
def fitted(device, photos):
    """A network that knows colours, with validation."""
    X, y = photos
    cnn = CNNClassifier(filters=(8, 16), max_iter=8, random_state=0, device=device)
    return cnn.fit(X[:36], y[:36], X_val=X[36:], y_val=y[36:])


# --- transfer -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Random weights of a small network of torchvision, in a file."""
    folder = tmp_path_factory.mktemp("weights")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = models.squeezenet1_1(weights=None).eval()
    torch.save(network.state_dict(), folder / "squeezenet.pth")
    return folder / "squeezenet.pth"


@pytest.mark.parametrize("augmentation", [None, RandomFlip()])
def test_a_frozen_backbone(augmentation, weights, device, photos):
    X, y = photos
    cnn = CNNClassifier(
        "torchvision:squeezenet1_1", weights=weights, freeze="backbone", max_iter=2,
        random_state=0, device=device, augmentation=augmentation,
    ).fit(X, y)  # fmt: skip
    backbone = torch.load(weights)["features.3.squeeze.weight"]
    kept = cnn.module_.body.features[3].squeeze.weight
    assert torch.equal(kept.cpu(), backbone)
    assert kept.device.type == device
    assert np.isfinite(cnn.predict_proba(X)).all()


def test_features_of_a_frozen_backbone_are_those_of_the_cpu(weights, device, photos):
    X, _ = photos
    on_cpu, on_gpu = (
        CNNFeatures("torchvision:squeezenet1_1", weights=weights, device=name)
        .fit(X).transform(X) for name in ("cpu", device)
    )  # fmt: skip
    np.testing.assert_allclose(on_gpu, on_cpu, rtol=1e-3, atol=1e-4)


def test_heads_on_one_frozen_backbone_agree_with_the_cpu(weights, device, photos):
    X, y = photos
    on_cpu, on_gpu = (
        CNNClassifier(
            "torchvision:squeezenet1_1", weights=weights, freeze="backbone",
            max_iter=3, learning_rate=1e-3, random_state=0, device=name, dropout=0.0,
            precision="float32", augmentation=None,
        ).fit(X, y).predict_proba(X)
        for name in ("cpu", device)
    )  # fmt: skip
    np.testing.assert_allclose(on_gpu, on_cpu, atol=1e-3)


def test_ones_own_weights_and_freezing_of_stages(device, photos, tmp_path):
    X, y = photos
    first = CNNClassifier(filters=(4, 8), max_iter=1, device=device).fit(X, y)
    save_model(first.module_, str(tmp_path / "own.safetensors"))
    cnn = CNNClassifier(
        filters=(4, 8), weights=tmp_path / "own.safetensors", freeze=1, max_iter=2,
        freeze_epochs=1, device=device,
    ).fit(X, y)  # fmt: skip
    name = "stages.stage1.0.conv.conv.weight"
    assert torch.equal(cnn.module_.state_dict()[name], first.module_.state_dict()[name])


def test_timm(device, photos):
    pytest.importorskip("timm")
    X, y = photos
    cnn = CNNClassifier("timm:mobilenetv3_small_050", max_iter=1, device=device)
    assert cnn.fit(X, y).predict(X).shape == y.shape


# --- saving ---------------------------------------------------------------------------

LOAD_WITHOUT_A_GPU = """
import sys, numpy as np, torch
assert not torch.cuda.is_available()
from sklearn_cnn import load
X = np.load(sys.argv[2])
if sys.argv[1].endswith(".pkl"):
    import pickle
    cnn = pickle.load(open(sys.argv[1], "rb"))
else:
    cnn = load(sys.argv[1])
assert cnn.device_ == "cpu", cnn.device_
np.save(sys.argv[3], cnn.predict_proba(X))
"""


@pytest.mark.parametrize("ending", ["pkl", "cnn"])
def test_what_was_fitted_there_loads_where_there_is_no_gpu(
    ending, cuda, fitted, photos, tmp_path
):
    path = tmp_path / f"model.{ending}"
    if ending == "pkl":
        path.write_bytes(pickle.dumps(fitted))
    else:
        save(fitted, path)
    np.save(tmp_path / "X.npy", photos[0])
    arguments = [str(path), str(tmp_path / "X.npy"), str(tmp_path / "out.npy")]
    subprocess.run(
        [sys.executable, "-c", LOAD_WITHOUT_A_GPU, *arguments],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        check=True,
    )
    found = np.load(tmp_path / "out.npy")
    np.testing.assert_allclose(found, fitted.predict_proba(photos[0]), atol=1e-4)


@pytest.mark.parametrize("include_optimizer", [True, False])
def test_a_saved_estimator_stays_on_the_gpu(
    include_optimizer, device, photos, tmp_path
):
    X, y = photos
    cnn = CNNClassifier(filters=(4, 8), max_iter=1, random_state=0, device=device)
    save(cnn.fit(X, y), tmp_path / "m.cnn", include_optimizer=include_optimizer)
    loaded = load(tmp_path / "m.cnn")
    assert loaded.device_ == device
    np.testing.assert_array_equal(loaded.predict_proba(X), cnn.predict_proba(X))
    if include_optimizer:
        cnn.partial_fit(X, y), loaded.partial_fit(X, y)
        np.testing.assert_array_equal(loaded.predict_proba(X), cnn.predict_proba(X))


def test_pickled_and_copied(fitted, photos):
    expected = fitted.predict_proba(photos[0])
    for other in (pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted)):
        np.testing.assert_array_equal(other.predict_proba(photos[0]), expected)


def test_skops(fitted, photos):
    sio = pytest.importorskip("skops.io")
    data = sio.dumps(fitted)
    loaded = sio.loads(data, trusted=sio.get_untrusted_types(data=data))
    expected = fitted.predict_proba(photos[0])
    np.testing.assert_array_equal(loaded.predict_proba(photos[0]), expected)


def test_onnx(fitted, photos, tmp_path):
    for name in ("onnx", "onnxruntime", "onnxscript", "skl2onnx"):
        pytest.importorskip(name)
    from sklearn_cnn.export import load_onnx, to_onnx

    before = {k: v.clone() for k, v in fitted.module_.state_dict().items()}
    to_onnx(fitted, tmp_path / "m.onnx")
    found = load_onnx(tmp_path / "m.onnx").predict_proba(photos[0])
    np.testing.assert_allclose(found, fitted.predict_proba(photos[0]), atol=1e-4)
    for name, tensor in fitted.module_.state_dict().items():
        assert torch.equal(tensor, before[name])  # also: on the same device


# --- files ----------------------------------------------------------------------------


@pytest.mark.parametrize("n_workers", [1, 2])
def test_image_files(n_workers, device, photos, tmp_path):
    X, y = photos
    paths = [tmp_path / f"{i}.png" for i in range(len(X))]
    for path, image in zip(paths, X, strict=True):
        Image.fromarray(image).save(path)
    model = CNNClassifier(filters=(4, 8), max_iter=2, random_state=0, device=device)
    expected = model.fit(X, y).predict_proba(X)
    files = ImageFiles(paths, n_workers=n_workers)
    np.testing.assert_array_equal(model.fit(files, y).predict_proba(files), expected)


def test_a_memory_map(device, photos, tmp_path):
    X, y = photos
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    model = CNNClassifier(filters=(4, 8), max_iter=2, random_state=0, device=device)
    expected = model.fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(model.fit(mapped, y).predict_proba(mapped), expected)


def test_a_tensor_that_is_there_already(device, photos):
    X, y = photos
    model = CNNClassifier(filters=(4, 8), max_iter=2, random_state=0, device=device)
    expected = model.fit(X, y).predict_proba(X)
    there = torch.from_numpy(X).to(device)
    np.testing.assert_array_equal(model.fit(there, y).predict_proba(there), expected)


# --- looking inside -------------------------------------------------------------------


def test_displays(fitted, photos):
    X, y = photos
    filters = FilterDisplay.from_estimator(fitted).filters
    first = next(fitted.module_.parameters()).detach().cpu()
    assert filters.size == first.numel()
    maps = FeatureMapDisplay.from_estimator(fitted, X).feature_maps
    assert len(maps) == 2 and all(np.isfinite(m).all() for m in maps.values())
    predictions = PredictionDisplay.from_estimator(fitted, X, y)
    assert predictions.n_errors == (fitted.predict(X) != y).sum()
    (history,) = TrainingCurveDisplay.from_estimator(fitted).histories.values()
    assert len(history) == fitted.n_iter_


def test_the_learning_rate_display(device, photos):
    model = CNNClassifier(filters=(4,), batch_size=8, random_state=0, device=device)
    display = LearningRateDisplay.from_estimator(model, *photos)
    assert np.isfinite(display.losses[:10]).all()


@pytest.mark.parametrize("method", ["grad_cam", "integrated_gradients", "occlusion"])
def test_saliency(method, fitted, photos):
    if method != "grad_cam":
        pytest.importorskip("captum")
    X, _ = photos
    display = SaliencyDisplay.from_estimator(
        fitted, X, samples=[0, 1], method=method,
        window=4 if method == "occlusion" else None,
    )  # fmt: skip
    assert np.isfinite(display.attributions).all()
    display.plot()


def test_summary(fitted):
    assert "stage1" in str(summary(fitted))


# --- the rest -------------------------------------------------------------------------


class OwnNetwork(nn.Module):
    """What a user may write."""

    def __init__(self, n_channels, spatial_shape, n_outputs):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(n_channels, 8, 3),
            nn.ReLU(),
            nn.AdaptiveMaxPool2d(2),
            nn.Flatten(),
            nn.Linear(32, n_outputs),
        )

    def forward(self, x):
        return self.layers(x)


def test_ones_own_network(device, photos):
    X, y = photos
    cnn = CNNClassifier(OwnNetwork, max_iter=2, random_state=0, device=device)
    assert cnn.fit(X, y).predict(X).shape == y.shape


def test_callbacks_of_skorch(device, photos):
    X, y = photos
    scoring = EpochScoring("accuracy", on_train=False, lower_is_better=False)
    cnn = CNNClassifier(
        filters=(4,), max_iter=2, random_state=0, device=device, callbacks=[scoring]
    )
    cnn.fit(X, y, X_val=X[:9], y_val=y[:9])
    assert len(cnn.net_.history[:, "accuracy"]) == 2
    assert cnn.net_.predict(X.astype(np.float32)).shape == y.shape


def test_verbose(device, photos, capsys):
    CNNClassifier(filters=(4,), max_iter=2, device=device, verbose=1).fit(*photos)
    printed = capsys.readouterr()
    assert "2/2" in printed.err and "max_iter" not in printed.out


def test_float16_is_refined_where_gradients_overflow(cuda, photos):
    X, y = photos
    cnn = CNNRegressor(
        filters=(8, 16), max_iter=4, random_state=0, device="cuda",
        precision="float16", loss="squared_error",
    ).fit(X, y)  # fmt: skip
    assert cnn.precision_ == "float16"
    assert all(torch.isfinite(p).all() for p in cnn.module_.parameters())
    assert cnn.loss_curve_[-1] < cnn.loss_curve_[0]


@pytest.mark.filterwarnings("ignore")  # of the compiler
def test_compiled(device, photos):
    X, y = photos
    plain, compiled = (
        CNNClassifier(
            filters=(8, 16), max_iter=2, random_state=0, device=device,
            compile=compile, precision="float32",
        ).fit(X, y).predict_proba(X)
        for compile in (False, True)
    )  # fmt: skip
    np.testing.assert_allclose(compiled, plain, atol=1e-3)


def test_divergence_is_said_and_gone_back_from(device, photos):
    X, y = photos
    cnn = CNNRegressor(
        filters=(4,), max_iter=3, random_state=0, device=device, normalization=None,
        optimizer="sgd", learning_rate=1e12,
    )  # fmt: skip
    with pytest.warns(match="weights with a finite loss were restored"):
        cnn.fit(X, y)
    assert all(torch.isfinite(p).all() for p in cnn.module_.parameters())


def test_a_table_of_comparison(device, photos):
    model = CNNClassifier(filters=(4,), max_iter=1, random_state=0, device=device)
    table = compare_estimators({"cnn": model}, *photos, cv=2)
    assert "cnn" in str(table)
