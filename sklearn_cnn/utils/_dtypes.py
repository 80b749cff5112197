"""Number types, of numpy and of torch alike."""

from typing import Any

#: Without uint16, which torch can store but hardly compute with.
_EXACT_IN_FLOAT32 = {"bool", "int8", "uint8", "int16", "float16", "bfloat16", "float32"}


def exact_in_float32(dtype: Any) -> bool:
    """Tell whether float32 holds every value of a dtype of numpy or torch."""
    return str(dtype).removeprefix("torch.") in _EXACT_IN_FLOAT32
