"""A network for time series."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sklearn_cnn.architectures.blocks import (
    Convolution,
    activation_layer,
    normalization,
    same_block,
)
from sklearn_cnn.architectures.network import Network
from sklearn_cnn.architectures.registry import register
from sklearn_cnn.architectures.resnet import Residual
from sklearn_cnn.architectures.sizes import Size
from sklearn_cnn.utils._axes import per_axis

#: Number of modules that a shortcut leads around.
_MODULES = 3
_BRANCHES = 4


@register("inception_time", spatial_dims=(1,))
class InceptionTime(Network):
    """InceptionTime [1]_: convolutions of three lengths side by side, for 1-D signals.

    A stage is three modules with a shortcut around them; if the number of modules is
    not a multiple of three, the last stage has fewer and no shortcut. The authors
    average the predictions of five such networks; this is one of them.

    Parameters
    ----------
    n_channels : int
        Channels of the input.
    spatial_shape : tuple of int
        Length of the signals, in one entry; they may be shorter than the filters.
    n_outputs : int
        Number of outputs.
    filters : sequence of int
        Number of filters of each of the four branches of every module, which thus
        gives four times as many maps. The bottleneck before the branches has as many.
    kernel_size : int or sequence of int
        Length of the longest filters; the others have a half and a quarter of it,
        rounded down: 40, 20 and 10 by default, as in the code of the authors.
    activation, normalization : str
        As in :class:`~sklearn_cnn.architectures.blocks.ConvBlock`; once for all
        branches of a module, after they have been put together.
    global_pooling : {"avg", "max", "flatten"}
        As in :class:`~sklearn_cnn.architectures.pooling.GlobalPooling`.
    hidden_layer_sizes, dropout
        As in :class:`~sklearn_cnn.architectures.network.Head`.

    References
    ----------
    .. [1] H. Ismail Fawaz et al., "InceptionTime: finding AlexNet for time series
       classification", Data Mining and Knowledge Discovery 34, 2020.
    """

    def __init__(
        self,
        n_channels: int,
        spatial_shape: tuple[int, ...],
        n_outputs: int,
        *,
        filters: Sequence[int] = (32,) * 6,
        kernel_size: Size = 40,
        activation: str = "relu",
        normalization: str | None = "batch",
        global_pooling: str = "avg",
        hidden_layer_sizes: Sequence[int] = (),
        dropout: float = 0.0,
    ) -> None:
        (length,) = per_axis(kernel_size, 1, "kernel_size", minimum=1)
        stages = nn.Sequential()
        for first in range(0, len(filters), _MODULES):
            widths = filters[first : first + _MODULES]
            modules = nn.Sequential()
            n_maps = n_channels
            for width in widths:
                modules.append(
                    InceptionModule(n_maps, width, length, activation, normalization)
                )
                n_maps = _BRANCHES * width
            stage: nn.Module = modules
            if len(widths) == _MODULES:
                shortcut = same_block(
                    spatial_shape,
                    n_channels,
                    n_maps,
                    1,
                    activation="identity",
                    norm=normalization,
                )
                stage = Residual(modules, shortcut, activation)
            stages.add_module(f"stage{first // _MODULES + 1}", stage)
            n_channels = n_maps
        super().__init__(
            stages,
            n_channels,
            spatial_shape,
            n_outputs,
            global_pooling=global_pooling,
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            dropout=dropout,
        )


class InceptionModule(nn.Module):
    """Convolutions of three lengths after a bottleneck, and one after a pooling.

    Parameters
    ----------
    in_channels : int
        Number of input channels; a single one needs no bottleneck.
    width : int
        Number of filters of the bottleneck and of every branch.
    kernel_size : int
        Length of the longest filters; the others have a half and a quarter of it.
    activation, norm
        As in :class:`~sklearn_cnn.architectures.blocks.ConvBlock`, but after the
        branches have been put together.
    """

    def __init__(
        self,
        in_channels: int,
        width: int,
        kernel_size: int,
        activation: str,
        norm: str | None,
    ) -> None:
        super().__init__()

        def convolution(n_maps: int, length: int) -> Convolution:
            # normalisation subtracts the mean: a bias before it would have no effect
            return Convolution(1, n_maps, width, (length,), (1,), "same", norm is None)

        self.bottleneck: nn.Module = nn.Identity()
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
        self.norm = nn.Sequential(*normalization(norm, 1, _BRANCHES * width))
        self.activation = activation_layer(activation)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the branches, put them together, normalise and activate.

        Parameters
        ----------
        x : Tensor of shape (n_samples, in_channels, length)
            Signals.

        Returns
        -------
        y : Tensor of shape (n_samples, 4 * width, length)
            Feature maps.
        """
        reduced = self.bottleneck(x)
        branches = [convolve(reduced) for convolve in self.convolutions]
        maps = torch.cat([*branches, self.pooled(x)], dim=1)
        y: Tensor = self.activation(self.norm(maps))
        return y
