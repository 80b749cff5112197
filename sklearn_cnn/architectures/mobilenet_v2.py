"""A network for small computers."""

from collections.abc import Sequence
from functools import partial

from torch import nn

from sklearn_cnn.architectures.blocks import same_block
from sklearn_cnn.architectures.network import Network
from sklearn_cnn.architectures.registry import register
from sklearn_cnn.architectures.resnet import Residual, initialize_residuals
from sklearn_cnn.architectures.sizes import Size, is_small, require_stages, stage_sizes

_STRIDES = (1, 2, 2, 2, 1, 2, 1)
_EXPANSION = 6


@register("mobilenet_v2")
class MobileNetV2(Network):
    """MobileNetV2 [1]_: every map is convolved by itself, and maps are mixed pointwise.

    A stem, seven stages of inverted residuals and a last pointwise convolution. Inside
    of a block there are 6 times as many maps as at its beginning (in the first stage:
    as many). The paper has ``activation="relu6"``. With images of 224x224x3 in 1000
    classes there are 3,504,872 parameters.

    Images whose longest axis is below 64 keep their resolution up to the third stage:
    the stem and the second stage then have a stride of 1 instead of 2.

    Parameters
    ----------
    n_channels : int
        Channels of the input.
    spatial_shape : tuple of int
        Length of every spatial axis of the input.
    n_outputs : int
        Number of outputs.
    filters : sequence of 7 int
        Number of maps at the end of every stage. The stem gives twice as many as the
        first of them (32 of 16), and the last convolution four times as many as the
        last of them (1280 of 320).
    blocks_per_stage : int or sequence of 7 int
        Number of blocks in every stage.
    activation, normalization : str
        As in :class:`~sklearn_cnn.architectures.blocks.ConvBlock`.
    global_pooling : {"avg", "max", "flatten"}
        As in :class:`~sklearn_cnn.architectures.pooling.GlobalPooling`.
    hidden_layer_sizes, dropout
        As in :class:`~sklearn_cnn.architectures.network.Head`.

    References
    ----------
    .. [1] M. Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks",
       CVPR 2018, https://arxiv.org/abs/1801.04381
    """

    def __init__(
        self,
        n_channels: int,
        spatial_shape: tuple[int, ...],
        n_outputs: int,
        *,
        filters: Sequence[int] = (16, 24, 32, 64, 96, 160, 320),
        blocks_per_stage: Size = (1, 2, 3, 4, 3, 3, 1),
        activation: str = "relu",
        normalization: str | None = "batch",
        global_pooling: str = "avg",
        hidden_layer_sizes: Sequence[int] = (),
        dropout: float = 0.2,
    ) -> None:
        require_stages(filters, len(_STRIDES))
        small = is_small(spatial_shape)
        block = partial(same_block, activation=activation, norm=normalization)
        n_maps = 2 * filters[0]
        stem = block(spatial_shape, n_channels, n_maps, 3, 1 if small else 2)
        stages = nn.Sequential()
        stages.add_module("stem", stem)
        shape = stem.output_shape
        for i, (width, n_blocks) in enumerate(stage_sizes(filters, blocks_per_stage)):
            stage = nn.Sequential()
            for j in range(n_blocks):
                inverted = InvertedResidual(
                    shape,
                    n_maps,
                    width,
                    stride=1 if j > 0 or (small and i == 1) else _STRIDES[i],
                    expansion=1 if i == 0 else _EXPANSION,
                    activation=activation,
                    norm=normalization,
                )
                stage.append(inverted)
                shape, n_maps = inverted.output_shape, width
            stages.add_module(f"stage{i + 1}", stage)
        stages.add_module("last", block(shape, n_maps, 4 * n_maps, 1))
        super().__init__(
            stages,
            4 * n_maps,
            shape,
            n_outputs,
            global_pooling=global_pooling,
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            dropout=dropout,
        )
        initialize_residuals(self.stages)


class InvertedResidual(nn.Sequential):
    """Expand pointwise, convolve every map by itself, and project pointwise.

    The projection is not activated. There is a shortcut if shape and number of maps
    stay as they are.

    Parameters
    ----------
    spatial_shape : tuple of int
        Of the input.
    in_channels, out_channels : int
        Number of maps at the beginning and at the end.
    stride : int
        Of the middle convolution.
    expansion : int
        Number of maps in the middle, for each one at the beginning.
    activation, norm
        As in :class:`~sklearn_cnn.architectures.blocks.ConvBlock`.

    Attributes
    ----------
    output_shape : tuple of int
        Spatial shape of the output.
    """

    def __init__(
        self,
        spatial_shape: tuple[int, ...],
        in_channels: int,
        out_channels: int,
        *,
        stride: int,
        expansion: int,
        activation: str,
        norm: str | None,
    ) -> None:
        super().__init__()
        block = partial(same_block, activation=activation, norm=norm)
        width = expansion * in_channels
        path = nn.Sequential()
        if expansion > 1:
            path.append(block(spatial_shape, in_channels, width, 1))
        depthwise = block(spatial_shape, width, width, 3, stride, groups=width)
        self.output_shape = depthwise.output_shape
        path.append(depthwise)
        path.append(
            block(self.output_shape, width, out_channels, 1, activation="identity")
        )
        keeps = stride == 1 and in_channels == out_channels
        self.append(Residual(path, nn.Identity(), "identity") if keeps else path)
