"""Shares of maps of fixed kernels that are above biases: what MiniRocket computes."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from math import log2

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sklearn_cnn.architectures.pooling import lengths, zeros_for_nan

#: Length of all kernels; three of the weights are 2, the others are -1.
LENGTH = 9
KERNELS = tuple(combinations(range(LENGTH), 3))
#: Most dilations of a kernel, and most channels that it sees.
_MOST_DILATIONS, _MOST_CHANNELS = 32, 9
#: Values of a map at a time, which a cache holds.
_BLOCK = 1 << 18
_GOLDEN_RATIO = (5**0.5 + 1) / 2


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
        self.n_features = (1 + stretches) * len(KERNELS) * n_biases
        self.n_operations = length * self.n_features
        self.dilations, self.counts = _dilations(length, n_biases)
        shape = (len(self.dilations), len(KERNELS))
        self.register_buffer("channels", _random_channels(n_channels, shape))
        self.register_buffer("biases", torch.zeros(len(KERNELS), n_biases))
        taps = torch.tensor(KERNELS)
        self.register_buffer("taps", taps, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the features, of shape (n_samples, n_features)."""
        x = x.diff(n=self.order)
        if torch.compiler.is_exporting() or x.requires_grad:
            return self._at_once(x)
        rows = max(1, _BLOCK // (len(KERNELS) * x.shape[2]))
        return torch.cat([self._proportions(part) for part in torch.split(x, rows)])

    def learn_from(self, series: Tensor, generator: torch.Generator) -> None:
        """Take each kernel's biases from the map of a random series of these."""
        series = series.diff(n=self.order)
        ends = lengths(series)
        series = zeros_for_nan(series)
        for place, half, biases in self._halves():
            kernels = range(len(KERNELS))[half]
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
        x = zeros_for_nan(whole) if self.masked else whole
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

    def _shifted(self, x: Tensor, place: int) -> tuple[Tensor, Tensor]:
        """Shift every channel, and one of zeros, to where each tap sees it.

        Gives the sum of all taps, negative, and three times each of them.
        """
        dilation, length = self.dilations[place], x.shape[2]
        reach = 4 * dilation
        padded = F.pad(x, (reach, reach, 0, 1))
        taps = [padded[:, :, i * dilation :][:, :, :length] for i in range(LENGTH)]
        return -_added(taps), (3 * torch.stack(taps, dim=2)).flatten(1, 2)

    def _convolve(
        self, shifted: tuple[Tensor, Tensor], place: int, half: slice
    ) -> Tensor:
        """Convolve with some kernels: the same sums in whatever batch a series is.

        A matrix product would round otherwise for another number of series, and a
        value that is equal to a bias would be above it or not.
        """
        channels = self.channels[place, half].unbind(dim=1)
        return _convolved(shifted, channels, self.taps[half])

    def _at_once(self, whole: Tensor) -> Tensor:
        """Compute what ``_proportions`` does by few operators, with memory for all.

        A graph for ONNX has one node for each of them.
        """
        x = zeros_for_nan(whole) if self.masked else whole
        inside, sizes = self._insides(whole)
        maps = self._all_maps(x).masked_fill(~inside, -torch.inf)
        counts = torch.tensor(self.counts)
        places = torch.arange(len(counts)).repeat_interleave(counts).to(x.device)
        biases = torch.split(self.biases.T.unsqueeze(2), self.counts)
        own = zip(maps.unbind(dim=1), biases, strict=True)
        above = torch.cat([map_.unsqueeze(1) > bias for map_, bias in own], dim=1)
        features = [above.to(x.dtype).sum(dim=3)]
        if self.stretches:
            features.append(_longest(above, x.dtype))
        sizes = sizes.squeeze(-1)[..., places, :]
        found = torch.stack([each / sizes for each in features], dim=1)
        order = self._order(len(features)).to(x.device)
        return found.flatten(1).index_select(1, order)

    def _all_maps(self, x: Tensor) -> Tensor:
        """Convolve with all kernels, shape (n_samples, n_dilations, 84, length)."""
        dilations = torch.tensor(self.dilations)[:, None, None]
        reach = 4 * max(self.dilations)
        seen = reach + dilations * torch.arange(-4, 5)[:, None]
        seen = (seen + torch.arange(x.shape[2])).to(x.device)
        shifted = F.pad(x, (reach, reach, 0, 1))[:, :, seen]
        sums = -_added(shifted.unbind(dim=3)).flatten(1, 2)
        n_places, n_kernels, _ = self.channels.shape
        places = torch.arange(n_places, device=x.device)[:, None, None]
        channels = (self.channels * n_places + places).flatten(0, 1).unbind(dim=1)
        taps = self.taps.repeat(n_places, 1)
        maps = _convolved((sums, (3 * shifted).flatten(1, 3)), channels, taps)
        return maps.view(-1, n_places, n_kernels, x.shape[2])

    def _insides(self, series: Tensor) -> tuple[Tensor, Tensor]:
        """Tell which values of each map count, and how many these are."""
        length = series.shape[2]
        kernels = torch.arange(len(KERNELS))
        places = torch.arange(len(self.dilations))[:, None]
        without_ends = (kernels % 2 != places % 2).long()
        margins = (without_ends * 4 * torch.tensor(self.dilations)[:, None])[..., None]
        margins = margins.to(series.device)
        whole: int | Tensor = length
        if self.masked:
            whole = lengths(series)[:, None, None, None]
        sizes = (whole - 2 * margins).clamp(min=1)
        from_margin = torch.arange(length, device=series.device) - margins
        return (from_margin >= 0) & (from_margin < sizes), sizes

    def _order(self, n_kinds: int) -> Tensor:
        """Give the places of the features, as ``_proportions`` orders them."""
        n_biases = self.biases.shape[1]
        places = torch.arange(n_kinds * n_biases * len(KERNELS))
        kinds = places.view(n_kinds, n_biases, len(KERNELS))
        found = [
            kind[chosen, half].T.flatten()
            for _, half, chosen in self._halves()
            for kind in kinds
        ]
        return torch.cat(found)


def _convolved(
    shifted: tuple[Tensor, Tensor], channels: Sequence[Tensor], taps: Tensor
) -> Tensor:
    """Add up the channels that kernels see: each the sum, and three of the taps."""
    sums, single = shifted
    parts = []
    for each in channels:
        first, second, third = (
            single.index_select(1, each * LENGTH + tap) for tap in taps.unbind(dim=1)
        )
        parts.append(sums.index_select(1, each) + first + second + third)
    return _added(parts)


def _added(parts: Sequence[Tensor]) -> Tensor:
    # one after the other: ONNX Runtime reduces an axis in another order
    whole = parts[0]
    for part in parts[1:]:
        whole = whole + part
    return whole


def shares_above(maps: Tensor, biases: Tensor, sizes: Tensor | None = None) -> Tensor:
    """Compute the share of each map above each of its biases.

    Where maps are of several sizes, they end in infinity below everything.
    """
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
    below, stretches = torch.empty_like(maps), []
    for bias in biases.unbind(dim=1):
        torch.le(maps, bias.unsqueeze(1), out=below).mul_(places)
        stretches.append((places - below.cummax(dim=2).values).amax(dim=2))
    counts = torch.stack(stretches, dim=2)
    return (counts / (length if sizes is None else sizes)).flatten(1)


def _longest(above: Tensor, dtype: torch.dtype) -> Tensor:
    """Compute the longest stretch along the last axis without ``cummax``."""
    length, step = above.shape[-1], 1
    places = torch.arange(1, length + 1, dtype=dtype, device=above.device)
    below = ~above * places
    while step < length:  # the largest so far; ONNX has no such operator
        below = torch.maximum(below, F.pad(below, (step, 0))[..., :length])
        step *= 2
    return (places - below).amax(dim=-1)


def _dilations(length: int, n_biases: int) -> tuple[list[int], list[int]]:
    """Choose dilations up to the length of the series, and numbers of biases for each.

    Examples
    --------
    >>> from sklearn_cnn.architectures.kernel_features import _dilations
    >>> _dilations(24, 10)
    ([1, 2], [6, 4])
    """
    n = min(n_biases, _MOST_DILATIONS)
    largest = log2((length - 1) / (LENGTH - 1))
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
    first = len(KERNELS) * biases.start + kernel * count
    order = torch.arange(1 + first, 1 + first + count, dtype=torch.float64)
    return (order * _GOLDEN_RATIO) % 1


def _random_channels(n_channels: int, shape: tuple[int, int]) -> Tensor:
    """Choose 1, 2, 4 or 8 channels for each kernel and dilation."""
    most = min(n_channels, _MOST_CHANNELS)
    sizes = (2 ** (torch.rand(shape) * log2(most + 1))).long()
    order = torch.rand(*shape, n_channels).argsort(dim=2)[..., : int(sizes.max())]
    unused = torch.arange(order.shape[2]) >= sizes.unsqueeze(2)
    return order.masked_fill(unused, n_channels)
