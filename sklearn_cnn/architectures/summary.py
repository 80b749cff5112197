"""What every layer of a network does, seen in one forward pass."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.pooling import (
    _AdaptiveAvgPoolNd,
    _AdaptiveMaxPoolNd,
    _AvgPoolNd,
    _MaxPoolNd,
)

from sklearn_cnn.architectures.probe import blank_image
from sklearn_cnn.utils._generators import generator_restored


@dataclass(frozen=True)
class LayerSummary:
    """One layer of a network; what belongs to layers inside it is left out."""

    #: Its path, as in ``torch.nn.Module.get_submodule``.
    layer: str
    type: str
    #: Channels, then space; None if the forward pass leaves the layer out, or if it
    #: gives something else than one tensor.
    output_shape: tuple[int, ...] | None
    kernel_size: tuple[int, ...] | None
    stride: tuple[int, ...] | None
    #: Of a layer that does nothing else: both ends of every axis, the last axis first.
    padding: tuple[int, ...] | str | None
    #: Weights that several layers share count in the first of them.
    parameters: int
    #: Of products with weights, for one sample.
    multiply_adds: int
    #: Pixels of the input that one unit of the output depends on, along every axis.
    receptive_field: tuple[int, ...] | None


def summarize(
    module: nn.Module, n_channels: int, spatial_shape: tuple[int, ...]
) -> list[LayerSummary]:
    """List the layers of a network, in the order in which they are computed.

    They are those that contain no other, and all that have weights of their own or
    multiply by themselves. A blank image goes through the network once. Multiply-adds
    are half of what :class:`torch.utils.flop_counter.FlopCounterMode` counts. Receptive
    fields follow from the kernel sizes and strides of convolutions and pooling layers
    [1]_; where paths join, the widest counts. A pooling that the network computes
    without a layer is not seen.

    References
    ----------
    .. [1] V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep
       learning", 2016, https://arxiv.org/abs/1603.07285
    """
    # it imports Triton where that is installed, which takes 0.2 s
    from torch.utils.flop_counter import FlopCounterMode

    # attention takes a shortcut that nobody counts, unless a gradient is asked for; a
    # clone, as what asks for it itself cannot be changed in place
    image = blank_image(module, n_channels, spatial_shape).requires_grad_().clone()
    with (
        evaluating(module),
        generator_restored(),
        torch.enable_grad(),
        FlopCounterMode(display=False) as counter,
    ):
        walk = _Walk(module, spatial_shape, counter)
        walk.run(image)
    return walk.layers()


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put a network into evaluation mode, and every layer back on exit."""
    training = [layer for layer in module.modules() if layer.training]
    for layer in training:
        layer.training = False
    try:
        yield
    finally:
        for layer in training:
            layer.training = True


@dataclass
class _Field:
    """How many pixels a unit sees, and how far its neighbour's pixels are shifted."""

    size: tuple[int, ...]
    step: tuple[int, ...]

    def widened(self, kernel: tuple[int, ...], stride: tuple[int, ...]) -> "_Field":
        size = zip(self.size, kernel, self.step, strict=True)
        return _Field(
            tuple(n + (k - 1) * step for n, k, step in size),
            tuple(a * b for a, b in zip(self.step, stride, strict=True)),
        )

    def joined(self, other: "_Field") -> "_Field":
        return _Field(
            tuple(map(max, self.size, other.size)),
            tuple(map(max, self.step, other.step)),
        )


@dataclass
class _Call:
    """A layer that is being computed."""

    multiply_adds_before: int
    given: _Field
    widest: _Field
    multiply_adds_inside: int = 0


class _Walk:
    """Hooks on all layers, and what they see."""

    def __init__(
        self, module: nn.Module, spatial_shape: tuple[int, ...], counter: Any
    ) -> None:
        n_dims = len(spatial_shape)
        self.module = module
        self.n_dims = n_dims
        self.whole = _Field(spatial_shape, (1,) * n_dims)
        self.counter = counter
        self.names = {layer: name for name, layer in module.named_modules()}
        pixel = _Field((1,) * n_dims, (1,) * n_dims)
        self.calls = [_Call(0, pixel, pixel)]
        # the tensors are kept as well: another one could take the place of a lost one
        self.fields: dict[int, tuple[Tensor, _Field]] = {}
        self.seen: dict[nn.Module, tuple[tuple[int, ...] | None, int, _Field]] = {}

    def run(self, image: Tensor) -> None:
        self.fields[id(image)] = image, self.calls[0].given
        with ExitStack() as hooks:
            for layer in self.names:
                hooks.enter_context(layer.register_forward_pre_hook(self._enter))
                hooks.enter_context(layer.register_forward_hook(self._leave))
            self.module(image)

    def layers(self) -> list[LayerSummary]:
        counted: set[int] = set()
        rows = []
        left_out = {layer: None for layer in self.names if layer not in self.seen}
        # a layer begins to be seen when it begins to be computed
        for layer in (*self.seen, *left_out):
            own = {id(p): p.numel() for p in layer.parameters(recurse=False)}
            n_parameters = sum(n for key, n in own.items() if key not in counted)
            counted |= own.keys()
            shape, multiply_adds, field = self.seen.get(layer, (None, 0, None))
            contains = next(layer.children(), None) is not None
            if not own and not multiply_adds and (contains or layer in left_out):
                continue
            rows.append(
                LayerSummary(
                    self.names[layer],
                    type(layer).__name__,
                    shape,
                    self._per_axis(getattr(layer, "kernel_size", None)),
                    self._per_axis(getattr(layer, "stride", None)),
                    self._per_axis(getattr(layer, "padding", None)),
                    n_parameters,
                    multiply_adds,
                    None if field is None else field.size,
                )
            )
        return rows

    def _enter(self, layer: nn.Module, inputs: tuple[Any, ...]) -> None:
        outer = self.calls[-1]
        known = self.fields.get(id(inputs[0])) if inputs else None
        # a sum or a concatenation of several tensors was computed by no layer
        given = known[1] if known else outer.widest
        self.calls.append(_Call(self._multiply_adds(), given, given))
        self.seen.setdefault(layer, (None, 0, given))

    def _leave(self, layer: nn.Module, inputs: Any, output: Any) -> None:
        call, outer = self.calls.pop(), self.calls[-1]
        spent = self._multiply_adds() - call.multiply_adds_before
        outer.multiply_adds_inside += spent
        field = self._field_after(layer, call, output)
        outer.widest = outer.widest.joined(field)
        shape = None
        if isinstance(output, Tensor):
            self.fields[id(output)] = output, field
            shape = tuple(output.shape[1:])
        own = spent - call.multiply_adds_inside + self.seen[layer][1]
        self.seen[layer] = shape, own, field

    def _field_after(self, layer: nn.Module, call: _Call, output: Any) -> _Field:
        if not isinstance(output, Tensor):
            return call.widest
        if id(output) in self.fields:
            return self.fields[id(output)][1]
        if output.ndim != 2 + self.n_dims:
            return self.whole
        if isinstance(layer, _AdaptiveAvgPoolNd | _AdaptiveMaxPoolNd):
            return self.whole
        if isinstance(layer, _ConvNd | _MaxPoolNd | _AvgPoolNd):
            dilation = self._per_axis(getattr(layer, "dilation", 1))
            kernel = self._per_axis(layer.kernel_size)
            reach = tuple(
                1 + (k - 1) * d for k, d in zip(kernel, dilation, strict=True)
            )
            return call.given.widened(reach, self._per_axis(layer.stride))
        return call.widest

    def _per_axis(self, size: Any) -> Any:
        return (size,) * self.n_dims if isinstance(size, int) else size

    def _multiply_adds(self) -> int:
        return int(self.counter.get_total_flops()) // 2
