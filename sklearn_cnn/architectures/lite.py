"""A light network for time series, which knows some shapes from the start."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sklearn_cnn.architectures.blocks import (
    Convolution,
    activation_layer,
    normalization,
)
from sklearn_cnn.architectures.fixed_filters import FixedFilters
from sklearn_cnn.architectures.joining import with_head
from sklearn_cnn.architectures.registry import register
from sklearn_cnn.architectures.sizes import Size, require_stages
from sklearn_cnn.architectures.stages import Stages
from sklearn_cnn.utils._axes import per_axis

_STAGES = 3


@register("lite", spatial_dims=(1,))
@with_head()
def lite(
    n_channels: int,
    spatial_shape: tuple[int, ...],
    *,
    filters: Sequence[int] = (32, 32, 32),
    kernel_size: Size = 40,
    activation: str = "relu",
    normalization: str | None = "batch",
) -> Stages:
    """LITE [1]_: fixed and learned filters side by side, then two separable stages.

    The first of the three stages has ``filters[0]`` filters of each of three lengths,
    ``kernel_size``, a half and a quarter of it, beside the 17 fixed ones. Those of the
    two stages behind are dilated by 2 and 4, and a half and a quarter as long. There
    are 9,814 weights before the head for series of one channel.

    References
    ----------
    .. [1] A. Ismail-Fawaz et al., "LITE: light inception with boosting techniques for
       time series classification", DSAA 2023.
    """
    require_stages(filters, _STAGES)
    (length,) = per_axis(kernel_size, 1, "kernel_size", minimum=1)
    first, *others = filters
    stages = Stages(n_channels, spatial_shape)
    multiplexing = Multiplexing(n_channels, first, length, activation, normalization)
    stages.modules.add_module("stage1", multiplexing)
    stages.n_channels = multiplexing.out_channels
    for i, width in enumerate(others, start=1):
        separable = Separable(
            stages.n_channels,
            width,
            max(1, length // 2**i),
            2**i,
            activation,
            normalization,
        )
        stages.modules.add_module(f"stage{i + 1}", separable)
        stages.n_channels = width
    return stages


class Multiplexing(nn.Module):
    """Convolutions of three lengths and the fixed ones, side by side."""

    def __init__(
        self,
        in_channels: int,
        width: int,
        kernel_size: int,
        activation: str,
        norm: str | None,
    ) -> None:
        super().__init__()
        lengths = [max(1, kernel_size // part) for part in (1, 2, 4)]
        self.convolutions = nn.ModuleList(
            Convolution(in_channels, width, (n,), (1,), "same", norm is None)
            for n in lengths
        )
        self.fixed = FixedFilters(in_channels)
        self.out_channels = len(lengths) * width + self.fixed.out_channels
        self.norm = nn.Sequential(*normalization(norm, 1, self.out_channels))
        self.activation = activation_layer(activation)

    def forward(self, x: Tensor) -> Tensor:
        """Put the branches together, normalise and activate."""
        branches = [convolve(x) for convolve in self.convolutions]
        maps = torch.cat([*branches, self.fixed(x)], dim=1)
        y: Tensor = self.activation(self.norm(maps))
        return y


class Separable(nn.Sequential):
    """A dilated convolution of each map by itself, and one across the maps."""

    def __init__(
        self,
        in_channels: int,
        width: int,
        kernel_size: int,
        dilation: int,
        activation: str,
        norm: str | None,
    ) -> None:
        super().__init__()
        self.depthwise = Convolution(
            in_channels,
            in_channels,
            (kernel_size,),
            (1,),
            "same",
            bias=False,
            groups=in_channels,
            dilation=dilation,
        )
        self.pointwise = Convolution(
            in_channels, width, (1,), (1,), "same", bias=norm is None
        )
        self.norm = nn.Sequential(*normalization(norm, 1, width))
        self.activation = activation_layer(activation)
