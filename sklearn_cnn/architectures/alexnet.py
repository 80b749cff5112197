"""The network that won ImageNet in 2012."""

from collections.abc import Sequence

from sklearn_cnn.architectures.blocks import he_initialize, same_block
from sklearn_cnn.architectures.joining import DENSE_HEAD, with_head
from sklearn_cnn.architectures.pooling import OverlappingMaxPool
from sklearn_cnn.architectures.registry import register
from sklearn_cnn.architectures.sizes import is_small, require_stages
from sklearn_cnn.architectures.stages import Stages

_KERNEL_SIZES = (11, 5, 3, 3, 3)
_POOLED_STAGES = {0, 1, 4}


@register("alexnet")
@with_head(**DENSE_HEAD)
def alexnet(
    n_channels: int,
    spatial_shape: tuple[int, ...],
    *,
    filters: Sequence[int] = (64, 192, 384, 256, 256),
    activation: str = "relu",
    normalization: str | None = "batch",
) -> Stages:
    """AlexNet [1]_ with the widths of its variant for a single GPU [2]_.

    Five stages of one convolution each; the kernels are 11, 5, 3, 3 and 3 wide, and
    maximum pooling of windows 3 wide and 2 apart follows stages 1, 2 and 5.
    ``normalization`` takes the place of the local response normalisation. Without it,
    there are 61,100,840 parameters for images of 224x224x3 in 1000 classes.

    Images whose longest axis is below 64 get a first convolution 5 wide without a
    stride, as in the author's networks for CIFAR-10, pooling of windows 2 wide, which
    leaves axes of length 1 alone, and a small head.

    References
    ----------
    .. [1] A. Krizhevsky, I. Sutskever and G. Hinton, "ImageNet classification with deep
       convolutional neural networks", NeurIPS 2012.
    .. [2] A. Krizhevsky, "One weird trick for parallelizing convolutional neural
       networks", 2014, https://arxiv.org/abs/1404.5997
    """
    require_stages(filters, len(_KERNEL_SIZES))
    small = is_small(spatial_shape)
    # with torch's own, smaller weights little is left of an image after the
    # convolutions if nothing is normalised
    stages = Stages(n_channels, spatial_shape, initialize=he_initialize)
    for i, (width, kernel) in enumerate(zip(filters, _KERNEL_SIZES, strict=True)):
        first, pools = i == 0, i in _POOLED_STAGES
        halves = pools and small and max(stages.spatial_shape) > 1
        block = same_block(
            stages.spatial_shape,
            stages.n_channels,
            width,
            5 if first and small else kernel,
            4 if first and not small else 1,
            activation=activation,
            norm=normalization,
            pooling="max" if halves else None,
        )
        stages.begin(f"stage{i + 1}")
        stages.append(block)
        if pools and not small:
            stages.append(OverlappingMaxPool(stages.spatial_shape, "valid"))
    return stages
