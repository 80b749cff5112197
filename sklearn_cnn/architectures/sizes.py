"""Arithmetic of sizes, and checks of those that users give."""

from collections.abc import Sequence

Size = int | Sequence[int]

#: Length of the longest axis below which networks made for photographs start gently.
_SMALL = 64


def stage_sizes(
    filters: Sequence[int], blocks_per_stage: Size
) -> list[tuple[int, int]]:
    """Pair the widths of the stages with their numbers of blocks."""
    n_stages = len(filters)
    if isinstance(blocks_per_stage, int):
        blocks_per_stage = (blocks_per_stage,) * n_stages
    if len(blocks_per_stage) != n_stages:
        raise ValueError(
            f"filters={filters!r} has {n_stages} entries, but blocks_per_stage="
            f"{blocks_per_stage!r} has {len(blocks_per_stage)}. Give both one entry "
            "for each stage, or an int as blocks_per_stage."
        )
    return list(zip(filters, blocks_per_stage, strict=True))


def require_stages(filters: Sequence[int], n_stages: int) -> None:
    """Refuse another number of stages than a network has."""
    if len(filters) != n_stages:
        raise ValueError(
            f"filters={filters!r} has {len(filters)} entries, but this architecture "
            f"has {n_stages} stages. Give {n_stages} numbers of filters."
        )


def is_small(spatial_shape: tuple[int, ...]) -> bool:
    """Tell whether images are too small for a network made for photographs."""
    return max(spatial_shape) < _SMALL


def convolved_shape(
    shape: tuple[int, ...],
    kernel_size: tuple[int, ...],
    stride: tuple[int, ...],
    padding: str,
) -> tuple[int, ...]:
    """Spatial shape of a convolution's output [1]_.

    "same" padding keeps the shape at a stride of 1. An entry is 0 or less where the
    kernel is larger than the input.

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
