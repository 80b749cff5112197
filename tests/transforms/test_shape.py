"""Flat rows and back."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline

from sklearn_cnn.transforms import Flatten, Rescale, Resize, Unflatten


@pytest.mark.parametrize("shape", [(5,), (4, 3), (4, 3, 2), (2, 4, 3, 2)])
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.float32, np.float64])
def test_flatten_and_back(shape, dtype):
    X = np.random.default_rng(0).integers(0, 2, size=(6, *shape)).astype(dtype)
    flatten = Flatten()
    rows = flatten.fit_transform(X)
    assert rows.dtype == dtype and not np.shares_memory(rows, X)
    np.testing.assert_array_equal(rows, X.reshape(6, -1))
    np.testing.assert_array_equal(flatten.inverse_transform(rows), X)
    unflatten = Unflatten(shape)
    back = unflatten.fit_transform(rows)
    assert back.dtype == dtype and not np.shares_memory(back, rows)
    np.testing.assert_array_equal(back, X)
    np.testing.assert_array_equal(unflatten.inverse_transform(back), rows)


def test_tables_of_pixels(photos):
    table, _ = load_digits(return_X_y=True, as_frame=True)
    unflatten = Unflatten((8, -1))
    images = unflatten.fit_transform(table)
    np.testing.assert_array_equal(images, load_digits().images)
    assert list(unflatten.feature_names_in_) == list(table.columns)
    assert Unflatten((8, 8)).transform(table).shape == images.shape
    with pytest.raises(ValueError, match="feature names"):
        unflatten.transform(table[table.columns[::-1]])


def test_a_pipeline_ends_in_a_table(digits):
    X, _ = digits
    flatten = Flatten().set_output(transform="pandas")
    table = make_pipeline(Rescale(1 / 16), Resize(2), flatten).fit_transform(X)
    assert isinstance(table, pd.DataFrame)
    assert list(table.columns) == ["x0", "x1", "x2", "x3"]


@pytest.mark.parametrize(
    "shape, message",
    [
        ((8, 9), r"shape=\(8, 9\) does not fit rows of 64 values"),
        ((-1, -1), "does not fit"),
        ((8.0, 8.0), "does not fit"),
        ("8x8", "The 'shape' parameter of Unflatten"),
    ],
)
def test_bad_shapes_are_named(shape, message):
    step = Unflatten(shape)
    for method in (step.fit, step.transform):
        with pytest.raises(ValueError, match=message):
            method(np.zeros((3, 64)))
    assert not hasattr(step, "n_features_in_")


def test_images_are_not_reshaped_by_accident(photos):
    # a reshape from channels first to last would scramble the pixels
    with pytest.raises(ValueError, match="dim 4"):
        Unflatten((107, 160, 3)).fit(np.moveaxis(photos, -1, 1))


def test_the_way_back_wants_what_came_out():
    rows = np.zeros((3, 12))
    with pytest.raises(ValueError, match=r"shape \(4, 3\), but \(3, 4\) is expected"):
        Unflatten((3, 4)).fit(rows).inverse_transform(np.zeros((3, 4, 3)))
    with pytest.raises(ValueError, match=r"shape \(11,\), but \(12,\) is expected"):
        Flatten().fit(rows.reshape(3, 3, 4)).inverse_transform(rows[:, :-1])
