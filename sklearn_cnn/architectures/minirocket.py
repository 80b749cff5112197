"""Features of time series by fixed kernels, and a linear head."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from math import log2
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sklearn_cnn.architectures.network import Head, Network
from sklearn_cnn.architectures.pooling import lengths, zeros_for_nan
from sklearn_cnn.architectures.registry import register

#: Length of all kernels; three of the weights are 2, the others are -1.
_LENGTH = 9
_KERNELS = tuple(combinations(range(_LENGTH), 3))
#: Shortest series whose differences are as long as the kernels.
SHORTEST = _LENGTH + 1
#: Most dilations of a kernel, and most channels that it sees.
_MOST_DILATIONS, _MOST_CHANNELS = 32, 9
#: Values of a map at a time, which a cache holds.
_BLOCK = 1 << 18
_GOLDEN_RATIO = (5**0.5 + 1) / 2


class Rocket(Network):
    """Features of fixed kernels, and a head of one dense layer, which is solved.

    Parameters
    ----------
    stages : dict of str to KernelFeatures
        What computes features of the series, each by its name.
    n_features : int
        Of all of them together.
    n_outputs : int
        Number of outputs.
    """

    solves_head: ClassVar[bool] = True

    def __init__(self, stages: "dict[str, KernelFeatures]", n_outputs: int) -> None:
        nn.Module.__init__(self)  # the features are vectors, which need no pooling
        self.stages = nn.Sequential()
        for name, stage in stages.items():
            self.stages.add_module(name, stage)
        self.pool: nn.Module = nn.Identity()
        self.head = Head(
            sum(stage.n_features for stage in stages.values()),
            n_outputs,
            hidden_layer_sizes=(),
            activation="identity",
            dropout=0.0,
        )

    def feature_maps(self, x: Tensor) -> Tensor:
        """Compute the features, which are vectors."""
        return torch.cat([stage(x) for stage in self.stages], dim=1)

    def learn_from(self, images: Tensor, generator: torch.Generator) -> None:
        """Take the biases from training series, shape (n, n_channels, length)."""
        for stage in self.stages:
            assert isinstance(stage, KernelFeatures)
            stage.learn_from(images, generator)


@register("minirocket", spatial_dims=(1,))
def minirocket(
    n_channels: int,
    spatial_shape: tuple[int, ...],
    n_outputs: int,
    *,
    filters: Sequence[int] = (9_996,),
    unequal_length: bool = False,
) -> Rocket:
    """MiniRocket [1]_: fixed kernels of length 9, and what share of a map is positive.

    The 84 kernels have exponential dilations up to the length of the series, and see
    random channels. A feature is the share of the values of a map above a bias, which
    is a quantile of the map of a random training series. ``filters`` has one entry, the
    number of features, of which there are the next lower multiple of 84. Nothing but
    the head learns, and that is solved, not trained.

    References
    ----------
    .. [1] A. Dempster, D. Schmidt and G. Webb, "MiniRocket: a very fast (almost)
       deterministic transform for time series classification", KDD 2021.
    """
    n_biases = _n_biases("minirocket", spatial_shape, filters, 1)
    (length,) = spatial_shape
    features = KernelFeatures(n_channels, length, n_biases, masked=unequal_length)
    return Rocket({"series": features}, n_outputs)


@register("multirocket", spatial_dims=(1,))
def multirocket(
    n_channels: int,
    spatial_shape: tuple[int, ...],
    n_outputs: int,
    *,
    filters: Sequence[int] = (15_120,),
    unequal_length: bool = False,
) -> Rocket:
    """MultiRocket [1]_ in small: MiniRocket on series and on their differences.

    A feature is the share of a map that is above a bias, and for maps of the series
    also the longest stretch that is. The authors have more of each map, the mean of the
    values above and that of their places, which did not pay on few series. ``filters``
    has one entry, the number of features, of which there are the next lower multiple
    of 252.

    References
    ----------
    .. [1] C. W. Tan, A. Dempster, C. Bergmeir and G. Webb, "MultiRocket: multiple
       pooling operators and transformations for fast and effective time series
       classification", Data Mining and Knowledge Discovery 36, 2022.
    """
    n_biases = _n_biases("multirocket", spatial_shape, filters, 3)
    (length,) = spatial_shape
    kinds = {"series": 0, "differences": 1}
    stages = {
        name: KernelFeatures(
            n_channels,
            length,
            n_biases,
            order=order,
            stretches=order == 0,
            masked=unequal_length,
        )
        for name, order in kinds.items()
    }
    return Rocket(stages, n_outputs)


def _n_biases(
    name: str, spatial_shape: tuple[int, ...], filters: Sequence[int], n_kinds: int
) -> int:
    """Check the length of series, and turn the number of features into one of biases.

    ``n_kinds`` is how many features a bias of the series comes with.
    """
    (length,) = spatial_shape
    shortest = _LENGTH if n_kinds == 1 else SHORTEST
    if length < shortest:
        raise ValueError(
            f"architecture={name!r} has kernels of length {_LENGTH} and needs series "
            f"of at least {shortest} values, but X has series of {length}. Pass "
            "architecture='simple'."
        )
    least = n_kinds * len(_KERNELS)
    if len(filters) != 1 or filters[0] < least:
        raise ValueError(
            f"filters={filters!r} must be the number of features of architecture="
            f"{name!r}: one entry of at least {least}, such as ({60 * least},)."
        )
    return filters[0] // least


class KernelFeatures(nn.Module):
    """For each kernel, dilation and bias, the share of a map that is above the bias.

    Every second map is without the ends where padding is seen.

    Parameters
    ----------
    n_channels, length : int
        Of the series.
    n_biases : int
        Of each kernel, over all dilations.
    order : {0, 1}
        How often differences are taken first.
    stretches : bool
        Whether the longest stretch above the bias is another feature.
    masked : bool
        Whether NaN may end series, and what is behind it does not count.

    Attributes
    ----------
    n_operations : int
        Comparisons for one series.
    biases : Tensor of shape (84, n_biases)
        Those of the first dilation come first.
    channels : Tensor of shape (n_dilations, 84, 1 to 9)
        Which channels a kernel sees; ``n_channels`` stands for none.
    """

    biases: Tensor
    channels: Tensor
    taps: Tensor

    def __init__(
        self,
        n_channels: int,
        length: int,
        n_biases: int,
        *,
        order: int = 0,
        stretches: bool = False,
        masked: bool = False,
    ) -> None:
        super().__init__()
        length -= order
        self.order, self.stretches, self.masked = order, stretches, masked
        self.n_features = (1 + stretches) * len(_KERNELS) * n_biases
        self.n_operations = length * self.n_features
        self.dilations, self.counts = _dilations(length, n_biases)
        shape = (len(self.dilations), len(_KERNELS))
        self.register_buffer("channels", _random_channels(n_channels, shape))
        self.register_buffer("biases", torch.zeros(len(_KERNELS), n_biases))
        taps = torch.tensor(_KERNELS)
        self.register_buffer("taps", taps, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the features, of shape (n_samples, n_features)."""
        x = x.diff(n=self.order)
        if torch.compiler.is_exporting() or x.requires_grad:
            return self._proportions(x)
        rows = max(1, _BLOCK // (len(_KERNELS) * x.shape[2]))
        return torch.cat([self._proportions(part) for part in torch.split(x, rows)])

    def learn_from(self, series: Tensor, generator: torch.Generator) -> None:
        """Take each kernel's biases from the map of a random series of these."""
        series = series.diff(n=self.order)
        ends = lengths(series)
        series = zeros_for_nan(series)
        for place, half, biases in self._halves():
            kernels = range(len(_KERNELS))[half]
            chosen = torch.randint(len(series), (len(kernels),), generator=generator)
            chosen = chosen.to(series.device)
            padded = self._shifted(series[chosen], place)
            maps = self._convolve(padded, place, half)
            own = maps.diagonal().T.double().cpu()
            for kernel, values, end in zip(kernels, own, ends[chosen], strict=True):
                found = torch.quantile(values[:end], _levels(kernel, biases))
                self.biases[kernel, biases] = found.to(self.biases)

    def _halves(self) -> Iterator[tuple[int, slice, slice]]:
        """List what is computed together: a dilation, half of the kernels, biases."""
        begin = 0
        for place, count in enumerate(self.counts):
            for first in (0, 1):
                yield place, slice(first, None, 2), slice(begin, begin + count)
            begin += count

    def _proportions(self, whole: Tensor) -> Tensor:
        features = []
        shifted = x = zeros_for_nan(whole) if self.masked else whole
        for place, half, chosen in self._halves():
            if half.start == 0:
                shifted = self._shifted(x, place)
            maps = self._convolve(shifted, place, half)
            margin = 4 * self.dilations[place] if half.start != place % 2 else 0
            maps = maps[:, :, margin : maps.shape[2] - margin]
            biases, sizes = self.biases[half, chosen], None
            if self.masked:
                sizes = (lengths(whole) - 2 * margin).clamp(min=1)[:, None, None]
                places = torch.arange(maps.shape[2], device=maps.device)
                maps = maps.masked_fill(places >= sizes, -torch.inf)
            features.append(shares_above(maps, biases, sizes))
            if self.stretches:
                features.append(longest_above(maps, biases, sizes))
        return torch.cat(features, dim=1)

    def _shifted(self, x: Tensor, place: int) -> Tensor:
        """Shift every channel, and one of zeros, to where each tap sees it."""
        dilation, length = self.dilations[place], x.shape[2]
        reach = 4 * dilation
        padded = F.pad(x, (reach, reach, 0, 1))
        taps = [padded[:, :, i * dilation :][:, :, :length] for i in range(_LENGTH)]
        return torch.stack(taps, dim=2)

    def _convolve(self, shifted: Tensor, place: int, half: slice) -> Tensor:
        """Convolve with some kernels: the same sums in whatever batch a series is.

        A matrix product would round otherwise for another number of series, and a
        value that is equal to a bias would be above it or not.
        """
        sums, single = -shifted.sum(dim=2), (3 * shifted).flatten(1, 2)
        maps = None
        for channels in self.channels[place, half].unbind(dim=1):
            first, second, third = (
                single.index_select(1, channels * _LENGTH + taps)
                for taps in self.taps[half].unbind(dim=1)
            )
            seen = sums.index_select(1, channels) + first + second + third
            maps = seen if maps is None else maps + seen
        assert maps is not None
        return maps


def shares_above(maps: Tensor, biases: Tensor, sizes: Tensor | None = None) -> Tensor:
    """Compute the share of each map above each of its biases.

    Where maps are of several sizes, they end in infinity below everything.
    """
    if torch.compiler.is_exporting() or maps.requires_grad:
        above = maps.unsqueeze(3) > biases.unsqueeze(1)
        counts = above.to(maps.dtype).sum(dim=2)
        return (counts / (maps.shape[2] if sizes is None else sizes)).flatten(1)
    above = torch.empty_like(maps)  # floats: their sum is four times as fast
    sums = [
        torch.gt(maps, bias.unsqueeze(1), out=above).sum(dim=2)
        for bias in biases.unbind(dim=1)
    ]
    counts = torch.stack(sums, dim=2)
    return (counts / (maps.shape[2] if sizes is None else sizes)).flatten(1)


def longest_above(maps: Tensor, biases: Tensor, sizes: Tensor | None = None) -> Tensor:
    """Compute the longest stretch of each map above each of its biases, as a share."""
    length = maps.shape[2]
    places = torch.arange(1, length + 1, dtype=maps.dtype, device=maps.device)
    plain = torch.compiler.is_exporting() or maps.requires_grad
    below, stretches = torch.empty_like(maps), []
    for bias in biases.unbind(dim=1):
        if plain:
            below = (maps <= bias.unsqueeze(1)) * places
        else:  # a sixth of the time
            torch.le(maps, bias.unsqueeze(1), out=below).mul_(places)
        stretches.append((places - running_maximum(below)).amax(dim=2))
    counts = torch.stack(stretches, dim=2)
    return (counts / (length if sizes is None else sizes)).flatten(1)


def running_maximum(x: Tensor) -> Tensor:
    """Compute the largest value so far along the last axis; none is below 0."""
    if not torch.compiler.is_exporting():
        return x.cummax(dim=2).values
    step = 1  # ONNX has no such operator
    while step < x.shape[2]:
        x = torch.maximum(x, F.pad(x, (step, 0))[:, :, : x.shape[2]])
        step *= 2
    return x


def _dilations(length: int, n_biases: int) -> tuple[list[int], list[int]]:
    """Choose dilations up to the length of the series, and numbers of biases for each.

    Examples
    --------
    >>> from sklearn_cnn.architectures.minirocket import _dilations
    >>> _dilations(24, 10)
    ([1, 2], [6, 4])
    """
    n = min(n_biases, _MOST_DILATIONS)
    largest = log2((length - 1) / (_LENGTH - 1))
    exponents = [largest * i / max(1, n - 1) for i in range(n)]
    found = [int(2**exponent) for exponent in exponents]
    dilations = sorted(set(found))
    counts = [found.count(d) * n_biases // n for d in dilations]
    for i in range(n_biases - sum(counts)):
        counts[i % len(counts)] += 1
    return dilations, counts


def _levels(kernel: int, biases: slice) -> Tensor:
    """Give the quantiles for the biases of a kernel at a dilation.

    They fill the unit interval evenly, however many there are.
    """
    count = biases.stop - biases.start
    first = len(_KERNELS) * biases.start + kernel * count
    order = torch.arange(1 + first, 1 + first + count, dtype=torch.float64)
    return (order * _GOLDEN_RATIO) % 1


def _random_channels(n_channels: int, shape: tuple[int, int]) -> Tensor:
    """Choose 1, 2, 4 or 8 channels for each kernel and dilation."""
    most = min(n_channels, _MOST_CHANNELS)
    sizes = (2 ** (torch.rand(shape) * log2(most + 1))).long()
    order = torch.rand(*shape, n_channels).argsort(dim=2)[..., : int(sizes.max())]
    unused = torch.arange(order.shape[2]) >= sizes.unsqueeze(2)
    return order.masked_fill(unused, n_channels)
