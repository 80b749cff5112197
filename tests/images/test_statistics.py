"""Statistics of the channels."""

from functools import reduce

import numpy as np
import pytest

from sklearn_cnn.images import ChannelStatistics, ImageLayout


@pytest.mark.parametrize("channels_first", [True, False])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.int64])
@pytest.mark.parametrize("chunk_size", [1, 100, 10**6])
def test_statistics_in_pieces_are_those_of_the_whole(channels_first, dtype, chunk_size):
    rng = np.random.default_rng(0)
    images = (rng.normal(size=(30, 4, 5, 3)) * 20 + [50, 100, 150]).astype(dtype)
    rows, weights = np.arange(3, 30, 2), rng.uniform(size=30)
    chosen = images[rows].astype(float)
    mean = np.average(chosen.mean(axis=(1, 2)), axis=0, weights=weights[rows])
    spread = ((chosen - mean) ** 2).mean(axis=(1, 2))
    std = np.sqrt(np.average(spread, axis=0, weights=weights[rows]))

    given = np.moveaxis(images, -1, 1) if channels_first else images
    found = ChannelStatistics.nothing(3).update(
        given,
        ImageLayout((4, 5), 3, channels_first),
        rows,
        weights,
        chunk_size=chunk_size,
    )
    np.testing.assert_allclose([found.mean, found.scale], [mean, std], rtol=1e-10)
    np.testing.assert_allclose(found.variance, std**2, rtol=1e-10)
    assert found.weight == pytest.approx(weights[rows].sum())


def test_a_far_away_channel_keeps_its_spread():
    values = np.array([0.0, 1.0, 2.0]).reshape(3, 1) + 1e9
    layout = ImageLayout((1,), 1)
    found = ChannelStatistics.nothing(1).update(values, layout, np.arange(3))
    np.testing.assert_allclose(found.scale, np.sqrt(2 / 3))


@pytest.mark.parametrize("value", [0.0, 0.1, 0.3, 0.7, 1e6 + 0.1, -1e9])
@pytest.mark.parametrize("n_samples", [1, 10, 4000, 70_000])
@pytest.mark.parametrize("chunk_size", [1 << 14, 1 << 20])
def test_a_constant_channel_is_not_divided_by_zero(value, n_samples, chunk_size):
    images, rows = np.full((n_samples, 2, 2), value), np.arange(n_samples)
    weights = np.random.default_rng(0).uniform(0.1, 3, n_samples)
    nothing, layout = ChannelStatistics.nothing(1), ImageLayout((2, 2), 1)
    for given in (None, weights):
        found = nothing.update(images, layout, rows, given, chunk_size=chunk_size)
        assert [found.mean, found.variance, found.scale] == [value, 0, 1]


@pytest.mark.parametrize("offset", [0, -1e6])
@pytest.mark.parametrize("channels_first", [True, False])
def test_statistics_of_many_images_are_those_of_numpy(offset, channels_first):
    images = np.random.default_rng(0).uniform(size=(3000, 2, 5, 6)) + offset
    before = images.copy()
    layout = ImageLayout(
        (5, 6) if channels_first else (2, 5), 2 if channels_first else 6, channels_first
    )
    axes = (0, 2, 3) if channels_first else (0, 1, 2)
    nothing = ChannelStatistics.nothing(layout.n_channels)
    found = nothing.update(images, layout, np.arange(3000))
    np.testing.assert_allclose(found.mean, images.mean(axis=axes), rtol=1e-12)
    np.testing.assert_allclose(found.scale, images.std(axis=axes), rtol=1e-12)
    np.testing.assert_array_equal(images, before)


def test_statistics_of_parts_are_joined():
    random = np.random.default_rng(0)
    images, weights = random.uniform(size=(50, 4, 3)), random.uniform(0.1, 3, 50)
    nothing, layout = ChannelStatistics.nothing(3), ImageLayout((4,), 3)
    parts = np.split(np.arange(50), [11, 11, 30])  # one of them is empty
    found = reduce(
        ChannelStatistics.joined,
        [nothing.update(images, layout, rows, weights) for rows in parts],
    )
    whole = nothing.update(images, layout, np.arange(50), weights)
    np.testing.assert_allclose(found.mean, whole.mean, rtol=1e-12)
    np.testing.assert_allclose(found.variance, whole.variance, rtol=1e-12)
