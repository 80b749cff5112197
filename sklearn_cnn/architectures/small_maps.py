"""Convolutions that notice when their filters see whole feature maps."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.nn.modules.conv import _ConvNd


class _WithoutPadding(_ConvNd):
    """A convolution that multiplies no zeros of its padding, where these are many.

    At maps of at most ``kernel_size // 2 + 1`` positions along each axis, every output
    depends on all inputs: the layer is a dense one whose weights repeat. On 2x2 maps a
    filter of 3x3 has 16 products in place of 36, on 1x1 maps 1 in place of 9, and so a
    training step of this layer takes 0.6 and 0.07 of its time (64 samples on a CPU;
    128 to 256 and 512 to 512 filters). Predictions stay convolutions, whose sums do not
    depend on how many samples there are.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Convolve."""
        if not (self.training and x.device.type == "cpu" and self._sees_all(x)):
            y: Tensor = super().forward(x)
            return y
        y = _Dense.apply(x, self.weight)
        if self.bias is not None:
            # of bfloat16 under autocast, as a convolution gives it
            y = y + self.bias.to(y.dtype).view(-1, *[1] * (x.ndim - 2))
        return y.contiguous() if x.ndim == 3 else y

    def _sees_all(self, x: Tensor) -> bool:
        ones = (1,) * (x.ndim - 2)
        if self.groups != 1 or self.stride != ones or self.dilation != ones:
            return False
        if self.padding_mode != "zeros" or isinstance(self.padding, str):
            return False
        sizes = zip(self.kernel_size, self.padding, x.shape[2:], strict=True)
        return all(k == 2 * pad + 1 and size <= pad + 1 for k, pad, size in sizes)


class _Dense(torch.autograd.Function):
    """The convolution of maps that are not larger than the filters see."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        n, _, *shape = x.shape
        filters = weight.movedim(1, -1)
        windows = [filters[window] for window in _windows(shape, weight)]
        dense = torch.stack(windows).flatten(2).flatten(0, 1)
        rows = x.movedim(1, -1).reshape(n, -1)
        y = rows @ dense.T
        # of bfloat16 under autocast, which is off in the backward pass
        ctx.save_for_backward(rows.to(y.dtype), dense.to(y.dtype), weight)
        ctx.x_shape, ctx.x_dtype = x.shape, x.dtype
        return y.view(n, *shape, -1).movedim(-1, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor]:
        rows, dense, weight = ctx.saved_tensors
        n, in_channels, *shape = ctx.x_shape
        by_row = gradient.movedim(1, -1).reshape(n, -1)
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = (by_row @ dense).to(ctx.x_dtype).view(n, *shape, in_channels)
            of_x = of_x.movedim(-1, 1)
        of_weight = torch.zeros_like(weight)
        of_dense = (by_row.T @ rows).view(-1, len(of_weight), *shape, in_channels)
        filters = of_weight.movedim(1, -1)
        for window, part in zip(_windows(shape, of_weight), of_dense, strict=True):
            filters[window] += part
        return of_x, of_weight


def _windows(shape: list[int], weight: Tensor) -> Iterator[tuple[slice, ...]]:
    """Give the part of the filters that lies on the map, for each output position."""
    for position in product(*map(range, shape)):
        axes = zip(weight.shape[2:], position, shape, strict=True)
        parts = (slice(k // 2 - i, k // 2 - i + size) for k, i, size in axes)
        yield (slice(None), *parts)


class Conv1d(_WithoutPadding, nn.Conv1d):
    """:class:`torch.nn.Conv1d` that multiplies no padding on short maps."""


class Conv2d(_WithoutPadding, nn.Conv2d):
    """:class:`torch.nn.Conv2d` that multiplies no padding on small maps."""


class Conv3d(_WithoutPadding, nn.Conv3d):
    """:class:`torch.nn.Conv3d` that multiplies no padding on small maps."""

    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        # oneDNN (of torch 2.14) corrupts memory with the gradient of a kernel that
        # strides and reaches beyond the map, unless the map is padded before
        strides_beyond = max(self.stride) > 1 and any(
            size < k for size, k in zip(x.shape[2:], self.kernel_size, strict=True)
        )
        padding = self.padding
        if not strides_beyond or isinstance(padding, str) or not self.training:
            y: Tensor = super()._conv_forward(x, weight, bias)
            return y
        x = F.pad(x, [width for width in padding[::-1] for _ in range(2)])
        return F.conv3d(x, weight, bias, self.stride, 0, self.dilation, self.groups)
