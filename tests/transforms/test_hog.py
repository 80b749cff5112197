"""Histograms of gradients are those of scikit-image."""

import sys

import joblib
import numpy as np
import pandas as pd
import pytest
from skimage.feature import hog

from sklearn_cnn.transforms import HOGDescriptor, Resize


def test_descriptors_of_photographs_are_those_of_scikit_image(photos):
    X = Resize(64).fit_transform(photos)
    for images in (X, X.astype(np.float32), X / 255):
        found = HOGDescriptor().fit_transform(images)
        expected = np.stack([hog(image, channel_axis=-1) for image in images])
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    first = HOGDescriptor(data_format="channels_first")
    moved = np.moveaxis(X, -1, 1)
    np.testing.assert_array_equal(
        first.fit_transform(moved), HOGDescriptor().fit_transform(X)
    )


@pytest.mark.parametrize("block_norm", ["L1", "L1-sqrt", "L2", "L2-Hys"])
@pytest.mark.parametrize("transform_sqrt", [True, False])
def test_descriptors_of_digits_are_those_of_scikit_image(
    digits, block_norm, transform_sqrt
):
    X = digits[0][:20, ..., 0]
    options = {
        "orientations": 5,
        "pixels_per_cell": (2, 4),
        "cells_per_block": (2, 1),
        "block_norm": block_norm,
        "transform_sqrt": transform_sqrt,
    }
    expected = [hog(image, **options) for image in X]
    np.testing.assert_array_equal(HOGDescriptor(**options).fit_transform(X), expected)


@pytest.mark.parametrize("n_channels", [2, 13])
def test_any_number_of_channels(photos, n_channels):
    X = np.resize(photos, (2, 40, 40, n_channels))
    expected = [hog(image, channel_axis=-1) for image in X]
    np.testing.assert_array_equal(HOGDescriptor().fit_transform(X), expected)


def test_parallel_work_does_not_show(digits):
    X, _ = digits
    step = HOGDescriptor(pixels_per_cell=2, cells_per_block=2)
    expected = step.fit_transform(X)
    with joblib.parallel_config(backend="threading"):
        found = step.set_params(n_jobs=3).fit_transform(X)
    np.testing.assert_array_equal(found, expected)


def test_names_and_tables(digits):
    step = HOGDescriptor(pixels_per_cell=4, cells_per_block=1, orientations=2)
    table = step.set_output(transform="pandas").fit_transform(digits[0])
    assert isinstance(table, pd.DataFrame)
    assert list(table.columns) == [f"hogdescriptor{i}" for i in range(8)]


@pytest.mark.parametrize(
    "parameters, shape, message",
    [
        ({}, (8, 8), r"images of \(8, 8\) pixels, .* needs \(24, 24\)"),
        ({"pixels_per_cell": 0}, (8, 8), "pixels_per_cell=0 must be"),
        ({"cells_per_block": (1, 1, 1)}, (8, 8), "has 3 entries"),
        ({"orientations": 0}, (8, 8), "The 'orientations' parameter"),
        ({"orientations": True}, (24, 24), "orientations=True must be an integer"),
        ({"block_norm": "l2"}, (8, 8), "The 'block_norm' parameter"),
        ({}, (64,), "spatial_dims=2 needs samples of shape.*Unflatten"),
    ],
)
def test_bad_parameters_are_named(parameters, shape, message):
    with pytest.raises(ValueError, match=message):
        HOGDescriptor(**parameters).fit(np.zeros((3, *shape)))


def test_no_square_roots_of_negative_pixels():
    X = np.linspace(-1, 1, 2 * 24 * 24).reshape(2, 24, 24)
    with pytest.raises(ValueError, match="takes square roots, but X has -1"):
        HOGDescriptor(transform_sqrt=True).fit(X)


def test_the_extra_is_named(photos, monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(ImportError, match=r"pip install 'sklearn_cnn\[scikit-image\]'"):
        HOGDescriptor().fit(photos)
