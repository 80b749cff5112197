"""Layers that every architecture is made of, for 1, 2 or 3 spatial dimensions."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.conv import _ConvNd

Size = int | Sequence[int]

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "identity": nn.Identity,
}

#: Activations that never decrease: maximum pooling commutes with them.
_MONOTONE = {"relu", "relu6", "leaky_relu", "elu", "tanh", "sigmoid", "identity"}

#: Number of weights above which a dense layer keeps to float32 at prediction.
_MAX_EXACT_WEIGHTS = 1 << 18

_CONVOLUTIONS: dict[int, Any] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
_BATCH_NORMS = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
_MAX_POOLS: dict[int, Any] = {1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d}

#: Length of the longest axis below which networks made for photographs start gently.
_SMALL = 64


def per_axis(size: Size, n_dims: int, name: str) -> tuple[int, ...]:
    """Repeat an integer for every spatial axis, or check a sequence.

    Parameters
    ----------
    size : int or sequence of int
        What the user gave.
    n_dims : int
        Number of spatial axes.
    name : str
        Name of the parameter, for the error message.

    Returns
    -------
    sizes : tuple of int

    Raises
    ------
    ValueError
        If a sequence has not ``n_dims`` entries of at least 1.
    """
    sizes = (size,) * n_dims if isinstance(size, int) else tuple(size)
    if len(sizes) != n_dims or any(s < 1 for s in sizes):
        raise ValueError(
            f"{name}={size!r} must be a positive int or a sequence of {n_dims} of "
            f"them, one for each spatial axis of X."
        )
    return sizes


def per_stage(
    blocks_per_stage: Size | None, n_stages: int, default: Size = 1
) -> tuple[int, ...]:
    """Give the number of blocks of every stage.

    Parameters
    ----------
    blocks_per_stage : int, sequence of int or None
        What the user gave.
    n_stages : int
        Number of stages.
    default : int or sequence of int
        What None means.

    Returns
    -------
    blocks : tuple of int

    Raises
    ------
    ValueError
        If a sequence has not ``n_stages`` entries.
    """
    given = default if blocks_per_stage is None else blocks_per_stage
    if isinstance(given, int):
        return (given,) * n_stages
    if len(given) != n_stages:
        raise ValueError(
            f"blocks_per_stage={given!r} must have one entry for each of the "
            f"{n_stages} stages in filters, or be an int."
        )
    return tuple(given)


def stage_sizes(
    filters: Sequence[int], blocks_per_stage: Size
) -> list[tuple[int, int]]:
    """Pair the widths of the stages with their numbers of blocks.

    Parameters
    ----------
    filters : sequence of int
        Width of every stage.
    blocks_per_stage : int or sequence of int
        Number of blocks in every stage.

    Returns
    -------
    sizes : list of (int, int)
        Width and number of blocks of every stage.

    Raises
    ------
    ValueError
        If there are not as many of the ones as of the others.
    """
    n_stages = len(filters)
    if not isinstance(blocks_per_stage, int) and len(blocks_per_stage) != n_stages:
        raise ValueError(
            f"filters={filters!r} has {n_stages} entries, but blocks_per_stage="
            f"{blocks_per_stage!r} has {len(blocks_per_stage)}. Give both one entry "
            "for each stage, or an int as blocks_per_stage."
        )
    return list(zip(filters, per_stage(blocks_per_stage, n_stages), strict=True))


def require_stages(filters: Sequence[int], n_stages: int) -> None:
    """Refuse another number of stages than a network has.

    Parameters
    ----------
    filters : sequence of int
        Width of every stage.
    n_stages : int
        Number of stages.

    Raises
    ------
    ValueError
        If ``filters`` has another number of entries.
    """
    if len(filters) != n_stages:
        raise ValueError(
            f"filters={filters!r} has {len(filters)} entries, but this architecture "
            f"has {n_stages} stages. Give {n_stages} numbers of filters."
        )


def is_small(spatial_shape: tuple[int, ...]) -> bool:
    """Tell whether images are too small for a network made for photographs.

    Parameters
    ----------
    spatial_shape : tuple of int
        Length of every spatial axis of the images.

    Returns
    -------
    small : bool
        Whether the longest axis is below 64.
    """
    return max(spatial_shape) < _SMALL


def convolved_shape(
    shape: tuple[int, ...],
    kernel_size: tuple[int, ...],
    stride: tuple[int, ...],
    padding: str,
) -> tuple[int, ...]:
    """Spatial shape of a convolution's output [1]_.

    Parameters
    ----------
    shape, kernel_size, stride : tuple of int
        One entry per spatial axis.
    padding : {"same", "valid"}
        "same" pads with zeros so that a stride of 1 keeps the shape.

    Returns
    -------
    shape : tuple of int
        An entry is 0 or less where the kernel is larger than the input.

    References
    ----------
    .. [1] V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep
       learning", 2016, https://arxiv.org/abs/1603.07285
    """
    if padding == "same":
        return tuple(-(-n // s) for n, s in zip(shape, stride, strict=True))
    return tuple(
        (n - k) // s + 1 for n, k, s in zip(shape, kernel_size, stride, strict=True)
    )


class Convolution(nn.Sequential):
    """A convolution with "same" or "valid" padding, whatever its stride.

    Parameters
    ----------
    n_dims : {1, 2, 3}
        Number of spatial axes.
    in_channels, out_channels : int
        Number of input channels and of filters.
    kernel_size, stride : tuple of int
        One entry per spatial axis.
    padding : {"same", "valid"}
        "same" gives ``ceil(n / stride)`` outputs along an axis of length n.
    bias : bool
        Whether the filters have an additive term.
    groups : int
        Number of parts that the channels are split into, each with filters of its own.
    """

    def __init__(
        self,
        n_dims: int,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple[int, ...],
        stride: tuple[int, ...],
        padding: str,
        bias: bool,
        groups: int = 1,
    ) -> None:
        super().__init__()
        before = [(k - 1) // 2 if padding == "same" else 0 for k in kernel_size]
        after = [k // 2 if padding == "same" else 0 for k in kernel_size]
        if before != after:  # an even kernel needs one more zero at the end
            widths = [w for pair in zip(before, after, strict=True) for w in pair]
            # torch counts the last axis first
            pairs = [widths[i : i + 2] for i in range(0, len(widths), 2)][::-1]
            self.pad = _ZeroPad([w for pair in pairs for w in pair])
            before = [0] * n_dims
        self.conv = _CONVOLUTIONS[n_dims](
            in_channels,
            out_channels,
            kernel_size,
            stride=stride,
            padding=tuple(before),
            bias=bias,
            groups=groups,
        )


class _ZeroPad(nn.Module):
    def __init__(self, widths: list[int]) -> None:
        super().__init__()
        self.widths = widths

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x, self.widths)

    def extra_repr(self) -> str:
        return str(self.widths)


class Dense(nn.Linear):
    """A dense layer whose predictions do not depend on the batch they came in.

    Matrix products take another path for another number of rows and then differ in
    the last bits of float32. At prediction a small layer therefore computes, and
    returns, float64: one row alone gets what it gets among others.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Multiply and add.

        Parameters
        ----------
        x : Tensor of shape (n_samples, in_features)
            Features.

        Returns
        -------
        y : Tensor of shape (n_samples, out_features)
            float64 when predicting in float32 on a CPU with a layer of moderate size,
            otherwise of the dtype of ``x``.
        """
        exact = (
            not self.training
            and x.device.type == "cpu"
            and not torch.is_autocast_enabled("cpu")
            and self.weight.numel() <= _MAX_EXACT_WEIGHTS
        )
        if not exact:
            return F.linear(x.to(self.weight.dtype), self.weight, self.bias)
        bias = None if self.bias is None else self.bias.double()
        return F.linear(x.double(), self.weight.double(), bias)


class ValueDropout(nn.Module):
    """Drop single values by comparing uniform numbers.

    It takes a third of the time of :class:`torch.nn.Dropout` on a CPU.

    Parameters
    ----------
    p : float
        Probability of dropping a value in training.
    generator : torch.Generator or None
        Where the numbers come from; None means torch's own generator.
    """

    def __init__(self, p: float, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.p = p
        self.generator = generator

    def forward(self, x: Tensor) -> Tensor:
        """Drop values and scale up the others, in training.

        Parameters
        ----------
        x : Tensor
            Of any shape.

        Returns
        -------
        y : Tensor
            Of the same shape.
        """
        if not self.training:
            return x
        shape = self._mask_shape(x)
        if self.generator is None:  # torch.compile knows no generators, not even None
            drawn = torch.rand(shape, dtype=x.dtype, device=x.device)
        else:
            drawn = torch.rand(
                shape, generator=self.generator, dtype=x.dtype, device=x.device
            )
        return x * drawn.ge_(self.p).div_(1 - self.p)

    def _mask_shape(self, x: Tensor) -> Sequence[int]:
        return x.shape

    def extra_repr(self) -> str:
        """Show the probability.

        Returns
        -------
        text : str
        """
        return f"p={self.p}"


class FeatureDropout(ValueDropout):
    """Drop whole feature maps: neighbours within one tell too much of each other [1]_.

    References
    ----------
    .. [1] J. Tompson et al., "Efficient object localization using convolutional
       networks", CVPR 2015.
    """

    def _mask_shape(self, x: Tensor) -> Sequence[int]:
        return (*x.shape[:2], *[1] * (x.ndim - 2))


class _PairwiseMaximum(nn.Module):
    """At prediction, take maxima of neighbours instead of searching for their places.

    PyTorch's pooling always finds the places too, for the gradient: without them
    pooling takes half of its time.
    """

    kernel_size: Any

    def forward(self, x: Tensor) -> Tensor:
        # the order matters: torch.compile cannot ask for the inference mode
        if torch.compiler.is_compiling() or not torch.is_inference_mode_enabled():
            y: Tensor = super().forward(x)
            return y
        for axis, size in enumerate(self.kernel_size, start=2):
            if size == 2:
                x = x.narrow(axis, 0, x.shape[axis] // 2 * 2)
                first = (slice(None),) * axis
                x = torch.maximum(
                    x[(*first, slice(0, None, 2))], x[(*first, slice(1, None, 2))]
                )
        return x


class MaxPool1d(_PairwiseMaximum, nn.MaxPool1d):
    """Maximum of pairs."""


class MaxPool2d(_PairwiseMaximum, nn.MaxPool2d):
    """Maximum of squares of four."""


class MaxPool3d(_PairwiseMaximum, nn.MaxPool3d):
    """Maximum of cubes of eight."""


_POOLS: dict[str, dict[int, Any]] = {
    "max": {1: MaxPool1d, 2: MaxPool2d, 3: MaxPool3d},
    "avg": {1: nn.AvgPool1d, 2: nn.AvgPool2d, 3: nn.AvgPool3d},
}


def normalization(kind: str | None, n_dims: int, n_channels: int) -> list[nn.Module]:
    """Layers that normalise feature maps: one, or none.

    Parameters
    ----------
    kind : {"batch", "layer"} or None
        "batch" is batch normalisation [1]_; "layer" normalises every sample by itself
        over channels and space [2]_, so that it works on batches of any size.
    n_dims : {1, 2, 3}
        Number of spatial axes.
    n_channels : int
        Number of feature maps.

    Returns
    -------
    layers : list of torch.nn.Module

    References
    ----------
    .. [1] S. Ioffe and C. Szegedy, "Batch normalization", ICML 2015.
    .. [2] J. Ba, J. Kiros and G. Hinton, "Layer normalization", 2016.
    """
    if kind == "batch":
        return [_BATCH_NORMS[n_dims](n_channels)]
    if kind == "layer":
        return [nn.GroupNorm(1, n_channels)]
    return []


def activation_layer(name: str) -> nn.Module:
    """Make an activation by its name.

    Parameters
    ----------
    name : str
        A key of ``ACTIVATIONS``.

    Returns
    -------
    layer : torch.nn.Module
    """
    return ACTIVATIONS[name]()


class ConvBlock(nn.Sequential):
    """Convolution, then pooling, normalisation and activation.

    Parameters
    ----------
    spatial_shape : tuple of int
        Of the input.
    in_channels, out_channels : int
        Number of input channels and of filters.
    kernel_size, stride : tuple of int
        One entry per spatial axis.
    padding : {"same", "valid"}
        Padding of the convolution.
    activation : str
        A key of ``ACTIVATIONS``.
    norm : {"batch", "layer"} or None
        Normalisation between convolution and activation.
    pooling : {"max", "avg"} or None
        Whether the block ends at half the resolution. An axis of length 1 is left
        alone as long as another one can be halved.
    conv_dropout : float
        Probability of dropping a whole feature map in training.
    groups : int
        As in :class:`Convolution`.

    Attributes
    ----------
    output_shape : tuple of int
        Spatial shape of the output; with an entry of 0 or less if the input is too
        small.
    """

    def __init__(
        self,
        spatial_shape: tuple[int, ...],
        in_channels: int,
        out_channels: int,
        *,
        kernel_size: tuple[int, ...],
        stride: tuple[int, ...],
        padding: str,
        activation: str,
        norm: str | None,
        pooling: str | None = None,
        conv_dropout: float = 0.0,
        groups: int = 1,
    ) -> None:
        super().__init__()
        n_dims = len(spatial_shape)
        self.output_shape = convolved_shape(spatial_shape, kernel_size, stride, padding)
        # normalisation subtracts the mean: a bias before it would have no effect
        self.conv = Convolution(
            n_dims,
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            norm is None,
            groups,
        )
        pool: list[tuple[str, nn.Module]] = []
        if pooling:
            size = _pool_size(self.output_shape)
            pool = [("pool", _POOLS[pooling][n_dims](size))]
            self.output_shape = tuple(
                n // k for n, k in zip(self.output_shape, size, strict=True)
            )
        rest: list[tuple[str, nn.Module]] = [
            *(("norm", layer) for layer in normalization(norm, n_dims, out_channels)),
            ("activation", activation_layer(activation)),
        ]
        # max pooling commutes with a monotone activation, and pooling first leaves a
        # quarter of the values to normalise and to activate
        early = pooling == "max" and activation in _MONOTONE
        for name, layer in (*pool, *rest) if early else (*rest, *pool):
            self.add_module(name, layer)
        if conv_dropout:
            self.dropout = FeatureDropout(conv_dropout)


def _pool_size(shape: tuple[int, ...]) -> tuple[int, ...]:
    can_shrink = max(shape) > 1
    return tuple(1 if n == 1 and can_shrink else 2 for n in shape)


def same_block(
    spatial_shape: tuple[int, ...],
    in_channels: int,
    out_channels: int,
    kernel_size: int,
    stride: int = 1,
    *,
    activation: str,
    norm: str | None,
    pooling: str | None = None,
    groups: int = 1,
) -> ConvBlock:
    """Make a :class:`ConvBlock` of "same" padding and equal sizes along all axes.

    Parameters
    ----------
    spatial_shape : tuple of int
        Of the input.
    in_channels, out_channels : int
        Number of input channels and of filters.
    kernel_size, stride : int
        Along every axis.
    activation, norm, pooling, groups
        As in :class:`ConvBlock`.

    Returns
    -------
    block : ConvBlock
    """
    n_dims = len(spatial_shape)
    return ConvBlock(
        spatial_shape,
        in_channels,
        out_channels,
        kernel_size=(kernel_size,) * n_dims,
        stride=(stride,) * n_dims,
        padding="same",
        activation=activation,
        norm=norm,
        pooling=pooling,
        groups=groups,
    )


class ConvStage(nn.Sequential):
    """Convolutions, the last of which ends at half the resolution.

    Parameters
    ----------
    spatial_shape : tuple of int
        Of the input.
    in_channels, out_channels : int
        Number of input channels, and of filters of every convolution.
    n_blocks : int
        Number of convolutions.
    kernel_size : tuple of int
        One entry per spatial axis.
    padding : {"same", "valid"}
        Padding of the convolutions.
    activation : str
        A key of ``ACTIVATIONS``.
    norm : {"batch", "layer"} or None
        Normalisation between convolution and activation.
    pooling : {"max", "avg", "stride"} or None
        How the resolution is halved; "stride" takes the place of pooling by a stride
        of 2 in the last convolution [1]_. An axis of length 1 is left alone.
    conv_dropout : float
        Probability of dropping a feature map at the end.

    Attributes
    ----------
    output_shape : tuple of int
        As in :class:`ConvBlock`.

    References
    ----------
    .. [1] J. Springenberg et al., "Striving for simplicity: the all convolutional net",
       ICLR 2015 workshop.
    """

    def __init__(
        self,
        spatial_shape: tuple[int, ...],
        in_channels: int,
        out_channels: int,
        n_blocks: int,
        *,
        kernel_size: tuple[int, ...],
        padding: str,
        activation: str,
        norm: str | None,
        pooling: str | None,
        conv_dropout: float,
    ) -> None:
        super().__init__()
        self.output_shape = spatial_shape
        for i in range(n_blocks):
            last = i == n_blocks - 1
            strided = last and pooling == "stride"
            stride = (2 if strided else 1,) * len(spatial_shape)
            shape = convolved_shape(self.output_shape, kernel_size, stride, padding)
            pools = last and not strided and max(shape) > 1
            block = ConvBlock(
                self.output_shape,
                in_channels,
                out_channels,
                kernel_size=kernel_size,
                stride=stride,
                padding=padding,
                activation=activation,
                norm=norm,
                pooling=pooling if pools else None,
                conv_dropout=conv_dropout if last else 0.0,
            )
            self.append(block)
            self.output_shape, in_channels = block.output_shape, out_channels


class OverlappingMaxPool(nn.Sequential):
    """Maximum of windows that are 3 wide and 2 apart.

    Parameters
    ----------
    spatial_shape : tuple of int
        Of the input.
    padding : {"same", "valid"}
        "same" gives ``ceil(n / 2)`` outputs along an axis of length n; "valid" keeps
        windows inside, narrower ones along an axis shorter than 3.

    Attributes
    ----------
    output_shape : tuple of int
        Spatial shape of the output, never with an entry below 1.
    """

    def __init__(self, spatial_shape: tuple[int, ...], padding: str) -> None:
        super().__init__()
        n_dims = len(spatial_shape)
        same = padding == "same"
        window = tuple(3 if same else min(3, n) for n in spatial_shape)
        stride = (2,) * n_dims
        self.output_shape = convolved_shape(spatial_shape, window, stride, padding)
        self.pool = _MAX_POOLS[n_dims](window, stride, padding=1 if same else 0)


def he_initialize(module: nn.Module) -> None:
    """Draw the filters of all convolutions anew, and set their biases to 0 [1]_.

    The variance is 2 over the number of values that an input reaches, so that
    gradients keep their size through layers with ReLU.

    Parameters
    ----------
    module : torch.nn.Module
        Changed in place.

    References
    ----------
    .. [1] K. He et al., "Delving deep into rectifiers", ICCV 2015.
    """
    for layer in module.modules():
        if not isinstance(layer, _ConvNd):
            continue
        # an input reaches the filters of its own group only, which torch's
        # kaiming_normal_ does not know
        fan_out = layer.weight[:, 0].numel() // layer.groups
        nn.init.normal_(layer.weight, std=(2 / fan_out) ** 0.5)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
