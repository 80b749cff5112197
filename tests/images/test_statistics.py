"""Statistics of the channels."""

import numpy as np
import pytest

from sklearn_cnn.images import ChannelStatistics, ImageLayout, channel_statistics


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
    _, std = channel_statistics(values, ImageLayout((1,), 1), np.arange(3))
    np.testing.assert_allclose(std, np.sqrt(2 / 3))


def test_a_constant_channel_is_not_divided_by_zero():
    for value in (0.0, 0.1, 1e9):
        images = np.full((10, 3, 3), value)
        _, std = channel_statistics(images, ImageLayout((3, 3), 1), np.arange(10))
        assert std == [1]
