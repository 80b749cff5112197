"""Deep networks of small kernels."""

from collections.abc import Sequence

from torch import nn

from sklearn_cnn.architectures.alexnet import dense_head
from sklearn_cnn.architectures.blocks import ConvStage, he_initialize
from sklearn_cnn.architectures.network import Network
from sklearn_cnn.architectures.registry import register
from sklearn_cnn.architectures.sizes import Size, stage_sizes
from sklearn_cnn.utils._axes import per_axis


@register("vgg11", blocks_per_stage=(1, 1, 2, 2, 2))
@register("vgg13", blocks_per_stage=2)
@register("vgg16", blocks_per_stage=(2, 2, 3, 3, 3))
@register("vgg19", blocks_per_stage=(2, 2, 4, 4, 4))
class VGG(Network):
    """VGG [1]_: stages of convolutions 3 wide, with a pooling after each stage.

    The networks of the paper have ``normalization=None``; VGG-16 then has 138,357,544
    parameters for images of 224x224x3 in 1000 classes.

    Pooling leaves axes of length 1 alone, so that images of any size can be used.
    Those whose longest axis is below 64 get a small head.

    Parameters
    ----------
    n_channels : int
        Channels of the input.
    spatial_shape : tuple of int
        Length of every spatial axis of the input.
    n_outputs : int
        Number of outputs.
    filters : sequence of int
        Number of filters of every stage, of any number of stages.
    blocks_per_stage : int or sequence of int
        Number of convolutions in every stage.
    kernel_size : int or sequence of int
        Of the convolutions.
    activation, normalization : str
        As in :class:`~sklearn_cnn.architectures.blocks.ConvBlock`.
    pooling : {"max", "avg", "stride"} or None
        As in :class:`~sklearn_cnn.architectures.blocks.ConvStage`.
    global_pooling : {"avg", "max", "flatten"} or None
        As in :class:`~sklearn_cnn.architectures.pooling.GlobalPooling`; None means
        "flatten", and "avg" for images below 64.
    hidden_layer_sizes : sequence of int or None
        As in :class:`~sklearn_cnn.architectures.network.Head`; None means
        ``(4096, 4096)``, and ``()`` for images below 64.
    dropout : float
        As in :class:`~sklearn_cnn.architectures.network.Head`.
    conv_dropout : float
        Probability of dropping a feature map at the end of a stage.

    References
    ----------
    .. [1] K. Simonyan and A. Zisserman, "Very deep convolutional networks for
       large-scale image recognition", 2014, https://arxiv.org/abs/1409.1556
    """

    def __init__(
        self,
        n_channels: int,
        spatial_shape: tuple[int, ...],
        n_outputs: int,
        *,
        filters: Sequence[int] = (64, 128, 256, 512, 512),
        blocks_per_stage: Size = (2, 2, 3, 3, 3),
        kernel_size: Size = 3,
        activation: str = "relu",
        normalization: str | None = "batch",
        pooling: str | None = "max",
        global_pooling: str | None = None,
        hidden_layer_sizes: Sequence[int] | None = None,
        dropout: float = 0.5,
        conv_dropout: float = 0.0,
    ) -> None:
        kernel = per_axis(kernel_size, len(spatial_shape), "kernel_size", minimum=1)
        stages = nn.Sequential()
        shape = spatial_shape
        sizes = stage_sizes(filters, blocks_per_stage)
        for i, (width, n_blocks) in enumerate(sizes):
            stage = ConvStage(
                shape,
                n_channels,
                width,
                n_blocks,
                kernel_size=kernel,
                padding="same",
                activation=activation,
                norm=normalization,
                pooling=pooling,
                conv_dropout=conv_dropout,
            )
            stages.add_module(f"stage{i + 1}", stage)
            shape, n_channels = stage.output_shape, width
        super().__init__(
            stages,
            n_channels,
            shape,
            n_outputs,
            activation=activation,
            dropout=dropout,
            **dense_head(spatial_shape, global_pooling, hidden_layer_sizes),
        )
        # without normalisation, the deeper networks do not start to learn from
        # smaller weights: the authors had to begin with the layers of shallow ones
        he_initialize(self.stages)
