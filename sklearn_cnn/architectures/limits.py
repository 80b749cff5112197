"""How large a network may be, said before memory is asked for."""

from collections.abc import Callable, Iterator
from math import prod
from typing import Any

import torch
from torch import nn

#: 4 GiB of weights, and 16 to train them by AdamW.
_MAX_WEIGHTS = 1 << 30
_MAX_BLOCKS = 10_000
#: Sizes below which weights need not be counted, which takes as long as a small fit.
_LARGE_SIZE = 1024
_LARGE_IMAGE = 1 << 18


def require_buildable(
    build: Callable[..., nn.Module],
    architecture: str,
    data: tuple[int, tuple[int, ...], int],
    keywords: dict[str, Any],
) -> None:
    """Refuse a network of too many blocks or weights."""
    n_stages = len(keywords.get("filters") or ())
    blocks = keywords.get("blocks_per_stage", 1)
    # nobody knows yet how many stages the default has
    total = blocks * max(n_stages, 1) if isinstance(blocks, int) else sum(blocks)
    most = max(total, n_stages)
    if most > _MAX_BLOCKS:
        many = "filters" if n_stages > _MAX_BLOCKS else "blocks_per_stage"
        raise ValueError(
            f"{many}={_short(keywords[many])} makes {_count(most)} blocks, more than "
            f"the {_MAX_BLOCKS:,} that a network may have. Use fewer."
        )
    sizes = {k: max(found) for k, v in keywords.items() if (found := list(_sizes(v)))}
    _, spatial_shape, n_outputs = data
    if prod(spatial_shape) < _LARGE_IMAGE and n_outputs <= _LARGE_SIZE:
        if max(sizes.values(), default=0) <= _LARGE_SIZE:
            return
    try:
        n_weights = _count_weights(build, data, keywords)
    except (RuntimeError, TypeError, OverflowError):
        if max(sizes.values(), default=0) < 1 << 31:
            return  # some other fault, which shows when the network is built
        n_weights = None  # beyond the integers of torch
    if n_weights is not None and n_weights <= _MAX_WEIGHTS:
        return
    largest = max(sizes, key=lambda name: sizes[name], default="")
    given = f"{largest}={_short(keywords[largest])} and " if largest else ""
    weights = "more weights than can be counted"
    if n_weights is not None:
        weights = f"{_count(n_weights)} weights"
    raise ValueError(
        f"architecture={architecture!r} with {given}images of {spatial_shape} has "
        f"{weights}, more than the {_MAX_WEIGHTS:,} (4 GiB) that a network may have. "
        "Use fewer filters, smaller hidden_layer_sizes or kernel_size, "
        "global_pooling='avg', or smaller images."
    )


def _count_weights(
    build: Callable[..., nn.Module],
    data: tuple[int, tuple[int, ...], int],
    keywords: dict[str, Any],
) -> int:
    with torch.device("meta"):  # where tensors have no memory
        module = build(*data, **keywords)
    return sum(parameter.numel() for parameter in module.parameters())


def _sizes(value: Any) -> Iterator[int]:
    if isinstance(value, int):
        yield value
    elif isinstance(value, tuple):
        yield from (entry for entry in value if isinstance(entry, int))


def _count(n: int) -> str:
    return f"{n:,}" if n < 1 << 63 else "more than 2**63"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
