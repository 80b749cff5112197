"""Pooling: of neighbours, and of all of space."""

from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from sklearn_cnn.architectures.sizes import convolved_shape

_MAX_POOLS: dict[int, Any] = {1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d}
_GLOBAL_MAX_POOLS: dict[int, Any] = {
    1: nn.AdaptiveMaxPool1d,
    2: nn.AdaptiveMaxPool2d,
    3: nn.AdaptiveMaxPool3d,
}


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


POOLS: dict[str, dict[int, Any]] = {
    "max": {1: MaxPool1d, 2: MaxPool2d, 3: MaxPool3d},
    "avg": {1: nn.AvgPool1d, 2: nn.AvgPool2d, 3: nn.AvgPool3d},
}


def pool_size(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Choose windows that halve maps, and leave axes of length 1 alone if they can."""
    can_shrink = max(shape) > 1
    return tuple(1 if n == 1 and can_shrink else 2 for n in shape)


class OverlappingMaxPool(nn.Sequential):
    """Maximum of windows that are 3 wide and 2 apart.

    "same" gives ``ceil(n / 2)`` outputs along an axis of length n; "valid" keeps
    windows inside, narrower ones along an axis shorter than 3.
    """

    def __init__(self, spatial_shape: tuple[int, ...], padding: str) -> None:
        super().__init__()
        n_dims = len(spatial_shape)
        same = padding == "same"
        window = tuple(3 if same else min(3, n) for n in spatial_shape)
        stride = (2,) * n_dims
        self.output_shape = convolved_shape(spatial_shape, window, stride, padding)
        self.pool = _MAX_POOLS[n_dims](window, stride, padding=1 if same else 0)


class GlobalAveragePooling(nn.Module):
    """The mean of every feature map.

    Unlike :class:`torch.nn.AdaptiveAvgPool2d` it gives gradients the memory format of
    the feature maps, which saves a tenth of a training step.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Average over space; best with channels last in memory."""
        if x.ndim == 3 or torch.compiler.is_exporting():
            return x.mean(dim=tuple(range(2, x.ndim)))
        return x.movedim(1, -1).flatten(1, -2).mean(dim=1)


class GlobalPooling(nn.Sequential):
    """From feature maps to a vector of ``n_features`` for each sample [1]_.

    The mean or the maximum of every map, or ("flatten") all of its positions.

    References
    ----------
    .. [1] M. Lin, Q. Chen and S. Yan, "Network in network", ICLR 2014.
    """

    def __init__(
        self, kind: str, n_channels: int, spatial_shape: tuple[int, ...]
    ) -> None:
        super().__init__()
        self.n_features = n_channels
        if kind == "flatten":
            self.n_features *= prod(spatial_shape)
        elif kind == "avg":
            self.mean = GlobalAveragePooling()
        else:
            self.max = _GLOBAL_MAX_POOLS[len(spatial_shape)](1)
        self.flatten = nn.Flatten()


class MaskedPooling(nn.Module):
    """:class:`GlobalPooling` of series, each as far as it goes."""

    def __init__(
        self, kind: str, n_channels: int, spatial_shape: tuple[int, ...]
    ) -> None:
        super().__init__()
        if len(spatial_shape) != 1:
            raise ValueError(
                "unequal_length=True is for series, but X has samples of the spatial "
                f"shape {spatial_shape}. Leave it at False, or pass spatial_dims=1."
            )
        self.kind = kind
        self.n_features = n_channels * (spatial_shape[0] if kind == "flatten" else 1)

    def forward(self, x: Tensor, series: Tensor) -> Tensor:
        """Pool maps of series, which NaN ends where it does."""
        n, n_steps = x.shape[2], series.shape[2]
        # as many positions of the map as see a step that is there
        sizes = ((lengths(series) * n + n_steps - 1) // n_steps)[:, None, None]
        beyond = torch.arange(n, device=x.device) >= sizes
        if self.kind == "max":
            return x.masked_fill(beyond, -torch.inf).amax(dim=2)
        x = x.masked_fill(beyond, 0)
        return x.flatten(1) if self.kind == "flatten" else x.sum(dim=2) / sizes[:, 0]


def lengths(series: Tensor) -> Tensor:
    """Count the steps before NaN, of shape (n_samples,)."""
    return (~series.isnan().any(dim=1)).sum(dim=1)


def zeros_for_nan(x: Tensor) -> Tensor:
    """Fill what is behind the end of series with zeros."""
    return x.masked_fill(x.isnan(), 0)
