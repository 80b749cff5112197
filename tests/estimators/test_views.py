"""test_time_augmentation: predictions over views that ``augmentation`` implies."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits

from sklearn_cnn import CNNClassifier, CNNRegressor, load, save
from sklearn_cnn.augmentation import Compose, GaussianNoise, RandomCrop, RandomFlip
from sklearn_cnn.images import ImageFiles

X, Y = load_digits(return_X_y=True)
X, Y = X[:150].reshape(-1, 8, 8), Y[:150]
PARAMETERS = {"filters": (4, 8), "max_iter": 2, "random_state": 0}


def moved(X, axis, step):
    """Move images by a pixel, and fill with 0."""
    X = np.roll(X, step, axis=axis)
    X[(slice(None),) * axis + (0 if step > 0 else -1,)] = 0
    return X


def views(X):
    return [X, *(moved(X, axis, step) for axis in (1, 2) for step in (1, -1))]


@pytest.mark.parametrize("n_networks", [1, 2])
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "uint16"])
def test_probabilities_are_averaged(n_networks, dtype):
    parameters = {**PARAMETERS, "augmentation": RandomCrop(2), "n_networks": n_networks}
    given = X.astype(dtype)
    cnn = CNNClassifier(**parameters).fit(given, Y)
    before = given.copy()
    each = [cnn.predict_proba(view) for view in views(given)]
    assert np.std(each, axis=0).max() > 1e-3
    cnn.set_params(test_time_augmentation=True)
    probabilities = cnn.predict_proba(given)
    np.testing.assert_allclose(probabilities, np.mean(each, axis=0), atol=1e-6)
    np.testing.assert_array_equal(probabilities, cnn.predict_proba(given))
    np.testing.assert_allclose(cnn.predict_proba(given[:1]), probabilities[:1], 1e-4)
    np.testing.assert_array_equal(given, before)


def test_targets_and_labels_are_averaged():
    parameters = {**PARAMETERS, "augmentation": RandomFlip()}
    y = np.c_[Y, 10.0 * Y]
    cnn = CNNRegressor(**parameters, n_networks=2).fit(X, y)
    expected = (cnn.predict(X) + cnn.predict(X[:, :, ::-1])) / 2
    cnn.set_params(test_time_augmentation=True)
    np.testing.assert_allclose(cnn.predict(X), expected, rtol=1e-5)
    mean, std = cnn.predict(X, return_std=True)
    np.testing.assert_allclose(mean, expected, rtol=1e-5)
    each = [one.predict(X) for one in cnn.estimators_]
    np.testing.assert_allclose(std, np.std(each, axis=0), rtol=1e-6)
    labels = np.c_[Y % 2, Y > 4]
    cnn = CNNClassifier(**parameters).fit(X, labels)
    expected = (cnn.predict_proba(X) + cnn.predict_proba(X[:, :, ::-1])) / 2
    cnn.set_params(test_time_augmentation=True)
    np.testing.assert_allclose(cnn.predict_proba(X), expected, atol=1e-6)


def test_the_fit_is_the_same_and_a_copy_predicts_alike(tmp_path):
    given = Compose([RandomFlip(), RandomCrop(1), GaussianNoise(0.1)])
    model = CNNClassifier(**PARAMETERS, augmentation=given)
    cnn = clone(model).set_params(test_time_augmentation=True).fit(X, Y)
    for one, other in zip(
        cnn.module_.state_dict().values(),
        model.fit(X, Y).module_.state_dict().values(),
        strict=True,
    ):
        assert torch.equal(one, other)
    expected = cnn.predict_proba(X)
    assert np.abs(expected - model.predict_proba(X)).max() > 1e-3
    save(cnn, tmp_path / "cnn.skops")
    for copied in (pickle.loads(pickle.dumps(cnn)), load(tmp_path / "cnn.skops")):
        np.testing.assert_array_equal(copied.predict_proba(X), expected)
    files = ImageFiles.from_array(X)
    np.testing.assert_array_equal(cnn.predict_proba(files), expected)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_colours_and_flat_rows(data_format):
    images = np.random.default_rng(0).integers(255, size=(30, 6, 6, 3), dtype=np.uint8)
    images = images if data_format == "channels_last" else images.transpose(0, 3, 1, 2)
    parameters = {**PARAMETERS, "augmentation": RandomFlip(), "max_iter": 1}
    cnn = CNNClassifier(**parameters, data_format=data_format)
    cnn.fit(images, np.arange(30) % 2)
    axis = 2 if data_format == "channels_last" else 3
    each = [cnn.predict_proba(view) for view in (images, np.flip(images, axis))]
    cnn.set_params(test_time_augmentation=True)
    np.testing.assert_allclose(cnn.predict_proba(images), np.mean(each, 0), atol=1e-6)
    flat = CNNClassifier(**parameters, input_shape=(8, 8), test_time_augmentation=True)
    assert flat.fit(X.reshape(-1, 64), Y).predict(X.reshape(-1, 64)).shape == Y.shape


@pytest.mark.parametrize("n_threads", [1, 2])
def test_many_samples_on_several_threads(n_threads):
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    many = np.random.default_rng(0).random((1500, 28, 28), dtype=np.float32)
    cnn = CNNClassifier(augmentation=RandomFlip(), max_iter=1, random_state=0)
    cnn.fit(many[:100], np.arange(100) % 2)
    each = [cnn.predict_proba(view) for view in (many, many[:, :, ::-1])]
    cnn.set_params(test_time_augmentation=True)
    np.testing.assert_allclose(cnn.predict_proba(many), np.mean(each, 0), atol=1e-5)
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("augmentation", "message"),
    [
        (None, r"tells none. Pass one of sklearn_cnn.augmentation.*or set test_time"),
        (torch.neg, "tells none"),
        (GaussianNoise(0.1), r"no effect.*neither moves nor mirrors.*Add RandomFlip"),
        (
            RandomCrop(8),
            r"augmentation=RandomCrop\(padding=8\) gives no views.*smaller",
        ),
    ],
)
def test_without_views(augmentation, message):
    cnn = CNNClassifier(**PARAMETERS, augmentation=augmentation)
    cnn.set_params(test_time_augmentation=True)
    with pytest.raises(ValueError, match=message):
        cnn.fit(X, Y)
    assert not hasattr(cnn, "classes_")
    cnn.set_params(augmentation=None, test_time_augmentation=False).fit(X, Y)
    cnn.set_params(augmentation=augmentation, test_time_augmentation=True)
    with pytest.raises(ValueError, match=message):
        cnn.predict(X)


def test_onnx_is_refused(tmp_path):
    pytest.importorskip("onnxruntime")
    from sklearn_cnn.export import to_onnx

    cnn = CNNClassifier(**PARAMETERS, augmentation=RandomFlip()).fit(X, Y)
    cnn.set_params(test_time_augmentation=True)
    with pytest.raises(ValueError, match=r"Export model.set_params\(test_time_aug"):
        to_onnx(cnn, tmp_path / "cnn.onnx")
