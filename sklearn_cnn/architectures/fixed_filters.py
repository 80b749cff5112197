"""Filters for time series that somebody thought of, and nobody trains."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_LENGTHS = (2, 4, 8, 16, 32, 64)


class FixedFilters(nn.Conv1d):
    """17 filters that see where series rise, fall and peak, at several lengths [1]_.

    References
    ----------
    .. [1] A. Ismail-Fawaz et al., "Deep learning for time series classification using
       new hand-crafted convolution filters", IEEE Big Data 2022.
    """

    def __init__(self, in_channels: int) -> None:
        filters = hand_crafted_filters().expand(-1, in_channels, -1).contiguous()
        super().__init__(in_channels, len(filters), filters.shape[2], bias=False)
        del self.weight
        self.register_buffer("weight", filters)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve with "same" padding, and keep what is positive."""
        (length,) = self.kernel_size
        before = (length - 1) // 2
        padded = F.pad(x, (before, length - 1 - before))
        return super().forward(padded).relu()


def hand_crafted_filters() -> Tensor:
    """Make the filters, of shape (17, 1, 96): zeros surround the shorter ones.

    Six find a rise and six a fall, with signs that alternate; five find peaks, by a
    parabola up and down between two of half the height that point downwards.
    """
    filters = []
    for sign in (1.0, -1.0):
        for length in _LENGTHS:
            alternating = torch.full((length,), sign)
            alternating[::2] *= -1
            filters.append(alternating)
    for length in _LENGTHS[1:]:
        quarter = length // 4
        rise = torch.linspace(0, 1, quarter + 1)[1:] ** 2
        hill = torch.cat([rise, rise.flip(0)])
        filters.append(torch.cat([-hill, 2 * hill, -hill]))
    longest = max(map(len, filters))
    centred = []
    for values in filters:
        before = (longest - 1) // 2 - (len(values) - 1) // 2
        after = longest - before - len(values)
        centred.append(F.pad(values, (before, after)))
    return torch.stack(centred).unsqueeze(1)
