"""Layers that every architecture is made of, for 1, 2 or 3 spatial dimensions."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.conv import _ConvNd

from sklearn_cnn.architectures.dropout import FeatureDropout
from sklearn_cnn.architectures.pooling import POOLS, pool_size
from sklearn_cnn.architectures.sizes import convolved_shape
from sklearn_cnn.architectures.small_maps import Conv1d, Conv2d, Conv3d

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

_CONVOLUTIONS: dict[int, Any] = {1: Conv1d, 2: Conv2d, 3: Conv3d}
_ZERO_PADS: dict[int, Any] = {1: nn.ZeroPad1d, 2: nn.ZeroPad2d, 3: nn.ZeroPad3d}
_BATCH_NORMS = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


class Convolution(nn.Sequential):
    """A convolution with "same" or "valid" padding, whatever its stride.

    "same" gives ``ceil(n / stride)`` outputs along an axis of length n.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple[int, ...],
        stride: tuple[int, ...],
        padding: str,
        bias: bool,
        groups: int = 1,
        dilation: int = 1,
    ) -> None:
        super().__init__()
        n_dims = len(kernel_size)
        reach = [dilation * (k - 1) if padding == "same" else 0 for k in kernel_size]
        before = [n // 2 for n in reach]
        after = [n - n // 2 for n in reach]
        if before != after:  # an even kernel needs one more zero at the end
            # torch counts the last axis first
            pairs = list(zip(before, after, strict=True))[::-1]
            self.pad = _ZERO_PADS[n_dims](tuple(w for pair in pairs for w in pair))
            before = [0] * n_dims
        self.conv = _CONVOLUTIONS[n_dims](
            in_channels,
            out_channels,
            kernel_size,
            stride=stride,
            padding=tuple(before),
            bias=bias,
            groups=groups,
            dilation=dilation,
        )


class Dense(nn.Linear):
    """A dense layer whose predictions do not depend on the batch they came in.

    Matrix products take another path for another number of rows and then differ in
    the last bits of float32. At prediction a small layer therefore computes, and
    returns, float64: one row alone gets what it gets among others.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Multiply and add: in float64 when a CPU predicts with a small layer."""
        exact = (
            not self.training
            and x.device.type == "cpu"
            and not torch.is_autocast_enabled("cpu")
            and not torch.compiler.is_exporting()
            and self.weight.numel() <= _MAX_EXACT_WEIGHTS
        )
        if not exact:
            return F.linear(x.to(self.weight.dtype), self.weight, self.bias)
        bias = None if self.bias is None else self.bias.double()
        return F.linear(x.double(), self.weight.double(), bias)


def normalization(kind: str | None, n_dims: int, n_channels: int) -> list[nn.Module]:
    """Make the layers that normalise feature maps: one, or none.

    "batch" is batch normalisation [1]_; "layer" normalises every sample by itself over
    channels and space [2]_, so that it works on batches of any size.

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
    """Make an activation by its name."""
    return ACTIVATIONS[name]()


class ConvBlock(nn.Sequential):
    """Convolution, then pooling, normalisation and activation.

    ``spatial_shape`` is that of the input. ``output_shape`` has an entry of 0 or less
    if that is too small. ``pooling="max"`` or ``"avg"`` halves the resolution; an axis
    of length 1 is left alone as long as another one can be halved.
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
        self.out_channels, self.kernel_size = out_channels, kernel_size
        self.padding = padding
        self.output_shape = convolved_shape(spatial_shape, kernel_size, stride, padding)
        # normalisation subtracts the mean: a bias before it would have no effect
        bias = norm is None
        self.conv = Convolution(
            in_channels, out_channels, kernel_size, stride, padding, bias, groups
        )
        pool: list[tuple[str, nn.Module]] = []
        if pooling:
            size = pool_size(self.output_shape)
            pool = [("pool", POOLS[pooling][n_dims](size))]
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


def same_block(
    spatial_shape: tuple[int, ...],
    in_channels: int,
    out_channels: int,
    kernel_size: int,
    stride: int = 1,
    **options: Any,
) -> ConvBlock:
    """Make a :class:`ConvBlock` of "same" padding and equal sizes along all axes."""
    n_dims = len(spatial_shape)
    return ConvBlock(
        spatial_shape,
        in_channels,
        out_channels,
        kernel_size=(kernel_size,) * n_dims,
        stride=(stride,) * n_dims,
        padding="same",
        **options,
    )


def he_initialize(module: nn.Module) -> None:
    """Draw the filters of all convolutions anew, and set their biases to 0 [1]_.

    The variance is 2 over the number of values that an input reaches, so that
    gradients keep their size through layers with ReLU.

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
