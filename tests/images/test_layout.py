"""Which axes are what, and what is an array of images."""

import numpy as np
import pandas as pd
import pytest
import torch

from sklearn_cnn.images import ImageLayout, as_array, read_layout


def objects(images):
    column = np.empty(len(images), dtype=object)
    column[:] = list(images)
    return column


def series(images):
    return pd.Series(list(images), index=[f"image{i}" for i in range(len(images))])


@pytest.mark.parametrize("kind", [list, tuple, objects, series])
def test_sequences_of_arrays_are_stacked(kind):
    images = np.random.default_rng(0).uniform(size=(5, 4, 3)).astype(np.float32)
    for given in (images, torch.from_numpy(images)):
        found = as_array(kind(given))
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, images)
    with pytest.raises(ValueError, match=r"different shapes: \[\(3, 4\), \(4, 3\)\]"):
        as_array(kind([*images, images[0].T]))


@pytest.mark.parametrize(
    "X", [pd.Series([1.0, 2.0]), pd.Series(["a", "b"]), np.array(["a"], object), []]
)
def test_other_columns_are_left_as_they_are(X):
    assert as_array(X) is X


def test_read_layout_says_what_it_is():
    arguments = {
        "input_shape": None,
        "spatial_dims": "auto",
        "data_format": "channels_last",
    }
    assert read_layout((9, 5), **arguments).kind == "signals"
    assert read_layout((9, 5, 4), **arguments).shape == (5, 4, 1)
    assert read_layout((9, 5, 4, 3, 2), **arguments).n_features == 120


def test_the_shape_of_a_sample_and_where_its_channels_are_make_a_layout():
    last = ImageLayout.of((5, 4, 3), "channels_last")
    first = ImageLayout.of((3, 5, 4), "channels_first")
    assert (last.spatial_shape, last.n_channels) == ((5, 4), 3)
    assert (first.spatial_shape, first.n_channels) == ((5, 4), 3)
    images = np.arange(120).reshape(2, 5, 4, 3)
    flat = np.moveaxis(images, -1, 1).reshape(2, -1)
    np.testing.assert_array_equal(last.channels_last(images), images)
    np.testing.assert_array_equal(first.channels_last(flat), images)
