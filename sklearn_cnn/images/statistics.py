"""Mean and spread of every channel, over images that come in pieces."""

from contextlib import closing
from dataclasses import dataclass

import numpy as np

from sklearn_cnn.images.prefetch import read_ahead


@dataclass(frozen=True)
class ChannelStatistics:
    """What is known about the channels after some samples, in float64.

    Samples are added in pieces, which are merged by the pairwise update of Chan, Golub
    and LeVeque [1]_, so that no whole copy of them is ever made.

    Parameters
    ----------
    weight : float
        Sum of the weights of the samples so far; each counts 1 without weights.
    mean : ndarray of shape (n_channels,)
        Mean of each channel.
    squares : ndarray of shape (n_channels,)
        Weighted sum, over the samples, of the mean squared deviation from ``mean``.

    References
    ----------
    .. [1] T. F. Chan, G. H. Golub and R. J. LeVeque, "Algorithms for computing the
       sample variance: analysis and recommendations", The American Statistician 37,
       1983.
    """

    weight: float
    mean: np.ndarray
    squares: np.ndarray

    @classmethod
    def nothing(cls, n_channels):
        """Begin without any sample.

        Parameters
        ----------
        n_channels : int
            Number of channels.

        Returns
        -------
        statistics : ChannelStatistics
        """
        return cls(0.0, np.zeros(n_channels), np.zeros(n_channels))

    def update(self, images, layout, rows, weights=None, *, chunk_size=1 << 20):
        """Add samples.

        Parameters
        ----------
        images : array-like of shape (n_samples, ...)
            The images; rows may be flat or lack the channel axis.
        layout : ImageLayout
            What a row holds.
        rows : ndarray of int
            Which samples count.
        weights : ndarray of shape (n_samples,) or None
            How much each sample counts.
        chunk_size : int
            How many values are converted to float64 at a time.

        Returns
        -------
        statistics : ChannelStatistics
            Of the samples before and these.
        """
        statistics = self
        n_rows = max(1, chunk_size // layout.n_features)
        channels = 1 if layout.channels_first else -1
        chunks = [rows[i : i + n_rows] for i in range(0, len(rows), n_rows)]
        with closing(read_ahead(images, chunks)) as parts:
            for chosen, taken in zip(chunks, parts, strict=True):
                pixels = layout.as_samples(taken.astype(np.float64, copy=False))
                pixels = np.moveaxis(pixels, channels, -1)
                counts = np.ones(len(chosen)) if weights is None else weights[chosen]
                statistics = statistics._merge(pixels, counts)
        return statistics

    def _merge(self, pixels, counts):
        pixels = pixels.reshape(len(pixels), -1, pixels.shape[-1])
        # from a point among the values a constant channel deviates by exactly 0
        origin = self.mean if self.weight else pixels[0, 0].copy()
        weight_of_pixel, count = counts / pixels.shape[1], counts.sum()
        # weigh the sums within a sample, not its pixels: there are fewer of them
        pixels -= origin
        shift = weight_of_pixel @ np.einsum("npc->nc", pixels) / count
        pixels -= shift
        spread = weight_of_pixel @ np.einsum("npc,npc->nc", pixels, pixels)
        total = self.weight + count
        return ChannelStatistics(
            total,
            origin + shift * (count / total),
            self.squares + spread + shift**2 * count * self.weight / total,
        )

    @property
    def variance(self):
        """Variance of each channel, of shape (n_channels,)."""
        return self.squares / self.weight

    @property
    def scale(self):
        """Standard deviation of each channel; 1 where a channel is constant."""
        std = np.sqrt(self.variance)
        # A channel that was computed to be constant differs by its rounding.
        constant = std <= 10 * np.finfo(np.float64).eps * np.abs(self.mean)
        return np.where(constant, 1.0, std)


def channel_statistics(images, layout, rows, weights=None):
    """Mean and standard deviation of every channel, in float64.

    Parameters
    ----------
    images : array-like of shape (n_samples, ...)
        The images; rows may be flat or lack the channel axis.
    layout : ImageLayout
        What a row holds.
    rows : ndarray of int
        Which samples count.
    weights : ndarray of shape (n_samples,) or None
        How much each sample counts.

    Returns
    -------
    mean : ndarray of shape (n_channels,)
    std : ndarray of shape (n_channels,)
        1 where a channel is constant.
    """
    nothing = ChannelStatistics.nothing(layout.n_channels)
    statistics = nothing.update(images, layout, rows, weights)
    return statistics.mean, statistics.scale
