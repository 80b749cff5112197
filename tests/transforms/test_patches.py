"""k-means of patches, step by step as its paper has it."""

import numpy as np
import pytest
from sklearn.feature_extraction.image import extract_patches_2d

from sklearn_cnn.transforms import PatchKMeans
from sklearn_cnn.transforms.patches import normalized, triangle, whitening


def small(**parameters):
    return PatchKMeans(5, patch_size=3, random_state=0, **parameters)


def test_encoding_is_that_of_the_paper(photos):
    X = photos[:, :20, :24].astype(np.float64)
    step = small(grid_size=(1, 2)).fit(X)
    found = step.transform(X)
    for image, features in zip(X, found, strict=True):
        patches = extract_patches_2d(image, (3, 3)).transpose(0, 3, 1, 2)
        patches = patches.reshape(18 * 22, 27)
        patches = patches - patches.mean(axis=1, keepdims=True)
        patches /= np.sqrt(patches.var(axis=1, keepdims=True) + step.offset_)
        whitened = (patches - step.mean_) @ step.whitening_
        z = np.linalg.norm(whitened[:, None] - step.cluster_centers_, axis=2)
        similarity = np.maximum(0, z.mean(axis=1, keepdims=True) - z)
        maps = similarity.reshape(18, 22, 5)
        sums = [maps[:, :11].sum(axis=(0, 1)), maps[:, 11:].sum(axis=(0, 1))]
        np.testing.assert_allclose(features, np.concatenate(sums), rtol=1e-8)


def test_whitening_takes_correlations_away(photos):
    patches = extract_patches_2d(photos[0, ..., 0], (4, 4), max_patches=3000)
    patches = normalized(patches.reshape(3000, -1).astype(float), 10.0)
    np.testing.assert_allclose(patches.mean(axis=1), 0, atol=1e-12)
    assert 0.9 < np.median(patches.var(axis=1)) <= 1
    matrix = whitening(patches - patches.mean(axis=0))
    np.testing.assert_allclose(matrix, matrix.T)
    covariance = np.cov(patches.T, bias=True) + 0.1 * np.eye(16)
    np.testing.assert_allclose(matrix @ covariance @ matrix, np.eye(16), atol=1e-9)


def test_only_what_is_closer_than_the_average_counts():
    found = triangle(np.zeros((1, 1)), np.array([[1.0], [2.0], [6.0]]))
    np.testing.assert_allclose(found, [[2, 1, 0]])


def test_brightness_and_contrast_do_not_matter(digits):
    X = digits[0][:50]
    step = small().fit(X)
    features, brighter = step.transform(X), small().fit(3 * X + 7).transform(3 * X + 7)
    np.testing.assert_allclose(brighter, features, rtol=1e-2, atol=1e-2)


def test_seeds_alone_decide(digits):
    X = digits[0]
    np.random.seed(0)
    expected = np.random.uniform()
    np.random.seed(0)
    centers = [
        PatchKMeans(5, random_state=seed).fit(X).cluster_centers_
        for seed in (0, 0, 1, None)
    ]
    assert np.random.uniform() == expected
    np.testing.assert_array_equal(centers[0], centers[1])
    assert (centers[0] != centers[2]).any() and (centers[2] != centers[3]).any()


def test_few_patches_of_all_images_are_drawn(digits):
    X = digits[0][:60]
    X = np.concatenate([np.zeros_like(X), X])  # half of them blank
    step = small(n_patches=40).fit(X)
    assert 0 < np.abs(step.mean_).max()
    assert step.transform(X).shape == (120, 20)


@pytest.mark.parametrize("side, patch", [(4, 1), (8, 3), (12, 4), (16, 6), (40, 6)])
def test_auto_patches(side, patch):
    X = np.random.default_rng(0).normal(size=(10, side, side))
    assert PatchKMeans(2, random_state=0).fit(X).mean_.shape == (patch**2,)


@pytest.mark.parametrize("shape, spatial_dims", [((12, 2), 1), ((6, 5, 6, 2), 3)])
def test_signals_and_volumes(shape, spatial_dims):
    X = np.random.default_rng(0).normal(size=(9, *shape)).astype(np.float32)
    found = small(spatial_dims=spatial_dims, stride=2).fit(X).transform(X)
    assert found.shape == (9, 5 * 2**spatial_dims) and found.dtype == np.float32


def test_blank_images_have_no_features():
    X = np.full((20, 8, 8), 7, dtype=np.uint8)
    np.testing.assert_array_equal(small().fit_transform(X), 0)


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"patch_size": 9}, r"patch_size=9 is larger than .* \(8, 8\)"),
        ({"patch_size": 0}, "patch_size=0 must be"),
        ({"stride": 0}, "stride=0 must be"),
        ({"grid_size": 7, "patch_size": 3}, r"has only \(6, 6\) patches"),
        ({"n_clusters": 200}, "n_clusters=200, but there are only 108 patches"),
        ({"n_patches": 5}, "n_clusters=6, but there are only 5 patches"),
        ({"patch_size": "large"}, "The 'patch_size' parameter"),
    ],
)
def test_bad_parameters_are_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        PatchKMeans(**{"n_clusters": 6, **parameters}).fit(np.ones((3, 8, 8)))
