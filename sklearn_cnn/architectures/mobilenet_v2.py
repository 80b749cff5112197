"""A network for small computers."""

from collections.abc import Sequence
from functools import partial

from torch import nn

from sklearn_cnn.architectures.blocks import same_block
from sklearn_cnn.architectures.joining import with_head
from sklearn_cnn.architectures.registry import register
from sklearn_cnn.architectures.resnet import Residual, initialize_residuals
from sklearn_cnn.architectures.sizes import Size, is_small, require_stages, stage_sizes
from sklearn_cnn.architectures.stages import Stages

_STRIDES = (1, 2, 2, 2, 1, 2, 1)
_EXPANSION = 6


@register("mobilenet_v2")
@with_head(dropout=0.2)
def mobilenet_v2(
    n_channels: int,
    spatial_shape: tuple[int, ...],
    *,
    filters: Sequence[int] = (16, 24, 32, 64, 96, 160, 320),
    blocks_per_stage: Size = (1, 2, 3, 4, 3, 3, 1),
    activation: str = "relu",
    normalization: str | None = "batch",
) -> Stages:
    """MobileNetV2 [1]_: every map is convolved by itself, and maps are mixed pointwise.

    A stem, seven stages of inverted residuals and a last pointwise convolution. Inside
    of a block there are 6 times as many maps as at its beginning (in the first stage:
    as many). The stem gives twice as many maps as the first stage (32 of 16), and the
    last convolution four times as many as the last stage (1280 of 320). The paper has
    ``activation="relu6"``. With images of 224x224x3 in 1000 classes there are 3,504,872
    parameters.

    Images whose longest axis is below 64 keep their resolution up to the third stage:
    the stem and the second stage then have a stride of 1 instead of 2.

    References
    ----------
    .. [1] M. Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks",
       CVPR 2018, https://arxiv.org/abs/1801.04381
    """
    require_stages(filters, len(_STRIDES))
    small = is_small(spatial_shape)
    block = partial(same_block, activation=activation, norm=normalization)
    stages = Stages(n_channels, spatial_shape, initialize=initialize_residuals)
    stem = block(spatial_shape, n_channels, 2 * filters[0], 3, 1 if small else 2)
    stages.add("stem", stem)
    for i, (width, n_blocks) in enumerate(stage_sizes(filters, blocks_per_stage)):
        stages.begin(f"stage{i + 1}")
        for j in range(n_blocks):
            inverted = InvertedResidual(
                stages.spatial_shape,
                stages.n_channels,
                width,
                stride=1 if j > 0 or (small and i == 1) else _STRIDES[i],
                expansion=1 if i == 0 else _EXPANSION,
                activation=activation,
                norm=normalization,
            )
            stages.append(inverted)
    n_maps = stages.n_channels
    stages.add("last", block(stages.spatial_shape, n_maps, 4 * n_maps, 1))
    return stages


class InvertedResidual(nn.Sequential):
    """Expand pointwise, convolve every map by itself, and project pointwise.

    In the middle there are ``expansion`` maps for each one at the beginning. The
    projection is not activated. There is a shortcut if shape and number of maps stay
    as they are.
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
        expand = [block(spatial_shape, in_channels, width, 1)] if expansion > 1 else []
        depthwise = block(spatial_shape, width, width, 3, stride, groups=width)
        shape = depthwise.output_shape
        project = block(shape, width, out_channels, 1, activation="identity")
        path = nn.Sequential(*expand, depthwise, project)
        self.output_shape, self.out_channels = shape, out_channels
        keeps = stride == 1 and in_channels == out_channels
        self.append(Residual(path, nn.Identity(), "identity") if keeps else path)
