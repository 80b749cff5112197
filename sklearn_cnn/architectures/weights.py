"""Weights to start from, in files and in memory, and how they fit a network."""

import hashlib
import os
import pickle
import warnings
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, TypeGuard, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.nn.parameter import is_lazy

_SUFFIXES = {".safetensors", ".pt", ".pth", ".bin"}
#: Where training scripts put the weights in a checkpoint that holds more.
_WRAPPERS = ("state_dict", "model_state_dict", "model")
#: So many names are given for each thing that does not fit.
_NAMED = 5
#: What a file may lack: counts of batches, which older ones do not have, and the size
#: that a backbone resizes images to, which the libraries do not have.
_OPTIONAL = ("num_batches_tracked", "_extra_state")
_HOW_TO_SAVE = (
    "Save the weights by torch.save(module.state_dict(), path) or "
    "safetensors.torch.save_model(module, path)."
)


@runtime_checkable
class LibraryNetwork(Protocol):
    """A network around the model of a library, which has names of its own."""

    def from_library(self, state: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
        """Rename the library's weights; None if the names are the network's own."""

    def expect_library_images(self) -> None:
        """Take images from now on as the library's weights expect them."""


def is_file(weights: Any) -> bool:
    """Tell whether weights are a file, not the name of weights that a library knows.

    Examples
    --------
    >>> from sklearn_cnn.architectures.weights import is_file
    >>> is_file("resnet.safetensors"), is_file("weights/resnet"), is_file("DEFAULT")
    (True, True, False)
    """
    if isinstance(weights, os.PathLike):
        return True
    if not isinstance(weights, str):
        return False
    path = Path(weights)
    separated = "/" in weights or os.sep in weights
    return separated or path.suffix in _SUFFIXES or os.path.isfile(weights)


def is_state(weights: Any) -> TypeGuard[nn.Module | Mapping[str, Any]]:
    """Tell whether weights are in memory: a state dict, or a module that has one."""
    return isinstance(weights, nn.Module | Mapping)


def are_given(weights: Any) -> bool:
    """Tell whether weights are a file or in memory, not named as a library has them."""
    return is_file(weights) or is_state(weights)


def state_in_memory(weights: nn.Module | Mapping[str, Any]) -> dict[str, Tensor]:
    """Give the tensors of a module or a state dict by name."""
    state = weights.state_dict() if isinstance(weights, nn.Module) else weights
    return _checked(dict(state), _origin(weights))


def fingerprint(weights: Any) -> Any:
    """Give plain values that are the same for the same weights, however they came."""
    if not is_state(weights):
        return weights
    key = hashlib.sha256()
    for name, tensor in sorted(state_in_memory(weights).items()):
        values: Any = tensor.detach().cpu().contiguous()
        key.update(f"{name}{tensor.dtype}{tuple(tensor.shape)}".encode())
        key.update(values.view(-1).view(torch.uint8).numpy())
    return f"a state dict, sha256 {key.hexdigest()}"


def read_state_dict(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Read weights from a file to the CPU, without running code that may be in it.

    A file that is not one of safetensors is one of :func:`torch.save`: the tensors by
    name, or a checkpoint that has them under one of ``_WRAPPERS``.
    """
    origin = _origin(path)
    if not os.path.isfile(path):
        raise FileNotFoundError(
            f"{origin} is not a file. Check the path; it counts from {os.getcwd()!r}."
        )
    return _checked(_read(Path(path), origin), origin)


def _checked(content: Any, origin: str) -> dict[str, Tensor]:
    """Give the tensors of a state dict, or refuse what is none."""
    for wrapper in _WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    if not _is_state_dict(content):
        raise ValueError(
            f"{origin} must hold tensors by name, but it holds "
            f"{_described(content)}. {_HOW_TO_SAVE}"
        )
    odd = [f"{k} ({kind})" for k, v in content.items() if (kind := _odd_kind(v))]
    if odd:
        raise ValueError(
            f"{origin} must hold plain tensors of real numbers, but {len(odd)} are "
            f"not: {_list(odd)}. Convert them before saving, by to_dense() or "
            f"dequantize(). {_HOW_TO_SAVE}"
        )
    return dict(content)


def _odd_kind(tensor: Tensor) -> str:
    """Tell why the values of a tensor cannot be copied; nothing if they can."""
    if tensor.is_meta or is_lazy(tensor):
        return f"{'lazy' if is_lazy(tensor) else 'meta'}, without values"
    if tensor.layout != torch.strided:
        return f"sparse, {tensor.layout}"
    if tensor.is_quantized:
        return "quantised"
    return "complex" if tensor.is_complex() else ""


def _origin(weights: Any) -> str:
    if is_state(weights):
        return f"weights, a {type(weights).__name__},"
    name = os.fspath(weights)
    return f"weights={name if len(name) < 500 else name[:500] + '...'!r}"


def _read(path: Path, origin: str) -> Any:
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # torch words it so only where the file asks for a class or a function
        if "GLOBAL" in str(error):
            raise ValueError(
                f"{origin} holds more than tensors, and loading it could run code. "
                f"{_HOW_TO_SAVE}"
            ) from error
        raise _damaged(origin, "not a file of torch.save") from error
    except Exception as error:  # damaged bytes make the readers fail in any way
        reason = str(error).strip().partition("\n")[0]
        raise _damaged(origin, f"{type(error).__name__}: {reason}") from error


def _damaged(origin: str, reason: str) -> ValueError:
    return ValueError(
        f"{origin} cannot be read ({reason}). The file is damaged, incomplete or of "
        f"another kind: copy or download it again. {_HOW_TO_SAVE}"
    )


def _is_state_dict(content: Any) -> bool:
    return (
        isinstance(content, dict)
        and bool(content)
        and all(isinstance(name, str) for name in content)
        and all(isinstance(value, Tensor) for value in content.values())
    )


def _described(content: Any) -> str:
    if isinstance(content, dict):
        names = [repr(name) for name in content]
        return f"a dict with the keys {_list(names)}" if names else "an empty dict"
    return f"a {type(content).__name__}"


def load_weights(module: nn.Module, weights: Any) -> None:
    """Start a network from the weights in a file, or in memory.

    A backbone also takes those with the names of its library, and then expects images
    as the default weights of that library do.
    """
    state: Mapping[str, Tensor] = (
        state_in_memory(weights) if is_state(weights) else read_state_dict(weights)
    )
    state = _without_prefix(module, state, _origin(weights))
    renamed = module.from_library(state) if isinstance(module, LibraryNetwork) else None
    load_state_dict(module, state if renamed is None else renamed, _origin(weights))
    if renamed is not None and isinstance(module, LibraryNetwork):
        module.expect_library_images()


def _without_prefix(
    module: nn.Module, state: Mapping[str, Tensor], origin: str
) -> Mapping[str, Tensor]:
    """Leave out what a wrapper, such as DataParallel, puts before all names."""
    known = set(module.state_dict())
    if isinstance(module, LibraryNetwork):
        known |= set(module.get_submodule("body").state_dict())
    found = Counter(
        name[:start]
        for name in state
        for start in (0, *(i + 1 for i, c in enumerate(name) if c == "."))
        if name[start:] in known
    )
    if not found:
        return state
    prefix = max(found, key=lambda p: (found[p], -len(p)))
    if not prefix or found[prefix] <= len(state) // 4:
        return state
    stripped = {
        name.removeprefix(prefix): tensor
        for name, tensor in state.items()
        if name.startswith(prefix)
    }
    others = [name for name in state if not name.startswith(prefix)]
    unused = f" {len(others)} other tensors are not used: {_list(others)}."
    warnings.warn(
        f"{origin} has {prefix!r} before the names of the network, which is left out."
        f"{unused if others else ''}",
        UserWarning,
        stacklevel=2,
    )
    return stripped


def load_state_dict(
    module: nn.Module, state: Mapping[str, Tensor], origin: str
) -> None:
    """Start a network from weights, those of its ``head`` excepted.

    If they do not fit, the network stays as it was. Those of a first convolution for
    another number of channels are adapted by :func:`adapt_channels`. ``origin`` names
    the weights in the error.
    """
    target = module.state_dict()
    skipped = ("head.",) if hasattr(module, "head") else ()
    given = {k: v for k, v in state.items() if not k.startswith(skipped)}
    _adapt_first_convolution(module, given)
    expected = [k for k in target if not k.startswith(skipped)]
    problems = {
        "are missing": [
            k for k in expected if k not in given and not k.endswith(_OPTIONAL)
        ],
        "are unknown": [k for k in given if k not in target],
        "have another shape": [
            f"{k} {tuple(v.shape)} instead of {tuple(target[k].shape)}"
            for k, v in given.items()
            if k in target and v.shape != target[k].shape
        ],
    }
    found = [f"{len(p)} {kind}: {_list(p)}" for kind, p in problems.items() if p]
    if found:
        raise ValueError(
            f"{origin} does not fit the network and seems to be for another "
            f"architecture. Of the network's {len(expected)} tensors and the "
            f"{len(given)} given, {'; '.join(found)}. Choose the architecture that "
            "these weights were trained with. Nothing was loaded."
        )
    # as an update of its own state: that is marked with the version of its layers
    target.update(given)
    module.load_state_dict(target)


def _list(names: list[str]) -> str:
    more = ", ..." if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def first_convolution(module: nn.Module) -> tuple[str, _ConvNd] | None:
    """Find the convolution that sees the images: the first one registered.

    None if there is none, or if it keeps groups of channels apart.
    """
    for name, layer in module.named_modules():
        if isinstance(layer, _ConvNd):
            return (name, layer) if layer.groups == 1 else None
    return None


def _adapt_first_convolution(module: nn.Module, state: dict[str, Tensor]) -> None:
    found = first_convolution(module)
    if found is None:
        return
    name, layer = found
    given = state.get(f"{name}.weight")
    wanted = layer.weight.shape
    if given is None or given.ndim != len(wanted) or given.shape[1] == 0:
        return
    if given.shape[0] == wanted[0] and given.shape[2:] == wanted[2:]:
        state[f"{name}.weight"] = adapt_channels(given, wanted[1])


def adapt_channels(weight: Tensor, n_channels: int) -> Tensor:
    """Fit the weights of a convolution to another number of input channels.

    The channels are repeated in turn and scaled by old / new number, so that the
    filters sum to about the same and the layers behind see values of the same size.
    For a single channel they are added up: a grey image gives exactly what it would
    give as an RGB image of three equal channels. ``weight`` is of shape (n_filters,
    n_old_channels, *kernel_size).

    Examples
    --------
    >>> import torch
    >>> from sklearn_cnn.architectures.weights import adapt_channels
    >>> rgb = torch.tensor([1.0, 2.0, 3.0]).reshape(1, 3, 1, 1)
    >>> adapt_channels(rgb, 1).flatten()
    tensor([6.])
    >>> adapt_channels(rgb, 6).flatten()
    tensor([0.5000, 1.0000, 1.5000, 0.5000, 1.0000, 1.5000])
    """
    n_old = weight.shape[1]
    if n_channels == n_old:
        return weight
    if n_channels == 1:
        return weight.sum(dim=1, keepdim=True)
    turns = torch.arange(n_channels, device=weight.device) % n_old
    return weight[:, turns] * (n_old / n_channels)
