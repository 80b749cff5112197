"""Deep networks of small kernels."""

from collections.abc import Sequence

from sklearn_cnn.architectures.blocks import he_initialize
from sklearn_cnn.architectures.joining import DENSE_HEAD, with_head
from sklearn_cnn.architectures.registry import register
from sklearn_cnn.architectures.sizes import Size, stage_sizes
from sklearn_cnn.architectures.stages import Stages, conv_stages


@register("vgg11", blocks_per_stage=(1, 1, 2, 2, 2))
@register("vgg13", blocks_per_stage=2)
@register("vgg16", blocks_per_stage=(2, 2, 3, 3, 3))
@register("vgg19", blocks_per_stage=(2, 2, 4, 4, 4))
@with_head(**DENSE_HEAD)
def vgg(
    n_channels: int,
    spatial_shape: tuple[int, ...],
    *,
    filters: Sequence[int] = (64, 128, 256, 512, 512),
    blocks_per_stage: Size = (2, 2, 3, 3, 3),
    kernel_size: Size = 3,
    activation: str = "relu",
    normalization: str | None = "batch",
    pooling: str | None = "max",
    conv_dropout: float = 0.0,
) -> Stages:
    """VGG [1]_: stages of convolutions 3 wide, with a pooling after each stage.

    The networks of the paper have ``normalization=None``; VGG-16 then has 138,357,544
    parameters for images of 224x224x3 in 1000 classes.

    Pooling leaves axes of length 1 alone, so that images of any size can be used.
    Those whose longest axis is below 64 get a small head.

    References
    ----------
    .. [1] K. Simonyan and A. Zisserman, "Very deep convolutional networks for
       large-scale image recognition", 2014, https://arxiv.org/abs/1409.1556
    """
    stages = conv_stages(
        n_channels,
        spatial_shape,
        stage_sizes(filters, blocks_per_stage),
        kernel_size=kernel_size,
        padding="same",
        activation=activation,
        norm=normalization,
        pooling=pooling,
        conv_dropout=conv_dropout,
    )
    # without normalisation, the deeper networks do not start to learn from smaller
    # weights: the authors had to begin with the layers of shallow ones
    stages.initialize = he_initialize
    return stages
