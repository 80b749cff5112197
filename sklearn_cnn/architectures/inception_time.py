"""A network for time series."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from sklearn_cnn.architectures.blocks import (
    Convolution,
    activation_layer,
    normalization,
    same_block,
)
from sklearn_cnn.architectures.fixed_filters import FixedFilters
from sklearn_cnn.architectures.joining import with_head
from sklearn_cnn.architectures.registry import register
from sklearn_cnn.architectures.resnet import Residual
from sklearn_cnn.architectures.sizes import Size
from sklearn_cnn.architectures.stages import Stages
from sklearn_cnn.utils._axes import per_axis

#: Number of modules that a shortcut leads around.
_MODULES = 3
_BRANCHES = 4


def _inception_time(
    hybrid: bool,
    n_channels: int,
    spatial_shape: tuple[int, ...],
    *,
    filters: Sequence[int] = (32,) * 6,
    kernel_size: Size = 40,
    activation: str = "relu",
    normalization: str | None = "batch",
) -> Stages:
    """InceptionTime [1]_: convolutions of three lengths side by side, for 1-D signals.

    A stage is three modules with a shortcut around them; if the number of modules is
    not a multiple of three, the last stage has fewer and no shortcut. ``filters`` has
    the width of every module, which gives four times as many maps, and ``kernel_size``
    is the length of the longest filters: 40 by default, as in the code of the authors.
    Signals may be shorter. The authors average the predictions of five such networks;
    this is one of them.

    A ``hybrid`` one, H-InceptionTime [2]_, has 17 fixed filters in its first module:
    they find where series rise, fall and peak, and are not trained.

    References
    ----------
    .. [1] H. Ismail Fawaz et al., "InceptionTime: finding AlexNet for time series
       classification", Data Mining and Knowledge Discovery 34, 2020.
    .. [2] A. Ismail-Fawaz et al., "Deep learning for time series classification using
       new hand-crafted convolution filters", IEEE Big Data 2022.
    """
    fixed = FixedFilters(n_channels) if hybrid else None
    (length,) = per_axis(kernel_size, 1, "kernel_size", minimum=1)
    stages = Stages(n_channels, spatial_shape)
    for first in range(0, len(filters), _MODULES):
        widths = filters[first : first + _MODULES]
        modules = nn.Sequential()
        n_maps = stages.n_channels
        for width in widths:
            module = InceptionModule(
                n_maps, width, length, activation, normalization, fixed
            )
            modules.append(module)
            n_maps, fixed = module.out_channels, None
        stage: nn.Module = modules
        if len(widths) == _MODULES:
            shortcut = same_block(
                spatial_shape,
                stages.n_channels,
                n_maps,
                1,
                activation="identity",
                norm=normalization,
            )
            stage = Residual(modules, shortcut, activation)
        stages.modules.add_module(f"stage{first // _MODULES + 1}", stage)
        stages.n_channels = n_maps
    return stages


inception_time = with_head()(partial(_inception_time, False))
h_inception_time = with_head()(partial(_inception_time, True))
register("inception_time", spatial_dims=(1,))(inception_time)
register("h_inception_time", spatial_dims=(1,))(h_inception_time)


class InceptionModule(nn.Module):
    """Convolutions of three lengths after a bottleneck, and one after a pooling.

    ``kernel_size`` is the length of the longest filters; the others have a half and a
    quarter of it, rounded down. Bottleneck and branches are ``width`` filters each;
    ``fixed`` ones come on top.
    """

    def __init__(
        self,
        in_channels: int,
        width: int,
        kernel_size: int,
        activation: str,
        norm: str | None,
        fixed: FixedFilters | None = None,
    ) -> None:
        super().__init__()

        def convolution(n_maps: int, length: int) -> Convolution:
            # normalisation subtracts the mean: a bias before it would have no effect
            return Convolution(n_maps, width, (length,), (1,), "same", norm is None)

        self.bottleneck: nn.Module = nn.Identity()  # a single channel needs none
        n_maps = in_channels
        if in_channels > 1:
            self.bottleneck = convolution(in_channels, 1)
            n_maps = width
        self.convolutions = nn.ModuleList(
            convolution(n_maps, max(1, kernel_size // part)) for part in (1, 2, 4)
        )
        self.pooled = nn.Sequential(
            nn.MaxPool1d(3, stride=1, padding=1), convolution(in_channels, 1)
        )
        self.fixed = fixed
        self.out_channels = _BRANCHES * width + (fixed.out_channels if fixed else 0)
        self.norm = nn.Sequential(*normalization(norm, 1, self.out_channels))
        self.activation = activation_layer(activation)

    def forward(self, x: Tensor) -> Tensor:
        """Put the branches together, normalise and activate."""
        reduced = self.bottleneck(x)
        branches = [convolve(reduced) for convolve in self.convolutions]
        branches.append(self.pooled(x))
        if self.fixed is not None:
            branches.append(self.fixed(x))
        maps = torch.cat(branches, dim=1)
        y: Tensor = self.activation(self.norm(maps))
        return y
