"""The network that read cheques."""

from collections.abc import Sequence

from sklearn_cnn.architectures.joining import with_head
from sklearn_cnn.architectures.registry import register
from sklearn_cnn.architectures.sizes import Size, stage_sizes
from sklearn_cnn.architectures.stages import Stages, conv_stages


@register("lenet")
@with_head(global_pooling="flatten", hidden_layer_sizes=(120, 84))
def lenet(
    n_channels: int,
    spatial_shape: tuple[int, ...],
    *,
    filters: Sequence[int] = (6, 16),
    kernel_size: Size = 5,
    padding: str = "same",
    activation: str = "relu",
    normalization: str | None = "batch",
    pooling: str | None = "max",
    conv_dropout: float = 0.0,
) -> Stages:
    """LeNet-5 [1]_: every stage, of any number of them, is a convolution and a pooling.

    The network of the paper has ``padding="valid"``, ``activation="tanh"``,
    ``pooling="avg"`` and ``normalization=None``. As is usual today, every filter of
    the second stage sees all maps of the first (the paper leaves some connections
    out), pooling has no weights, and the output layer is a dense one. On images of
    32x32x1 in 10 classes that makes 61,706 parameters.

    References
    ----------
    .. [1] Y. LeCun et al., "Gradient-based learning applied to document recognition",
       Proceedings of the IEEE 86, 1998.
    """
    return conv_stages(
        n_channels,
        spatial_shape,
        stage_sizes(filters, 1),
        kernel_size=kernel_size,
        padding=padding,
        activation=activation,
        norm=normalization,
        pooling=pooling,
        conv_dropout=conv_dropout,
    )
