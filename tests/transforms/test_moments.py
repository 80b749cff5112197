"""Means and standard deviations of regions are those of numpy."""

from itertools import pairwise

import numpy as np
import pytest

from sklearn_cnn.transforms import ColorMoments


def test_moments_of_photographs_are_those_of_numpy(photos):
    found = ColorMoments((2, 3)).fit_transform(photos)
    rows, columns = (0, 53, 107), (0, 53, 106, 160)
    regions = [
        photos[:, top:bottom, left:right].reshape(2, -1, 3)
        for top, bottom in pairwise(rows)
        for left, right in pairwise(columns)
    ]
    means = np.stack([region.mean(axis=1) for region in regions], axis=2)
    stds = np.stack([region.std(axis=1) for region in regions], axis=2)
    expected = np.concatenate([means.reshape(2, -1), stds.reshape(2, -1)], axis=1)
    assert found.dtype == np.float32 and found.shape == (2, 36)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("shape, spatial_dims", [((12, 2), 1), ((4, 5, 6, 2), 3)])
def test_signals_and_volumes(shape, spatial_dims):
    X = np.random.default_rng(0).normal(size=(3, *shape))
    found = ColorMoments(1, spatial_dims=spatial_dims).fit_transform(X)
    flat = X.reshape(3, -1, 2)
    expected = np.concatenate([flat.mean(axis=1), flat.std(axis=1)], axis=1)
    np.testing.assert_allclose(found, expected)


def test_small_changes_of_large_numbers_are_kept():
    noise = np.random.default_rng(0).normal(size=(2, 8, 8))
    found = ColorMoments(1).fit_transform(1e6 + 1e-3 * noise)
    np.testing.assert_allclose(found[:, 1], 1e-3 * noise.std(axis=(1, 2)), rtol=1e-6)


@pytest.mark.parametrize(
    "grid_size, message",
    [
        (0, "grid_size=0 must be an integer of at least 1"),
        (9, r"grid_size=9 divides .* has only \(8, 8\) pixels"),
        ((2, 2, 2), "grid_size=.* has 3 entries"),
    ],
)
def test_bad_grids_are_named(grid_size, message):
    with pytest.raises(ValueError, match=message):
        ColorMoments(grid_size).fit(np.zeros((3, 8, 8)))


def test_numbers_without_squares():
    X = np.random.default_rng(0).normal(size=(3, 8, 8))
    found = ColorMoments().fit_transform(X * 1e300)
    np.testing.assert_allclose(found, 1e300 * ColorMoments().fit_transform(X))
