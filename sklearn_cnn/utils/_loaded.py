"""Tensors of torch, where torch may not be loaded."""

import sys
from typing import Any


def loaded_torch() -> Any:
    """Give torch if anything has imported it, else None: then there are no tensors."""
    return sys.modules.get("torch")


def is_tensor(value: Any) -> bool:
    """Tell whether a value is a tensor, without loading torch for the answer."""
    torch = loaded_torch()
    return torch is not None and isinstance(value, torch.Tensor)
