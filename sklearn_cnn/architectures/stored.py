"""A module of the user's as plain values: classes by import path, settings, tensors."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from types import BuiltinFunctionType, FunctionType
from typing import Any

import torch
from torch import Tensor, nn

from sklearn_cnn.utils._tensors import as_bytes, from_bytes

#: Packages whose layers are made of settings without asking: those hold no code.
_KNOWN = (
    "sklearn_cnn.architectures.",
    "torch.nn.modules.",
    "torchvision.models.",
    "torchvision.ops.",
)
#: What every module has, and what is not stored: hooks, which are code.
_OF_TORCH = {*vars(nn.Module())}
_STORED = {"_parameters", "_buffers", "_modules", "_non_persistent_buffers_set"}
_PLAIN = (bool, int, float, str, type(None))


@dataclass(eq=False)
class StoredModule:
    """A module without its code.

    Parameters
    ----------
    layers : dict of str to dict
        By the path of each layer, parents first, what it is.
    tensors : bytes
        All parameters and buffers.
    """

    layers: dict[str, dict[str, Any]]
    tensors: bytes

    @classmethod
    def of(cls, module: nn.Module) -> "StoredModule":
        """Take a module apart, or say why that cannot be."""
        paths: dict[int, str] = {}
        names: dict[int, str] = {}
        tensors: dict[str, Tensor] = {}
        layers: dict[str, dict[str, Any]] = {}
        for path, layer in module.named_modules(remove_duplicate=False):
            if id(layer) in paths:
                layers[path] = {"same_as": paths[id(layer)]}
                continue
            paths[id(layer)] = path
            layers[path] = {
                "class": _class_of(layer, path),
                "settings": dict(_settings(layer, path)),
                "training": layer.training,
                "children": list(layer._modules),
                "transient": sorted(layer._non_persistent_buffers_set),
            }
            for kind in ("_parameters", "_buffers"):
                found: dict[str, Any] = {}
                layers[path][kind] = found
                for name, tensor in getattr(layer, kind).items():
                    found[name] = None
                    if tensor is not None:
                        key = names.setdefault(id(tensor), f"{path}.{name}")
                        tensors[key] = tensor
                        found[name] = [key, tensor.requires_grad]
        return cls(layers, as_bytes(tensors, holds="weights"))

    def module(self) -> nn.Module:
        """Put the module together again; no code of its classes runs."""
        tensors = from_bytes(self.tensors)
        parameters: dict[str, nn.Parameter] = {}
        made: dict[str, nn.Module] = {}
        for path, state in self.layers.items():
            if "same_as" in state:
                made[path] = made[state["same_as"]]
            else:
                made[path] = _made(state, tensors, parameters)
        for path, state in self.layers.items():
            for name in state.get("children", ()):
                child = f"{path}.{name}" if path else name
                made[path]._modules[name] = made.get(child)
        return made[""]


def _made(
    state: dict[str, Any],
    tensors: dict[str, Tensor],
    parameters: dict[str, nn.Parameter],
) -> nn.Module:
    found = _found(state["class"])
    layer: nn.Module = found.__new__(found)
    nn.Module.__init__(layer)
    for name, value in state["settings"].items():
        vars(layer)[name] = _function(value)
    layer.training = state["training"]
    for name, given in state["_parameters"].items():
        if given is not None and given[0] not in parameters:
            key, learns = given
            parameters[key] = nn.Parameter(tensors[key], requires_grad=learns)
        layer._parameters[name] = given and parameters[given[0]]
    for name, given in state["_buffers"].items():
        layer._buffers[name] = given and tensors[given[0]]
    layer._non_persistent_buffers_set = set(state["transient"])
    return layer


def _class_of(layer: nn.Module, path: str) -> Any:
    """Give the class, or its name where that is of a known package."""
    found, at = type(layer), f"layer {path!r}" if path else "the module"
    module, name = found.__module__, found.__qualname__
    if any(vars(layer)[hooks] for hooks in _OF_TORCH - _STORED if "hooks" in hooks):
        raise ValueError(
            f"architecture cannot be saved: {at} has hooks, which are code. Remove "
            "them before saving."
        )
    try:
        importable = module != "__main__" and getattr(import_module(module), name)
    except (ImportError, AttributeError):
        importable = None
    if importable is not found:
        raise ValueError(
            f"architecture cannot be saved: {at} is a {module}.{name}, which no other "
            "process can import, and a file holds no code. Define the class in a "
            "module that can be imported, and fit again."
        )
    return f"{module}.{name}" if module.startswith(_KNOWN) else found


def _found(given: Any) -> type[nn.Module]:
    if isinstance(given, str):
        if not given.startswith(_KNOWN):
            raise ValueError(f"{given!r} is not of a known package.")
        module, _, name = given.rpartition(".")
        try:
            given = getattr(import_module(module), name)
        except (ImportError, AttributeError):
            raise ValueError(f"There is no {given} here.") from None
    if not (isinstance(given, type) and issubclass(given, nn.Module)):
        raise ValueError(f"{given!r} is not a class of torch modules.")
    return given


def _settings(layer: nn.Module, path: str) -> Iterator[tuple[str, Any]]:
    for name, value in vars(layer).items():
        if name in _OF_TORCH:
            continue
        try:
            yield name, _plain(value)
        except TypeError:
            raise ValueError(
                "architecture cannot be saved: its layer "
                f"{path or type(layer).__name__!r} has {name}={value!r:.80}, which a "
                "file cannot hold. Use numbers, strings, and tensors that are "
                "registered as buffers; or pass a function that builds the network."
            ) from None


def _plain(value: Any) -> Any:
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, torch.Size):
        return tuple(value)
    if type(value) in (list, tuple, set):
        return type(value)(_plain(entry) for entry in value)
    if type(value) is dict:
        return {_key(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, FunctionType | BuiltinFunctionType):
        if _of_torch(value.__name__) is value:
            return {"function": value.__name__}
        if value.__module__ != "__main__" and value.__qualname__ == value.__name__:
            return value
    raise TypeError


def _key(key: Any) -> str:
    if isinstance(key, str):
        return key
    raise TypeError


def _function(value: Any) -> Any:
    if isinstance(value, dict) and value.keys() == {"function"}:
        function = _of_torch(value["function"])
        if function is None:
            raise ValueError(f"{value['function']!r} is not in torch.nn.functional.")
        return function
    return value


def _of_torch(name: str) -> Any:
    """Find a function of ``torch.nn.functional``, some of which are not in Python."""
    found = None if name.startswith("_") else getattr(nn.functional, name, None)
    of_python = getattr(found, "__module__", None) == nn.functional.__name__
    is_function = isinstance(found, FunctionType) and of_python
    return found if is_function or isinstance(found, BuiltinFunctionType) else None
