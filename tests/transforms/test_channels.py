"""Brightness and choice of channels."""

import numpy as np
import pytest
import torch
from skimage import color
from torchvision.transforms.v2 import functional

from sklearn_cnn.transforms import Grayscale, SelectChannels


def test_grayscale_is_that_of_torchvision(photos):
    first = np.moveaxis(photos, -1, 1)
    expected = functional.rgb_to_grayscale(torch.tensor(first)).numpy()
    found = Grayscale(data_format="channels_first").fit_transform(first)
    assert found.dtype == np.uint8 and found.shape == (2, 1, 107, 160)
    assert np.abs(found.astype(int) - expected).max() <= 1
    for dtype in (np.float32, np.float64):
        expected = functional.rgb_to_grayscale(torch.tensor(first.astype(dtype)))
        found = Grayscale().fit_transform(photos.astype(dtype))
        assert found.dtype == dtype
        np.testing.assert_array_equal(found[..., 0], expected.numpy()[:, 0])


def test_grayscale_rounds_to_the_nearest_level():
    levels = np.arange(256, dtype=np.uint8)
    X = np.repeat(levels[None, :, None, None], 3, axis=-1)
    np.testing.assert_array_equal(Grayscale().fit_transform(X)[0, :, 0, 0], levels)


def test_grayscale_is_close_to_that_of_scikit_image(photos):
    # which weighs the colours for other screens (ITU-R BT.709)
    found = Grayscale().fit_transform(photos / 255)
    assert np.abs(found[..., 0] - color.rgb2gray(photos)).mean() < 0.02


@pytest.mark.parametrize("dtype", ["uint16", "int64", "float16"])
def test_grayscale_keeps_the_dtype(photos, dtype):
    found = Grayscale().fit_transform(photos.astype(dtype))
    exact = Grayscale().fit_transform(photos.astype(np.float64))
    assert found.dtype == dtype
    np.testing.assert_allclose(found, exact, atol=0.5, rtol=1e-3)


def test_grayscale_of_masks_is_a_fraction(photos):
    found = Grayscale().fit_transform(photos > 127)
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.unique(found)[-1], 0.9999, rtol=1e-6)


def test_grayscale_leaves_one_channel_alone(photos):
    for X in (photos[..., 0], photos[..., :1], photos[:, :, 0, 0]):
        found = Grayscale().fit_transform(X)
        np.testing.assert_array_equal(found, X)
        assert not np.shares_memory(found, X)


@pytest.mark.parametrize("n_channels", [2, 4, 13])
def test_grayscale_of_other_channels_is_refused(n_channels):
    X = np.zeros((2, 8, 8, n_channels))
    with pytest.raises(ValueError, match=f"{n_channels} channels.*SelectChannels"):
        Grayscale().fit(X)


@pytest.mark.parametrize("channels", [[12, 0, 0], np.array([-1]), (3,), 5])
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.float32, np.float64])
def test_channels_are_selected(channels, dtype):
    X = np.random.default_rng(0).integers(0, 200, size=(3, 5, 4, 13)).astype(dtype)
    expected = X[..., np.atleast_1d(channels)]
    found = SelectChannels(channels).fit_transform(X)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, expected)
    first = SelectChannels(channels, data_format="channels_first")
    found = first.fit_transform(np.moveaxis(X, -1, 1))
    np.testing.assert_array_equal(found, np.moveaxis(expected, -1, 1))


def test_grey_images_get_channels_when_they_need_them(photos):
    grey = photos[..., 0]
    np.testing.assert_array_equal(SelectChannels(0).fit_transform(grey), grey)
    tripled = SelectChannels([0, 0, 0]).fit_transform(grey)
    np.testing.assert_array_equal(tripled, np.stack([grey] * 3, axis=-1))


@pytest.mark.parametrize(
    "channels, message",
    [
        ([0, 3], "asks for channel 3, but X has 3"),
        (-4, "asks for channel -4"),
        ([], "must be an integer or a sequence"),
        ([0.0], "must be an integer or a sequence"),
        ([True, False, True], "must be an integer or a sequence"),
        ([[0, 1], [2]], "must be an integer or a sequence"),
        ([[0], [1]], "must be an integer or a sequence"),
        ("red", "The 'channels' parameter of SelectChannels"),
    ],
)
def test_bad_channels_are_named(photos, channels, message):
    with pytest.raises(ValueError, match=message):
        SelectChannels(channels).fit(photos)
