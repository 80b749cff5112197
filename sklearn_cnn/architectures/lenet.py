"""The network that read cheques."""

from collections.abc import Sequence

from torch import nn

from sklearn_cnn.architectures.blocks import ConvStage
from sklearn_cnn.architectures.network import Network
from sklearn_cnn.architectures.registry import register
from sklearn_cnn.architectures.sizes import Size, too_small
from sklearn_cnn.utils._axes import per_axis


@register("lenet")
class LeNet(Network):
    """LeNet-5 [1]_: every stage is one convolution and a pooling.

    The network of the paper has ``padding="valid"``, ``activation="tanh"``,
    ``pooling="avg"`` and ``normalization=None``. As is usual today, every filter of
    the second stage sees all maps of the first (the paper leaves some connections
    out), pooling has no weights, and the output layer is a dense one. On images of
    32x32x1 in 10 classes that makes 61,706 parameters.

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
    kernel_size : int or sequence of int
        Of the convolutions.
    padding : {"same", "valid"}
        Of the convolutions.
    activation, normalization : str
        As in :class:`~sklearn_cnn.architectures.blocks.ConvBlock`.
    pooling : {"max", "avg", "stride"} or None
        As in :class:`~sklearn_cnn.architectures.blocks.ConvStage`.
    global_pooling : {"avg", "max", "flatten"}
        As in :class:`~sklearn_cnn.architectures.pooling.GlobalPooling`.
    hidden_layer_sizes, dropout
        As in :class:`~sklearn_cnn.architectures.network.Head`.
    conv_dropout : float
        Probability of dropping a feature map at the end of a stage.

    References
    ----------
    .. [1] Y. LeCun et al., "Gradient-based learning applied to document recognition",
       Proceedings of the IEEE 86, 1998.
    """

    def __init__(
        self,
        n_channels: int,
        spatial_shape: tuple[int, ...],
        n_outputs: int,
        *,
        filters: Sequence[int] = (6, 16),
        kernel_size: Size = 5,
        padding: str = "same",
        activation: str = "relu",
        normalization: str | None = "batch",
        pooling: str | None = "max",
        global_pooling: str = "flatten",
        hidden_layer_sizes: Sequence[int] = (120, 84),
        dropout: float = 0.0,
        conv_dropout: float = 0.0,
    ) -> None:
        kernel = per_axis(kernel_size, len(spatial_shape), "kernel_size", minimum=1)
        stages = nn.Sequential()
        shape = spatial_shape
        for i, width in enumerate(filters):
            stage = ConvStage(
                shape,
                n_channels,
                width,
                1,
                kernel_size=kernel,
                padding=padding,
                activation=activation,
                norm=normalization,
                pooling=pooling,
                conv_dropout=conv_dropout,
            )
            if min(stage.output_shape) < 1:
                raise ValueError(too_small(spatial_shape, shape, i, kernel, padding))
            stages.add_module(f"stage{i + 1}", stage)
            shape, n_channels = stage.output_shape, width
        super().__init__(
            stages,
            n_channels,
            shape,
            n_outputs,
            global_pooling=global_pooling,
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            dropout=dropout,
        )
