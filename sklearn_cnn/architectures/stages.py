"""Stages: what a network computes before global pooling and its head."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from sklearn_cnn.architectures.blocks import ConvBlock
from sklearn_cnn.architectures.network import Network
from sklearn_cnn.architectures.sizes import Size, convolved_shape
from sklearn_cnn.utils._axes import per_axis


@dataclass
class Stages:
    """Stages while they are put together, and what the last block of them gives.

    ``initialize`` draws their weights anew, once the head has drawn its own.
    """

    n_channels: int
    spatial_shape: tuple[int, ...]
    initialize: Callable[[nn.Module], None] | None = None
    #: Unlike the model of a library, they had no head with a dropout of its own.
    dropout: float = field(default=0.0, init=False)
    modules: nn.Sequential = field(default_factory=nn.Sequential)

    def __post_init__(self) -> None:
        self._image_shape = self.spatial_shape

    def begin(self, name: str) -> None:
        """Begin a stage of blocks, which are appended one by one."""
        self._stage = nn.Sequential()
        self.modules.add_module(name, self._stage)

    def append(self, block: Any) -> None:
        """Put a block, or a pooling, at the end of the stage begun last."""
        self._stage.append(block)
        self._follow(block)

    def add(self, name: str, block: Any) -> None:
        """Make a stage of a single block."""
        self.modules.add_module(name, block)
        self._follow(block)

    def _follow(self, block: Any) -> None:
        if min(block.output_shape) < 1:
            raise ValueError(self._too_small(block.kernel_size, block.padding))
        self.spatial_shape = block.output_shape
        # a pooling leaves the number of maps as it is
        self.n_channels = getattr(block, "out_channels", self.n_channels)

    def _too_small(self, kernel: tuple[int, ...], padding: str) -> str:
        shape, padded = self.spatial_shape, padding == "same"
        fits = padded or all(n >= k for n, k in zip(shape, kernel, strict=True))
        problem = "leaves nothing to pool" if fits else "is smaller than the kernel"
        remedy = "" if padded else "padding='same', a smaller kernel_size, "
        return (
            f"Images of {_times(self._image_shape)} are too small for the stages in "
            f"filters: at stage {len(self.modules)} the feature map of {_times(shape)} "
            f"{problem} (kernel_size={_times(kernel)}, padding={padding!r}). Use "
            f"{remedy}fewer stages in filters, pooling=None or larger images."
        )

    def network(self, n_outputs: int, **head: Any) -> Network:
        """Add global pooling and a head."""
        network = Network(
            self.modules, self.n_channels, self.spatial_shape, n_outputs, **head
        )
        if self.initialize is not None:
            self.initialize(network.stages)
        return network


def _times(shape: tuple[int, ...]) -> str:
    return "x".join(str(n) for n in shape)


def conv_stages(
    n_channels: int,
    spatial_shape: tuple[int, ...],
    sizes: list[tuple[int, int]],
    *,
    kernel_size: Size,
    padding: str,
    activation: str,
    norm: str | None,
    pooling: str | None,
    conv_dropout: float,
) -> Stages:
    """Build stages of convolutions, the last of which ends at half the resolution.

    ``pooling="stride"`` takes the place of pooling by a stride of 2 in the last
    convolution [1]_. Axes of length 1 are left alone.

    References
    ----------
    .. [1] J. Springenberg et al., "Striving for simplicity: the all convolutional net",
       ICLR 2015 workshop.
    """
    kernel = per_axis(kernel_size, len(spatial_shape), "kernel_size", minimum=1)
    stages = Stages(n_channels, spatial_shape)
    for i, (width, n_blocks) in enumerate(sizes):
        stages.begin(f"stage{i + 1}")
        for last in (*(False,) * (n_blocks - 1), True):
            strided = last and pooling == "stride"
            stride = (2 if strided else 1,) * len(spatial_shape)
            shape = convolved_shape(stages.spatial_shape, kernel, stride, padding)
            pools = last and not strided and max(shape) > 1
            block = ConvBlock(
                stages.spatial_shape,
                stages.n_channels,
                width,
                kernel_size=kernel,
                stride=stride,
                padding=padding,
                activation=activation,
                norm=norm,
                pooling=pooling if pools else None,
                conv_dropout=conv_dropout if last else 0.0,
            )
            stages.append(block)
    return stages
