"""What was given for a parameter."""

import reprlib
from collections.abc import Iterable
from inspect import signature
from math import isfinite
from numbers import Integral, Real
from typing import Any

import numpy as np


def is_integer(value: Any) -> bool:
    """Tell whether a value is an integer, booleans excluded."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Tell whether a value is a finite real number, booleans excluded."""
    if not isinstance(value, Real) or isinstance(value, bool):
        return False
    try:
        return isfinite(value)
    except OverflowError:  # an integer beyond all floats
        return False


def require_integer(name: str, value: Any, least: int) -> None:
    """Check a parameter that counts something."""
    if not is_integer(value) or value < least:
        given = reprlib.repr(value)
        raise ValueError(f"{name}={given} must be an integer of at least {least}.")


def is_sequence(value: Any) -> bool:
    """Tell several entries from one number, also where that is an array of no axes."""
    return isinstance(value, Iterable) and getattr(value, "ndim", 1) > 0


def defaults_of(kind: type) -> dict[str, Any]:
    """Give the values of those constructor parameters that need not be passed."""
    found = signature(kind).parameters.values()
    return {p.name: p.default for p in found if p.default is not p.empty}


def has_parameters(value: Any) -> bool:
    """Tell whether a value has parameters of its own, as estimators have.

    Transforms of torchvision have a ``get_params`` too, which draws random numbers.
    """
    if isinstance(value, type) or not hasattr(value, "get_params"):
        return False
    return "deep" in signature(value.get_params).parameters


def as_builtin(value: Any) -> Any:
    """Give numbers and sequences Python's own types: they compare and store alike."""
    if hasattr(value, "__array__"):
        value = np.asarray(value).tolist()
    if isinstance(value, list | tuple | range):
        return tuple(as_builtin(entry) for entry in value)
    return value
