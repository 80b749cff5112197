"""Networks of residual blocks."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from torch import Tensor, nn

from sklearn_cnn.architectures.blocks import (
    ConvBlock,
    activation_layer,
    he_initialize,
    same_block,
)
from sklearn_cnn.architectures.joining import with_head
from sklearn_cnn.architectures.pooling import OverlappingMaxPool
from sklearn_cnn.architectures.registry import register
from sklearn_cnn.architectures.sizes import Size, is_small, stage_sizes
from sklearn_cnn.architectures.stages import Stages


class Residual(nn.Module):
    """Add what a path makes of the input to the input, and activate the sum.

    ``shortcut`` gives the input the shape of the path's output.
    """

    def __init__(
        self, path: nn.Sequential, shortcut: nn.Module, activation: str
    ) -> None:
        super().__init__()
        self.path = path
        self.shortcut = shortcut
        self.activation = activation_layer(activation)

    def forward(self, x: Tensor) -> Tensor:
        """Add and activate."""
        y: Tensor = self.activation(self.path(x) + self.shortcut(x))
        return y


def initialize_residuals(module: nn.Module) -> None:
    """Draw the filters anew, and let every block begin as its shortcut [1]_.

    The last normalisation within every :class:`Residual` multiplies by 0.

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


class _Block(Residual):
    """A path of convolutions, and a shortcut around them."""

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
        path = self._path(block, spatial_shape, in_channels, width, stride)
        n_maps = path[-1].out_channels
        shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != n_maps:
            shortcut = block(
                spatial_shape, in_channels, n_maps, 1, stride, activation="identity"
            )
        super().__init__(nn.Sequential(*path), shortcut, activation)
        self.output_shape, self.out_channels = path[-1].output_shape, n_maps

    @staticmethod
    def _path(
        block: Any, shape: tuple[int, ...], n_maps: int, width: int, stride: int
    ) -> list[ConvBlock]:
        raise NotImplementedError


class BasicBlock(_Block):
    """Two convolutions 3 wide, the first of which strides, and a shortcut."""

    @staticmethod
    def _path(
        block: Any, shape: tuple[int, ...], n_maps: int, width: int, stride: int
    ) -> list[ConvBlock]:
        first = block(shape, n_maps, width, 3, stride)
        last = block(first.output_shape, width, width, 3, activation="identity")
        return [first, last]


class Bottleneck(_Block):
    """A convolution 3 wide between two of width 1, and a shortcut around them.

    The last convolution has four times as many filters as the others. The stride is
    that of the middle one, not of the first as in the paper, so that no values of the
    input are left out [1]_.

    References
    ----------
    .. [1] P. Goyal et al., "Accurate, large minibatch SGD: training ImageNet in 1
       hour", 2017, https://arxiv.org/abs/1706.02677
    """

    @staticmethod
    def _path(
        block: Any, shape: tuple[int, ...], n_maps: int, width: int, stride: int
    ) -> list[ConvBlock]:
        first = block(shape, n_maps, width, 1)
        middle = block(shape, width, width, 3, stride)
        last = block(middle.output_shape, width, 4 * width, 1, activation="identity")
        return [first, middle, last]


def resnet(
    block: type[BasicBlock] | type[Bottleneck],
    n_channels: int,
    spatial_shape: tuple[int, ...],
    *,
    filters: Sequence[int] = (64, 128, 256, 512),
    blocks_per_stage: Size = 2,
    activation: str = "relu",
    normalization: str | None = "batch",
) -> Stages:
    """Build a residual network [1]_: a stem, then stages of blocks with shortcuts.

    Every stage but the first begins with a stride of 2. The stem has as many filters
    as the first stage: it is a convolution 7 wide with a stride of 2, and maximum
    pooling of windows 3 wide and 2 apart. Images whose longest axis is below 64 get a
    convolution 3 wide, without stride or pooling, as in section 4.2 of the paper. With
    images of 224x224x3 in 1000 classes, resnet18 has 11,689,512 parameters, and
    resnet50 25,557,032.

    References
    ----------
    .. [1] K. He et al., "Deep residual learning for image recognition", CVPR 2016,
       https://arxiv.org/abs/1512.03385
    """
    sizes = stage_sizes(filters, blocks_per_stage)
    convolution = partial(same_block, activation=activation, norm=normalization)
    residual = partial(block, activation=activation, norm=normalization)
    small = is_small(spatial_shape)
    kernel, stride = (3, 1) if small else (7, 2)
    stages = Stages(n_channels, spatial_shape, initialize=initialize_residuals)
    stages.begin("stem")
    stages.append(convolution(spatial_shape, n_channels, filters[0], kernel, stride))
    if not small:
        stages.append(OverlappingMaxPool(stages.spatial_shape, "same"))
    for i, (width, n_blocks) in enumerate(sizes):
        stages.begin(f"stage{i + 1}")
        for j in range(n_blocks):
            stride = 2 if i > 0 and j == 0 else 1
            shape, n_maps = stages.spatial_shape, stages.n_channels
            stages.append(residual(shape, n_maps, width, stride=stride))
    return stages


def _register(
    name: str, block: type[BasicBlock] | type[Bottleneck], blocks_per_stage: Size
) -> None:
    build = with_head()(partial(resnet, block))
    register(name, blocks_per_stage=blocks_per_stage)(build)


_register("resnet18", BasicBlock, 2)
_register("resnet34", BasicBlock, (3, 4, 6, 3))
_register("resnet50", Bottleneck, (3, 4, 6, 3))
_register("resnet101", Bottleneck, (3, 4, 23, 3))
