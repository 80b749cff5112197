"""The default architecture: stages of convolutions, each followed by pooling."""

from collections.abc import Sequence
from math import ceil, floor, log2

from sklearn_cnn.architectures.blocks import ConvBlock
from sklearn_cnn.architectures.joining import with_head
from sklearn_cnn.architectures.registry import register
from sklearn_cnn.architectures.sizes import Size, stage_sizes
from sklearn_cnn.architectures.stages import Stages
from sklearn_cnn.utils._axes import per_axis

#: Filters of the first stage by default; every later stage has twice as many ...
_FIRST_WIDTH = 32
#: ... up to this number.
_MAX_WIDTH = 256
#: Number of stages by default ...
_STAGES = 5
#: ... unless more are needed to leave no more than this along the longest axis.
_POSITIONS = 16


@register("simple")
@with_head()
def simple_cnn(
    n_channels: int,
    spatial_shape: tuple[int, ...],
    *,
    filters: Sequence[int] | None = None,
    blocks_per_stage: Size = 1,
    kernel_size: Size = 3,
    stride: Size = 1,
    padding: str = "same",
    activation: str = "relu",
    normalization: str | None = "batch",
    pooling: str | None = "max",
    conv_dropout: float = 0.0,
) -> Stages:
    """Build a plain convolutional network: every stage halves the resolution.

    The stride is that of the first convolution of each stage. ``pooling="stride"``
    halves by a further stride of 2 in the first convolution of the later stage [1]_.

    References
    ----------
    .. [1] J. Springenberg et al., "Striving for simplicity: the all convolutional net",
       ICLR 2015 workshop.
    """
    filters = default_filters(spatial_shape) if filters is None else filters
    sizes = stage_sizes(filters, blocks_per_stage)
    kernel = per_axis(kernel_size, len(spatial_shape), "kernel_size", minimum=1)
    first_stride = per_axis(stride, len(spatial_shape), "stride", minimum=1)
    stages = Stages(n_channels, spatial_shape)
    for i, (width, n_blocks) in enumerate(sizes):
        stages.begin(f"stage{i + 1}")
        step = 2 if pooling == "stride" and i > 0 else 1
        # after the last stage, global pooling takes over
        pools = pooling != "stride" and i < len(sizes) - 1
        for j in range(n_blocks):
            last = j == n_blocks - 1
            block = ConvBlock(
                stages.spatial_shape,
                stages.n_channels,
                width,
                kernel_size=kernel,
                stride=tuple(step * s if j == 0 else 1 for s in first_stride),
                padding=padding,
                activation=activation,
                norm=normalization,
                pooling=pooling if last and pools else None,
                conv_dropout=conv_dropout if last else 0.0,
            )
            stages.append(block)
    return stages


def default_filters(spatial_shape: tuple[int, ...]) -> tuple[int, ...]:
    """Choose the number of filters of every stage from the size of the input.

    Stages are added, each with twice the filters of the one before (32, 64, 128, then
    256), as long as the longest axis of the last feature map keeps 2 positions. There
    are at most 5, and more only where it would otherwise keep over 16.

    Examples
    --------
    >>> from sklearn_cnn.architectures.simple import default_filters
    >>> default_filters((8, 8)), default_filters((28, 28)), default_filters((1, 1))
    ((32, 64, 128), (32, 64, 128, 256), (32,))
    >>> len(default_filters((224, 224))), len(default_filters((2000,)))
    (5, 8)
    """
    halvings = log2(max(spatial_shape))
    most = max(_STAGES, 1 + ceil(halvings - log2(_POSITIONS)))
    n_stages = max(1, min(most, floor(halvings)))
    return tuple(min(_MAX_WIDTH, _FIRST_WIDTH * 2**i) for i in range(n_stages))
