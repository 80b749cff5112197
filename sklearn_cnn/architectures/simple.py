"""The default architecture: stages of convolutions, each followed by pooling."""

from collections.abc import Sequence
from functools import partial
from math import ceil, floor, log2

from torch import nn

from sklearn_cnn.architectures.blocks import ConvBlock
from sklearn_cnn.architectures.network import Network
from sklearn_cnn.architectures.registry import register
from sklearn_cnn.architectures.sizes import Size, stage_sizes, too_small
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
class SimpleCNN(Network):
    """A plain convolutional network: every stage halves the resolution.

    Parameters
    ----------
    n_channels : int
        Channels of the input.
    spatial_shape : tuple of int
        Length of every spatial axis of the input.
    n_outputs : int
        Number of outputs.
    filters : sequence of int or None
        Number of filters of every stage; None chooses by the size of the input.
    blocks_per_stage : int or sequence of int
        Number of convolutions in every stage.
    kernel_size, stride : int or sequence of int
        Of the convolutions; the stride is that of the first one of each stage.
    padding : {"same", "valid"}
        Of the convolutions.
    activation, normalization : str
        As in :class:`~sklearn_cnn.architectures.blocks.ConvBlock`.
    pooling : {"max", "avg", "stride"} or None
        How the resolution is halved between two stages; "stride" does it by a stride
        of 2 in the first convolution of the later stage [1]_.
    global_pooling : {"avg", "max", "flatten"}
        As in :class:`~sklearn_cnn.architectures.pooling.GlobalPooling`.
    hidden_layer_sizes, dropout
        As in :class:`~sklearn_cnn.architectures.network.Head`.
    conv_dropout : float
        Probability of dropping a feature map at the end of a stage.

    References
    ----------
    .. [1] J. Springenberg et al., "Striving for simplicity: the all convolutional net",
       ICLR 2015 workshop.
    """

    def __init__(
        self,
        n_channels: int,
        spatial_shape: tuple[int, ...],
        n_outputs: int,
        *,
        filters: Sequence[int] | None = None,
        blocks_per_stage: Size = 1,
        kernel_size: Size = 3,
        stride: Size = 1,
        padding: str = "same",
        activation: str = "relu",
        normalization: str | None = "batch",
        pooling: str | None = "max",
        global_pooling: str = "avg",
        hidden_layer_sizes: Sequence[int] = (),
        dropout: float = 0.0,
        conv_dropout: float = 0.0,
    ) -> None:
        n_dims = len(spatial_shape)
        filters = default_filters(spatial_shape) if filters is None else filters
        sizes = stage_sizes(filters, blocks_per_stage)
        kernel = per_axis(kernel_size, n_dims, "kernel_size", minimum=1)
        first_stride = per_axis(stride, n_dims, "stride", minimum=1)

        block = partial(
            ConvBlock,
            kernel_size=kernel,
            padding=padding,
            activation=activation,
            norm=normalization,
        )
        stages = nn.Sequential()
        shape = spatial_shape
        for i, (width, n_blocks) in enumerate(sizes):
            stage = nn.Sequential()
            for j in range(n_blocks):
                last = j == n_blocks - 1
                step = first_stride if j == 0 else (1,) * n_dims
                if pooling == "stride" and i > 0 and j == 0:
                    step = tuple(2 * s for s in step)
                # after the last stage, global pooling takes over
                pools = last and i < len(filters) - 1 and pooling != "stride"
                convolution = block(
                    shape,
                    n_channels,
                    width,
                    stride=step,
                    pooling=pooling if pools else None,
                    conv_dropout=conv_dropout if last else 0.0,
                )
                stage.append(convolution)
                if min(convolution.output_shape) < 1:
                    message = too_small(spatial_shape, shape, i, kernel, padding)
                    raise ValueError(message)
                shape, n_channels = convolution.output_shape, width
            stages.add_module(f"stage{i + 1}", stage)
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


def default_filters(spatial_shape: tuple[int, ...]) -> tuple[int, ...]:
    """Choose the number of filters of every stage from the size of the input.

    Stages are added, each with twice the filters of the one before (32, 64, 128, then
    256), as long as the longest axis of the last feature map keeps 2 positions. There
    are at most 5, and more only where it would otherwise keep over 16.

    Parameters
    ----------
    spatial_shape : tuple of int
        Length of every spatial axis.

    Returns
    -------
    filters : tuple of int

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
