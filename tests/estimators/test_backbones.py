"""Networks of torchvision as estimators, with what their weights expect."""

import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import save_model
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from torch.nn import functional as F
from torchvision import models

from sklearn_cnn import CNNClassifier, CNNFeatures, load, save
from sklearn_cnn.inference import features as remembering

NAME = "torchvision:squeezenet1_1"
STATISTICS = np.array([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])


@pytest.fixture(scope="module")
def model():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return models.squeezenet1_1(weights=None).eval()


@pytest.fixture(scope="module")
def weights(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "squeezenet.pth"
    torch.save(model.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def photos():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, size=(6, 40, 50, 3), dtype=np.uint8)


def test_images_are_resized_and_standardised_as_the_weights_expect(
    model, weights, photos
):
    features = CNNFeatures(NAME, weights=weights).fit_transform(photos)
    x = torch.from_numpy(photos / 255.0).movedim(-1, 1).float()
    x = F.interpolate(x, (224, 224), mode="bilinear", antialias=True)
    mean, std = torch.tensor(STATISTICS).float()[..., None, None]
    with torch.no_grad():
        expected = model.features((x - mean) / std).mean(dim=(2, 3))
    np.testing.assert_allclose(features, expected, rtol=1e-3, atol=1e-4)


def test_the_range_of_values_follows_their_type(weights, photos):
    expected = CNNFeatures(NAME, weights=weights).fit_transform(photos)
    for other in (photos / 255.0, photos.astype(np.uint16) * 257, photos.astype(int)):
        found = CNNFeatures(NAME, weights=weights).fit_transform(other)
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("n_channels", [1, 2, 4, 13])
def test_any_number_of_channels(weights, photos, n_channels):
    channels = np.arange(n_channels) % 3
    few = photos[:2, ..., channels]
    cnn = CNNClassifier(
        NAME, weights=weights, freeze="backbone", max_iter=1, random_state=0
    )
    cnn.fit(few, [0, 1])
    assert cnn.predict_proba(few).shape == (2, 2)
    layer = cnn.module_.body.features[0]
    assert layer.in_channels == n_channels
    mean = cnn._predictor.prepare.mean
    np.testing.assert_allclose(mean, 255 * np.full(n_channels, STATISTICS[0].mean()))


def test_a_saved_backbone_keeps_the_size_of_its_images(weights, photos, tmp_path):
    first = CNNFeatures(NAME, weights=weights).fit(photos)
    path = tmp_path / "own.safetensors"
    save_model(first.module_, path)
    second = CNNFeatures(NAME, weights=path).fit(photos)
    np.testing.assert_allclose(
        second.transform(photos), first.transform(photos), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(
    "parameters, change, message",
    [
        ({}, lambda X: X * 2.0, "values from 0 to 510, .* weights expect"),
        ({}, lambda X: X - 9.0, "values from -9 to 246"),
        ({}, lambda X: X[..., 0].reshape(6, -1), "2-D images only.* 1-D signals"),
        (
            {"architecture": "torchvision:squeezenet1_2"},
            None,
            "Did you mean 'squeezenet1_1'",
        ),
        ({"architecture": "torchvison:resnet18"}, None, "Did you mean 'torchvision'"),
        ({"weights": "IMAGENET1K_V7"}, None, r"IMAGENET1K_V7.*There are \['DEFAULT'"),
        ({"architecture": "resnet18"}, None, "does not fit the network"),
        ({"filters": (8, 8)}, None, r"filters=\(8, 8\) has no effect"),
    ],
)
def test_bad_input(weights, photos, parameters, change, message):
    X = photos if change is None else change(photos)
    parameters = {"architecture": NAME, "weights": weights, **parameters}
    cnn = CNNClassifier(**parameters)
    with pytest.raises(ValueError, match=message):
        cnn.fit(X, [0, 1] * 3)
    assert not [name for name in vars(cnn) if name.endswith("_")]


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "cannot be read"),
        (b"\x80\x04nonsense", "cannot be read"),
        ("truncated", "cannot be read"),
        ("code", "could run code"),
    ],
)
def test_bad_files(weights, photos, tmp_path, content, message):
    path = tmp_path / "bad.pt"
    if content == "truncated":
        path.write_bytes(weights.read_bytes()[:-5000])
    elif content == "code":
        torch.save({"layer": print}, path)
    else:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        CNNClassifier(NAME, weights=path).fit(photos, [0, 1] * 3)


@pytest.fixture(scope="module")
def normalised(tmp_path_factory):
    """Weights of a network that has batch normalisation, with statistics."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = models.shufflenet_v2_x0_5(weights=None)
        net(torch.randn(8, 3, 32, 32))
    path = tmp_path_factory.mktemp("weights") / "shufflenet.pth"
    torch.save(net.state_dict(), path)
    return path


def test_pretrained_backbones_learn_carefully(normalised, photos, capsys):
    start = torch.load(normalised, weights_only=True)
    name = "torchvision:shufflenet_v2_x0_5"
    parameters = {"image_size": 32, "max_iter": 2, "random_state": 0}
    cnn = CNNClassifier(name, weights=normalised, verbose=1, **parameters)
    state = cnn.fit(photos, [0, 1] * 3).module_.body.state_dict()
    assert torch.equal(state["conv1.1.running_var"], start["conv1.1.running_var"])
    assert not torch.equal(state["conv1.1.weight"], start["conv1.1.weight"])
    assert "freeze_batch_norm=True" in "".join(capsys.readouterr())
    groups = cnn.net_.optimizer_.param_groups
    assert {group["initial_lr"] for group in groups} == {0.0003, 0.001}
    # and by hand as any other network
    cnn = CNNClassifier(
        name,
        weights=normalised,
        freeze_batch_norm=False,
        backbone_learning_rate=1.0,
        **parameters,
    )
    state = cnn.fit(photos, [0, 1] * 3).module_.body.state_dict()
    assert not torch.equal(state["conv1.1.running_var"], start["conv1.1.running_var"])


@pytest.mark.parametrize("size", [32, (32, 40)])
def test_images_are_resized_as_is_asked_for(model, weights, photos, size, tmp_path):
    cnn = CNNFeatures(NAME, weights=weights, image_size=size).fit(photos)
    features = cnn.transform(photos)
    x = torch.from_numpy(photos / 255.0).movedim(-1, 1).float()
    both = (size, size) if isinstance(size, int) else size
    x = F.interpolate(x, both, mode="bilinear", antialias=True)
    mean, std = torch.tensor(STATISTICS).float()[..., None, None]
    with torch.no_grad():
        expected = model.features((x - mean) / std).mean(dim=(2, 3))
    np.testing.assert_allclose(features, expected, rtol=1e-3, atol=1e-4)
    # a file of it knows the size
    save_model(cnn.module_, tmp_path / "own.safetensors")
    other = CNNFeatures(NAME, weights=tmp_path / "own.safetensors").fit(photos)
    np.testing.assert_allclose(other.transform(photos), features, rtol=1e-5, atol=1e-6)
    save(cnn, tmp_path / "features.skops")
    np.testing.assert_array_equal(
        load(tmp_path / "features.skops").transform(photos), features
    )


def test_random_filters_see_images_of_the_size_in_the_values_of_the_user(
    photos, tmp_path
):
    cnn = CNNClassifier(NAME, image_size=32, max_iter=1, random_state=0)
    cnn.fit(photos, [0, 1] * 3)
    assert cnn.module_.input_size == (32, 32)
    mean = photos.mean(axis=(0, 1, 2))
    np.testing.assert_allclose(cnn._predictor.prepare.mean, mean, rtol=1e-5)
    # and so do weights from their file
    torch.save(cnn.module_.state_dict(), tmp_path / "own.pt")
    other = CNNClassifier(NAME, weights=tmp_path / "own.pt", max_iter=1).fit(
        photos, [0, 1] * 3
    )
    assert other.module_.input_size == (32, 32)
    np.testing.assert_allclose(other._predictor.prepare.mean, mean, rtol=1e-5)


@pytest.mark.parametrize(
    "architecture, size, message",
    [
        ("simple", 32, r"image_size=32 has no effect on .*transforms\.Resize"),
        (NAME, 0, "image_size"),
        (NAME, (32, 32, 3), r"image_size=\(32, 32, 3\) must be an integer, or height"),
        (NAME, (32.0, 32.0), "must be an integer, or height"),
        (NAME, 4096, "of 1 to 2048 pixels"),
        ("torchvision:vit_b_32", 64, "position embeddings are for images of"),
        ("timm:vit_tiny_patch16_224", 64, "position embeddings are for images of"),
    ],
)
def test_image_sizes_that_cannot_be(photos, architecture, size, message):
    for kind in (CNNClassifier, CNNFeatures):
        with pytest.raises(ValueError, match=message):
            kind(architecture, image_size=size).fit(photos, [0, 1] * 3)


def test_no_scaling_leaves_values_to_the_user(weights, photos):
    cnn = CNNFeatures(NAME, weights=weights, input_scaling=None)
    assert cnn.fit(photos * 2.0)._predictor.prepare.mean is None


def test_large_images_are_remembered_one_by_one(weights, remembered, monkeypatch):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, size=(7, 96, 96, 3), dtype=np.uint8)
    parameters = {"weights": weights, "image_size": 32}
    features = CNNFeatures(NAME, **parameters).fit(X)
    expected = features.transform(X)
    assert len(remembered.arrays) == 7
    np.testing.assert_array_equal(features.transform(X[[5, 2, 5]]), expected[[5, 2, 5]])
    cnn = CNNClassifier(NAME, freeze="backbone", max_iter=1, **parameters)
    cross_val_score(cnn, X, [0, 1] * 3 + [0], cv=3)
    assert len(remembered.arrays) == 7
    # whatever is there already, the bits are the same
    for n_before in (2, 6):
        remembered.clear()
        features.transform(X[:n_before])
        np.testing.assert_array_equal(features.transform(X), expected)
    monkeypatch.setattr(remembering, "_WORTH", 1 << 60)
    np.testing.assert_array_equal(features.transform(X), expected)


@pytest.mark.parametrize("as_state", [False, True])
def test_weights_in_memory(model, weights, photos, as_state, tmp_path):
    given = model.state_dict() if as_state else model
    parameters = {"image_size": 32, "freeze": "backbone", "max_iter": 1}
    y = [0, 1] * 3
    expected = CNNClassifier(NAME, weights=weights, random_state=0, **parameters)
    expected = expected.fit(photos, y).predict_proba(photos)
    cnn = CNNClassifier(NAME, weights=given, random_state=0, **parameters)
    assert cnn.get_params()["weights"] is given
    cnn = clone(cnn).set_params(checkpoint_dir=tmp_path / "states").fit(photos, y)
    np.testing.assert_array_equal(cnn.predict_proba(photos), expected)
    np.testing.assert_array_equal(clone(cnn).fit(photos, y).classes_, [0, 1])
    assert len(list((tmp_path / "states").glob("*/last.safetensors"))) == 1
    cnn.set_params(warm_start=True, checkpoint_dir=None).fit(photos, y)
    save(cnn, tmp_path / "cnn.skops")
    loaded = load(tmp_path / "cnn.skops")
    assert loaded.weights.keys() == model.state_dict().keys()
    loaded.partial_fit(photos, y)  # knows that they are the same
    copied = pickle.loads(pickle.dumps(cnn))
    np.testing.assert_array_equal(
        copied.predict_proba(photos), cnn.predict_proba(photos)
    )
    cnn.set_params(weights={**model.state_dict(), "features.0.bias": torch.ones(64)})
    with pytest.raises(ValueError, match=r"weights='a state dict.*cannot change while"):
        cnn.fit(photos, y)
