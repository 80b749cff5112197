"""Mean and spread of every channel, over images that come in pieces."""

from contextlib import closing
from dataclasses import dataclass

import numpy as np

from sklearn_cnn.images.prefetch import read_ahead
from sklearn_cnn.utils._progress import progress


@dataclass(frozen=True)
class ChannelStatistics:
    """What is known about the channels after some samples, in float64.

    Samples are added in pieces, which are merged by the pairwise update of Chan, Golub
    and LeVeque [1]_, so that no whole copy of them is ever made.

    References
    ----------
    .. [1] T. F. Chan, G. H. Golub and R. J. LeVeque, "Algorithms for computing the
       sample variance: analysis and recommendations", The American Statistician 37,
       1983.
    """

    weight: float  #: Sum of the sample weights so far.
    mean: np.ndarray  #: Of each channel.
    #: Of each channel, the weighted sum of the mean squared deviations of the samples.
    squares: np.ndarray

    @classmethod
    def nothing(cls, n_channels):
        """Begin without any sample."""
        return cls(0.0, np.zeros(n_channels), np.zeros(n_channels))

    def update(self, images, layout, rows, sample_weight=None, *, chunk_size=1 << 20):
        """Give the statistics of the samples before and of some rows of ``images``.

        ``sample_weight`` has an entry for every image, also for those not among the
        rows. At most ``chunk_size`` values, or one sample, are float64 at a time.
        """
        if sample_weight is None:
            sample_weight = np.ones(len(images))
        statistics = self
        n_rows = max(1, chunk_size // layout.n_features)
        chunks = [rows[i : i + n_rows] for i in range(0, len(rows), n_rows)]
        ignored = np.errstate(over="ignore", invalid="ignore", under="ignore")
        shown = progress("mean and spread", len(rows))
        with ignored, closing(read_ahead(images, chunks)) as parts, shown as count:
            for chosen, taken in zip(chunks, parts, strict=True):
                pixels = layout.channels_last(taken.astype(np.float64, copy=False))
                weight = sample_weight[chosen]
                if np.isnan(pixels[..., -1, :]).any():
                    pixels, weight = _values(pixels, weight)
                statistics = statistics._merge(pixels, weight)
                count(len(chosen))
        statistics._require_range()
        return statistics

    def joined(self, other):
        """Give the statistics of the samples of both."""
        total, shift = self.weight + other.weight, other.mean - self.mean
        between = shift**2 * (self.weight * other.weight / total)
        return ChannelStatistics(
            total,
            self.mean + shift * (other.weight / total),
            self.squares + other.squares + between,
        )

    def _require_range(self):
        tiny = (self.mean != 0) & (np.abs(self.mean) < 1e-100)
        known = np.isfinite(self.mean) & np.isfinite(self.squares)
        if tiny.any() or not known.all():
            raise ValueError(
                f"X has values of about {np.abs(self.mean).max():.3g}, whose squares "
                "are out of the range of float64. Multiply X by a factor that brings "
                "them near 1, or leave X unscaled."
            )

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


def _values(series, weight):
    """Take series that NaN ends apart, into samples of one step each."""
    there = ~np.isnan(series).any(axis=2)
    share = weight / there.sum(axis=1)
    return series[there][:, None], share[np.nonzero(there)[0]]
