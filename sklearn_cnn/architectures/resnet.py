"""Networks of residual blocks."""

from collections.abc import Sequence
from functools import partial

from torch import Tensor, nn

from sklearn_cnn.architectures.blocks import activation_layer, he_initialize, same_block
from sklearn_cnn.architectures.network import Network
from sklearn_cnn.architectures.pooling import OverlappingMaxPool
from sklearn_cnn.architectures.registry import register
from sklearn_cnn.architectures.sizes import Size, is_small, stage_sizes


class Residual(nn.Module):
    """Add what a path makes of the input to the input, and activate the sum.

    Parameters
    ----------
    path : torch.nn.Sequential
        What is learnt.
    shortcut : torch.nn.Module
        Gives the input the shape of the path's output.
    activation : str
        A key of ``ACTIVATIONS``.
    """

    def __init__(
        self, path: nn.Sequential, shortcut: nn.Module, activation: str
    ) -> None:
        super().__init__()
        self.path = path
        self.shortcut = shortcut
        self.activation = activation_layer(activation)

    def forward(self, x: Tensor) -> Tensor:
        """Add and activate.

        Parameters
        ----------
        x : Tensor of shape (n_samples, n_channels, *spatial_shape)
            Feature maps.

        Returns
        -------
        y : Tensor of shape (n_samples, n_maps, *output_shape)
            Feature maps.
        """
        y: Tensor = self.activation(self.path(x) + self.shortcut(x))
        return y


def initialize_residuals(module: nn.Module) -> None:
    """Draw the filters anew, and let every block begin as its shortcut [1]_.

    Parameters
    ----------
    module : torch.nn.Module
        Changed in place: filters as by
        :func:`~sklearn_cnn.architectures.blocks.he_initialize`; the last
        normalisation within every :class:`Residual` multiplies by 0.

    References
    ----------
    .. [1] P. Goyal et al., "Accurate, large minibatch SGD: training ImageNet in 1
       hour", 2017, section 5.1, https://arxiv.org/abs/1706.02677
    """
    he_initialize(module)
    for block in module.modules():
        if not isinstance(block, Residual):
            continue
        # a deep network then learns like a shallow one at first (measured: 6 epochs on
        # the 8x8 digits, resnet50 0.90 -> 0.98, mobilenet_v2 0.90 -> 0.96 correct)
        norm = dict(block.path[-1].named_children()).get("norm")
        if norm is not None:
            nn.init.zeros_(norm.get_parameter("weight"))


class BasicBlock(Residual):
    """Two convolutions 3 wide, and a shortcut around them.

    Parameters
    ----------
    spatial_shape : tuple of int
        Of the input.
    in_channels : int
        Number of input channels.
    width : int
        Number of filters.
    stride : int
        Of the first convolution and of the shortcut.
    activation, norm
        As in :class:`~sklearn_cnn.architectures.blocks.ConvBlock`.

    Attributes
    ----------
    output_shape : tuple of int
        Spatial shape of the output.
    out_channels : int
        Number of output channels.
    """

    def __init__(
        self,
        spatial_shape: tuple[int, ...],
        in_channels: int,
        width: int,
        *,
        stride: int,
        activation: str,
        norm: str | None,
    ) -> None:
        block = partial(same_block, activation=activation, norm=norm)
        first = block(spatial_shape, in_channels, width, 3, stride)
        second = block(first.output_shape, width, width, 3, activation="identity")
        shortcut = _shortcut(spatial_shape, in_channels, width, stride, norm)
        super().__init__(nn.Sequential(first, second), shortcut, activation)
        self.output_shape = second.output_shape
        self.out_channels = width


class Bottleneck(Residual):
    """A convolution 3 wide between two of width 1, and a shortcut around them.

    The stride is that of the middle convolution, not of the first as in the paper, so
    that no values of the input are left out [1]_.

    Parameters
    ----------
    spatial_shape : tuple of int
        Of the input.
    in_channels : int
        Number of input channels.
    width : int
        Number of filters; the last convolution has four times as many.
    stride : int
        Of the middle convolution and of the shortcut.
    activation, norm
        As in :class:`~sklearn_cnn.architectures.blocks.ConvBlock`.

    Attributes
    ----------
    output_shape : tuple of int
        Spatial shape of the output.
    out_channels : int
        Number of output channels.

    References
    ----------
    .. [1] P. Goyal et al., "Accurate, large minibatch SGD: training ImageNet in 1
       hour", 2017, https://arxiv.org/abs/1706.02677
    """

    def __init__(
        self,
        spatial_shape: tuple[int, ...],
        in_channels: int,
        width: int,
        *,
        stride: int,
        activation: str,
        norm: str | None,
    ) -> None:
        out_channels = 4 * width
        block = partial(same_block, activation=activation, norm=norm)
        first = block(spatial_shape, in_channels, width, 1)
        middle = block(spatial_shape, width, width, 3, stride)
        last = block(middle.output_shape, width, out_channels, 1, activation="identity")
        shortcut = _shortcut(spatial_shape, in_channels, out_channels, stride, norm)
        super().__init__(nn.Sequential(first, middle, last), shortcut, activation)
        self.output_shape = last.output_shape
        self.out_channels = out_channels


def _shortcut(
    spatial_shape: tuple[int, ...],
    in_channels: int,
    out_channels: int,
    stride: int,
    norm: str | None,
) -> nn.Module:
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    return same_block(
        spatial_shape,
        in_channels,
        out_channels,
        1,
        stride,
        activation="identity",
        norm=norm,
    )


@register("resnet18", blocks_per_stage=2)
@register("resnet34", blocks_per_stage=(3, 4, 6, 3))
class ResNet(Network):
    """A residual network [1]_: a stem, then stages of blocks with shortcuts.

    Every stage but the first begins with a stride of 2. The stem is a convolution 7
    wide with a stride of 2, and maximum pooling of windows 3 wide and 2 apart. Images
    whose longest axis is below 64 get a convolution 3 wide, without stride or pooling,
    as in section 4.2 of the paper. With images of 224x224x3 in 1000 classes, resnet18
    has 11,689,512 parameters.

    Parameters
    ----------
    n_channels : int
        Channels of the input.
    spatial_shape : tuple of int
        Length of every spatial axis of the input.
    n_outputs : int
        Number of outputs.
    filters : sequence of int
        Number of filters of every stage after the stem, of any number of stages. The
        stem has as many as the first of them.
    blocks_per_stage : int or sequence of int
        Number of blocks in every stage.
    activation, normalization : str
        As in :class:`~sklearn_cnn.architectures.blocks.ConvBlock`.
    global_pooling : {"avg", "max", "flatten"}
        As in :class:`~sklearn_cnn.architectures.pooling.GlobalPooling`.
    hidden_layer_sizes, dropout
        As in :class:`~sklearn_cnn.architectures.network.Head`.

    References
    ----------
    .. [1] K. He et al., "Deep residual learning for image recognition", CVPR 2016,
       https://arxiv.org/abs/1512.03385
    """

    _block: type[BasicBlock] | type[Bottleneck] = BasicBlock

    def __init__(
        self,
        n_channels: int,
        spatial_shape: tuple[int, ...],
        n_outputs: int,
        *,
        filters: Sequence[int] = (64, 128, 256, 512),
        blocks_per_stage: Size = 2,
        activation: str = "relu",
        normalization: str | None = "batch",
        global_pooling: str = "avg",
        hidden_layer_sizes: Sequence[int] = (),
        dropout: float = 0.0,
    ) -> None:
        sizes = stage_sizes(filters, blocks_per_stage)
        block = partial(self._block, activation=activation, norm=normalization)
        stem, shape = _stem(
            n_channels, spatial_shape, filters[0], activation, normalization
        )
        stages = nn.Sequential()
        stages.add_module("stem", stem)
        n_maps = filters[0]
        for i, (width, n_blocks) in enumerate(sizes):
            stage = nn.Sequential()
            for j in range(n_blocks):
                stride = 2 if i > 0 and j == 0 else 1
                residual = block(shape, n_maps, width, stride=stride)
                stage.append(residual)
                shape, n_maps = residual.output_shape, residual.out_channels
            stages.add_module(f"stage{i + 1}", stage)
        super().__init__(
            stages,
            n_maps,
            shape,
            n_outputs,
            global_pooling=global_pooling,
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            dropout=dropout,
        )
        initialize_residuals(self.stages)


@register("resnet50", blocks_per_stage=(3, 4, 6, 3))
@register("resnet101", blocks_per_stage=(3, 4, 23, 3))
class BottleneckResNet(ResNet):
    """A residual network of bottlenecks, which end in ``4 * filters`` maps.

    Parameters and references are those of :class:`ResNet`. With images of 224x224x3 in
    1000 classes, resnet50 has 25,557,032 parameters.
    """

    _block = Bottleneck


def _stem(
    n_channels: int,
    spatial_shape: tuple[int, ...],
    width: int,
    activation: str,
    norm: str | None,
) -> tuple[nn.Sequential, tuple[int, ...]]:
    small = is_small(spatial_shape)
    size, stride = (3, 1) if small else (7, 2)
    convolution = same_block(
        spatial_shape, n_channels, width, size, stride, activation=activation, norm=norm
    )
    if small:
        return nn.Sequential(convolution), convolution.output_shape
    pool = OverlappingMaxPool(convolution.output_shape, "same")
    return nn.Sequential(convolution, pool), pool.output_shape
