"""How a network was built, and how it is built again."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sklearn_cnn.architectures.libraries import is_of_library
from sklearn_cnn.architectures.registry import build, registered_builder
from sklearn_cnn.architectures.stored import StoredModule
from sklearn_cnn.architectures.weights import is_file, is_state
from sklearn_cnn.utils._plain_state import PlainState

_NO_BUILDERS = {"builtins", "functools", "numpy", "operator", "scipy", "sklearn"}


@dataclass(frozen=True, eq=False)
class Blueprint(PlainState):
    """All that :func:`~.registry.build` was called with.

    ``data`` are the number of channels, the spatial shape and the number of outputs.
    """

    architecture: Any
    data: tuple[int, tuple[int, ...], int]
    parameters: dict[str, Any]
    defaults: dict[str, Any]
    weights: Any = None

    def build(self, *, pretrained: bool = True) -> nn.Module:
        """Build the network; unless ``pretrained``, read and download no weights."""
        return build(
            self.architecture,
            *self.data,
            self.parameters,
            self.defaults,
            self.weights,
            pretrained=pretrained,
        )

    def build_empty(self) -> nn.Module:
        """Build it without values, on the meta device."""
        with torch.device("meta"):
            return self.build(pretrained=False)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Blueprint":
        return self  # it never changes, and may hold a network

    def _plain_state(self) -> dict[str, Any]:
        state = {**vars(self), "weights": self._kind_of_weights()}
        builder = registered_builder(self.architecture)
        if builder is not None:
            state["builder"] = builder  # to import its module registers the name
        if isinstance(self.architecture, nn.Module):
            state["architecture"] = StoredModule.of(self.architecture)
        return state

    def _kind_of_weights(self) -> str | None:
        """Name the weights as far as the shape of a network depends on them."""
        if is_state(self.weights) or not is_of_library(self.architecture):
            return None
        return f"./{Path(self.weights).name}" if is_file(self.weights) else self.weights

    def _set_plain_state(self, state: dict[str, Any]) -> None:
        state.pop("builder", None)
        vars(self).update(state)
        if isinstance(self.architecture, StoredModule):
            vars(self)["architecture"] = self.architecture.module()
        elif not isinstance(self.architecture, str):
            _require_builder(self.architecture)


def _require_builder(architecture: Any) -> None:
    """Refuse to call what others trust as values: functions of NumPy and the like."""
    while isinstance(architecture, partial):
        architecture = architecture.func
    home = getattr(architecture, "__module__", None) or type(architecture).__module__
    if not callable(architecture) or home.partition(".")[0] in _NO_BUILDERS:
        raise ValueError(f"architecture, of {type(architecture)}, builds no network.")
