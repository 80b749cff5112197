"""Parameters with one entry for each spatial axis."""

from typing import Any

from sklearn_cnn.utils._parameters import is_integer, is_sequence

AXES = {1: "length", 2: "height, width", 3: "depth, height, width"}


def per_axis(
    value: Any, n_axes: int, name: str, *, minimum: int | None = None
) -> tuple[Any, ...]:
    """Repeat one number for every spatial axis, or check that there is one for each.

    With ``minimum``, the entries must be integers of at least that.
    """
    entries = tuple(value) if is_sequence(value) else (value,) * n_axes
    if minimum is not None:
        if not all(is_integer(n) and n >= minimum for n in entries):
            raise ValueError(
                f"{name}={value!r} must be an integer of at least {minimum}, or one "
                "for each spatial axis."
            )
        entries = tuple(int(n) for n in entries)
    if len(entries) != n_axes:
        raise ValueError(
            f"{name}={value!r} has {len(entries)} entries, but the samples of X have "
            f"{n_axes} spatial axes. Give one number, or a sequence of {n_axes} of "
            f"them, one for each of the {n_axes} spatial axes ({AXES[n_axes]}); pass "
            "spatial_dims if axes are not what they seem."
        )
    return entries
