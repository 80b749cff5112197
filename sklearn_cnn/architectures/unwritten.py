"""What convolutions in bfloat16 leave unwritten."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

_CONVOLUTIONS = (F.conv1d, F.conv2d, F.conv3d)
_TRANSPOSED = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)
_REDUCED = (torch.bfloat16, torch.float16)


class EverythingWritten(TorchFunctionMode):
    """A context in which convolutions are whole, and get whole gradients later on.

    In bfloat16 on CPUs, oneDNN (of torch 2.14) leaves two things unwritten. What was in
    that memory before goes into predictions and weights, often NaN:

    - outputs, where there is but one along an axis, by a stride of more than 1. The
      stride makes no difference then, and becomes 1;
    - the gradient of a tap that sees nothing but padding, as a corner of a filter of
      3x3 does that strides over a map of 2x2. Such taps are left out, and the map is
      padded before.

    Others write where they should not, which corrupts the memory of the process:
    convolutions of volumes by strides of more than 2, which are computed in float32;
    and transposed ones, those of volumes in float32 too. They are left to torch's own
    code, which is that of float64.

    That holds for the layers and functions of torch in any network, and for what its
    compiler makes of them. All other calls are left alone.

    Attributes
    ----------
    was_needed : bool
        Whether any call was made with other arguments.
    """

    was_needed: bool = False

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Call a function of torch, convolutions with other arguments."""
        keywords = kwargs or {}
        if func in _CONVOLUTIONS and _is_reduced(*args, **keywords):
            axes = _axes(*args, **keywords)
            striding = func is F.conv3d and any(axis.stride > 2 for axis in axes)
            if striding or any(axis.differs for axis in axes):
                self.was_needed = True
                convolve = partial(_convolve, func, axes)
                if striding:
                    return _in_wider(torch.float32, convolve, *args, **keywords)
                return convolve(*args, **keywords)
        elif func in _TRANSPOSED and _is_reduced(*args, **keywords):
            self.was_needed = True
            return _in_wider(torch.float64, func, *args, **keywords)
        return func(*args, **keywords)


def leaves_unwritten(module: nn.Module, images: Tensor) -> bool:
    """Tell whether a network on the CPU needs ``EverythingWritten`` for such images.

    One with code of others may compute other images otherwise: it always does.
    """
    packages = {type(layer).__module__.split(".")[0] for layer in module.modules()}
    if not packages <= {"torch", "sklearn_cnn"}:
        return True
    with torch.autocast("cpu", torch.bfloat16), EverythingWritten() as guard:
        module(images)
    return bool(guard.was_needed)


def _convolve(
    convolve: Callable[..., Tensor],
    axes: "list[_Axis]",
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    strides, taps, paddings = zip(*(axis[1:] for axis in axes), strict=True)
    # torch counts the last axis first; a negative number cuts off
    padded = F.pad(input, [width for both in paddings[::-1] for width in both])
    weight = weight[(slice(None), slice(None), *taps)]
    return convolve(padded, weight, bias, strides, 0, dilation, groups)


def _axes(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> list["_Axis"]:
    n_axes = weight.ndim - 2
    kernel, dilations = tuple(weight.shape[2:]), _each(dilation, n_axes)
    learns = torch.is_grad_enabled() and weight.requires_grad
    return [
        _along_axis(*sizes, learns)
        for sizes in zip(
            input.shape[-n_axes:],
            kernel,
            _each(stride, n_axes),
            dilations,
            _paddings(padding, kernel, dilations),
            strict=True,
        )
    ]


class _Axis(NamedTuple):
    """How an axis is convolved so that everything is written."""

    differs: bool
    stride: int
    taps: slice
    padding: tuple[int, int]


def _along_axis(
    n: int, k: int, s: int, d: int, paddings: tuple[int, int], learns: bool
) -> _Axis:
    before, after = paddings
    n_outputs = (n + before + after - d * (k - 1) - 1) // s + 1
    single = n_outputs == 1 and s > 1
    differs = single
    taps = list(range(k))
    if learns:
        seen = _seen_taps(n, n_outputs, k, s, before, d)
        # groups of one channel need it wherever a map is smaller than the kernel
        differs |= seen != taps or n <= d * (k - 1)
        taps = seen or taps
    first, last = taps[0], taps[-1]
    before -= first * d
    after = (n_outputs - 1) * s + d * (last - first) + 1 - n - before
    stride = 1 if single else s
    return _Axis(differs, stride, slice(first, last + 1), (before, after))


def _in_wider(
    wider: torch.dtype,
    convolve: Callable[..., Tensor],
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *options: Any,
    **keywords: Any,
) -> Tensor:
    autocast = torch.is_autocast_enabled("cpu")
    dtype = torch.get_autocast_dtype("cpu") if autocast else input.dtype
    given = [None if t is None else t.to(wider) for t in (input, weight, bias)]
    with torch.autocast("cpu", enabled=False):
        return convolve(*given, *options, **keywords).to(dtype)


def _is_reduced(input: Tensor, *args: Any, **keywords: Any) -> bool:
    if input.device.type != "cpu":
        return False
    if torch.is_autocast_enabled("cpu"):
        return torch.get_autocast_dtype("cpu") in _REDUCED
    return input.dtype in _REDUCED


def _each(value: Any, n_axes: int) -> tuple[int, ...]:
    if isinstance(value, int):
        return (value,) * n_axes
    return tuple(value) * n_axes if len(value) == 1 else tuple(value)


def _paddings(
    padding: Any, kernel: tuple[int, ...], dilations: tuple[int, ...]
) -> list[tuple[int, int]]:
    """Give what is put before and behind, for each axis."""
    if padding == "same":
        both = [d * (k - 1) for k, d in zip(kernel, dilations, strict=True)]
        return [(total // 2, total - total // 2) for total in both]
    return [(p, p) for p in _each(0 if padding == "valid" else padding, len(kernel))]


def _seen_taps(
    n: int, n_outputs: int, kernel_size: int, stride: int, padding: int, dilation: int
) -> list[int]:
    """List the taps that see a position of the map from at least one output.

    Examples
    --------
    >>> from sklearn_cnn.architectures.unwritten import _seen_taps
    >>> _seen_taps(4, 2, 3, stride=2, padding=1, dilation=1)
    [0, 1, 2]
    >>> _seen_taps(2, 1, 3, stride=2, padding=1, dilation=1)
    [1, 2]
    """
    seen = []
    for tap in range(kernel_size):
        begin = padding - tap * dilation  # where the map lies for the tap
        output = max(0, -(-begin // stride))  # the first that is not before it
        if output < n_outputs and output * stride < begin + n:
            seen.append(tap)
    return seen
