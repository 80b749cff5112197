"""AugmentationDisplay."""

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib import pyplot
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from sklearn_cnn import CNNClassifier, CNNRegressor
from sklearn_cnn.augmentation import ColorJitter, RandomCrop, RandomFlip
from sklearn_cnn.inspection import AugmentationDisplay
from sklearn_cnn.transforms import ChannelScaler, Resize


@pytest.fixture(autouse=True)
def without_a_screen():
    backend = matplotlib.get_backend()
    matplotlib.use("agg")
    yield
    matplotlib.pyplot.close("all")
    matplotlib.use(backend)


def test_originals_beside_their_variants(digits):
    X, _ = digits
    before = torch.get_rng_state()
    display = AugmentationDisplay.from_augmentation(
        RandomFlip(p=1.0), X[:2], n_variants=3
    )
    assert display.variants.shape == (2, 4, 1, 8, 8)
    np.testing.assert_array_equal(display.variants[:, 0, 0], X[:2, ..., 0])
    np.testing.assert_array_equal(display.variants[:, 1, 0], X[:2, :, ::-1, 0])
    assert display.axes_.shape == (2, 4)
    assert display.figure_ is display.ax_.figure
    assert torch.equal(torch.get_rng_state(), before)


def test_an_estimator_knows_what_its_rows_are(digits):
    X, _ = digits
    cnn = CNNClassifier(input_shape=(8, 8), augmentation=RandomCrop(2))
    flat = X[:2].reshape(2, -1)
    _, ax = matplotlib.pyplot.subplots()
    display = AugmentationDisplay.from_estimator(cnn, flat, ax=ax)
    assert display.ax_ is ax and display.variants.shape == (2, 6, 1, 8, 8)
    again = AugmentationDisplay.from_estimator(cnn, flat)
    np.testing.assert_array_equal(again.variants, display.variants)


@pytest.mark.parametrize("shape", [(9,), (9, 9, 3), (9, 9, 5), (4, 9, 9, 1)])
def test_signals_colours_bands_and_volumes_are_drawn(shape):
    X = np.random.default_rng(0).integers(256, size=(2, *shape)).astype(np.uint8)
    display = AugmentationDisplay.from_augmentation(ColorJitter(), X, n_variants=1)
    display.figure_.canvas.draw()
    assert display.axes_.shape == (2, 2)
    assert all(cell.lines or cell.images for cell in display.axes_.flat)


def test_the_steps_of_a_pipeline_come_first(digits):
    X, _ = digits
    cnn = CNNClassifier(augmentation=RandomCrop(2))
    pipeline = make_pipeline(ChannelScaler().fit(X), Resize(4), cnn)
    display = AugmentationDisplay.from_estimator(pipeline, X[:2])
    assert display.variants.shape == (2, 6, 1, 4, 4)
    scaled = ChannelScaler().fit(X).transform(X[:2])
    original = Resize(4).transform(scaled).reshape(2, 1, 4, 4)
    np.testing.assert_allclose(display.variants[:, 0], original)


def test_the_default_is_shown_too(digits):
    X, _ = digits
    display = AugmentationDisplay.from_estimator(CNNClassifier(), X[:2], n_variants=2)
    images, first = display.variants[:, 0], display.variants[:, 1]
    assert (images != first).any()
    pyplot.close("all")


def test_nothing_to_show_and_the_wrong_images(digits):
    X, _ = digits
    with pytest.raises(ValueError, match=r"augmentation=None"):
        AugmentationDisplay.from_estimator(CNNClassifier(augmentation=None), X[:2])
    with pytest.raises(ValueError, match=r"augmentation=None"):
        AugmentationDisplay.from_estimator(CNNRegressor(), X[:2])
    with pytest.raises(ValueError, match=r"n_variants=0 must be an integer"):
        AugmentationDisplay.from_augmentation(RandomFlip(), X[:2], n_variants=0)
    with pytest.raises(ValueError, match=r"hue=0.1 needs images of three channels"):
        AugmentationDisplay.from_augmentation(ColorJitter(hue=0.1), X[:2])
    figure = pyplot.figure()
    with pytest.raises(ValueError, match="ax is not part of a grid"):
        AugmentationDisplay.from_augmentation(
            RandomFlip(), X[:2], ax=figure.add_axes((0, 0, 1, 1))
        )
    pyplot.close(figure)
    with pytest.raises(TypeError, match=r"ends in RandomFlip"):
        AugmentationDisplay.from_estimator(RandomFlip(), X[:2])
    unfitted = make_pipeline(ChannelScaler(), CNNClassifier(augmentation=RandomCrop()))
    with pytest.raises(NotFittedError, match="Pipeline instance"):
        AugmentationDisplay.from_estimator(unfitted, X[:2])
