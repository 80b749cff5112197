"""The network that won ImageNet in 2012."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from sklearn_cnn.architectures.blocks import he_initialize, same_block
from sklearn_cnn.architectures.network import Network
from sklearn_cnn.architectures.pooling import OverlappingMaxPool
from sklearn_cnn.architectures.registry import register
from sklearn_cnn.architectures.sizes import is_small, require_stages

_KERNEL_SIZES = (11, 5, 3, 3, 3)
_POOLED_STAGES = {0, 1, 4}


@register("alexnet")
class AlexNet(Network):
    """AlexNet [1]_ with the widths of its variant for a single GPU [2]_.

    Five stages of one convolution each; the kernels are 11, 5, 3, 3 and 3 wide, and
    maximum pooling of windows 3 wide and 2 apart follows stages 1, 2 and 5.
    ``normalization`` takes the place of the local response normalisation. Without it,
    there are 61,100,840 parameters for images of 224x224x3 in 1000 classes.

    Images whose longest axis is below 64 get a first convolution 5 wide without a
    stride, as in the author's networks for CIFAR-10, pooling of windows 2 wide, which
    leaves axes of length 1 alone, and a small head.

    Parameters
    ----------
    n_channels : int
        Channels of the input.
    spatial_shape : tuple of int
        Length of every spatial axis of the input.
    n_outputs : int
        Number of outputs.
    filters : sequence of 5 int
        Number of filters of every stage.
    activation, normalization : str
        As in :class:`~sklearn_cnn.architectures.blocks.ConvBlock`.
    global_pooling : {"avg", "max", "flatten"} or None
        As in :class:`~sklearn_cnn.architectures.pooling.GlobalPooling`; None means
        "flatten", and "avg" for images below 64.
    hidden_layer_sizes : sequence of int or None
        As in :class:`~sklearn_cnn.architectures.network.Head`; None means
        ``(4096, 4096)``, and ``()`` for images below 64.
    dropout : float
        As in :class:`~sklearn_cnn.architectures.network.Head`.

    References
    ----------
    .. [1] A. Krizhevsky, I. Sutskever and G. Hinton, "ImageNet classification with deep
       convolutional neural networks", NeurIPS 2012.
    .. [2] A. Krizhevsky, "One weird trick for parallelizing convolutional neural
       networks", 2014, https://arxiv.org/abs/1404.5997
    """

    def __init__(
        self,
        n_channels: int,
        spatial_shape: tuple[int, ...],
        n_outputs: int,
        *,
        filters: Sequence[int] = (64, 192, 384, 256, 256),
        activation: str = "relu",
        normalization: str | None = "batch",
        global_pooling: str | None = None,
        hidden_layer_sizes: Sequence[int] | None = None,
        dropout: float = 0.5,
    ) -> None:
        require_stages(filters, len(_KERNEL_SIZES))
        small = is_small(spatial_shape)
        stages = nn.Sequential()
        shape = spatial_shape
        for i, (width, kernel) in enumerate(zip(filters, _KERNEL_SIZES, strict=True)):
            first = i == 0
            pools = i in _POOLED_STAGES
            block = same_block(
                shape,
                n_channels,
                width,
                5 if first and small else kernel,
                4 if first and not small else 1,
                activation=activation,
                norm=normalization,
                pooling="max" if pools and small and max(shape) > 1 else None,
            )
            stage = nn.Sequential(block)
            shape, n_channels = block.output_shape, width
            if pools and not small:
                pool = OverlappingMaxPool(shape, "valid")
                stage.append(pool)
                shape = pool.output_shape
            stages.add_module(f"stage{i + 1}", stage)
        super().__init__(
            stages,
            n_channels,
            shape,
            n_outputs,
            activation=activation,
            dropout=dropout,
            **dense_head(spatial_shape, global_pooling, hidden_layer_sizes),
        )
        # with torch's own, smaller weights little is left of an image after the
        # convolutions if nothing is normalised
        he_initialize(self.stages)


def dense_head(
    spatial_shape: tuple[int, ...],
    global_pooling: str | None,
    hidden_layer_sizes: Sequence[int] | None,
) -> dict[str, Any]:
    """Choose the head of AlexNet and VGG, or the one of their variants for CIFAR-10.

    Parameters
    ----------
    spatial_shape : tuple of int
        Length of every spatial axis of the images.
    global_pooling : {"avg", "max", "flatten"} or None
        None means "flatten", and "avg" for small images.
    hidden_layer_sizes : sequence of int or None
        None means ``(4096, 4096)``, and ``()`` for small images.

    Returns
    -------
    keywords : dict
        Both, for a :class:`~sklearn_cnn.architectures.network.Network`.
    """
    small = is_small(spatial_shape)
    if global_pooling is None:
        global_pooling = "avg" if small else "flatten"
    if hidden_layer_sizes is None:
        hidden_layer_sizes = () if small else (4096, 4096)
    return {"global_pooling": global_pooling, "hidden_layer_sizes": hidden_layer_sizes}
