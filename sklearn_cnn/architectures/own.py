"""Networks of the user's own."""

import copy
import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

_SIGNATURE = "(n_channels, spatial_shape, n_outputs)"
#: What others call the number of outputs.
_OUTPUTS = ("n_outputs", "num_classes", "n_classes", "out_features", "num_outputs")


def copied(
    module: nn.Module, n_channels: int, spatial_shape: tuple[int, ...], n_outputs: int
) -> nn.Module:
    """Copy a network, whose own weights a training starts from."""
    return copy.deepcopy(module)


def build_own(
    build: Callable[..., nn.Module],
    architecture: Any,
    data: tuple[int, tuple[int, ...], int],
    keywords: dict[str, Any],
) -> nn.Module:
    """Call a callable of the user's with what the data are, and check what it gives."""
    named = f"architecture={_name(architecture)}"
    remedy = _remedy(architecture)
    try:
        inspect.signature(build).bind(*data, **keywords)
    except ValueError:  # not every callable in C has a signature
        pass
    except TypeError as error:
        raise TypeError(
            f"{named} cannot be called with the arguments {_SIGNATURE}: {error}. "
            f"{remedy}"
        ) from error
    try:
        module = build(*data, **keywords)
    except Exception as error:  # whatever a user's code raises
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(
            f"{named} failed when it was called with {_SIGNATURE} = {data}: "
            f"{type(error).__name__}: {reason}. {remedy}"
        ) from error
    if not isinstance(module, nn.Module):
        raise TypeError(
            f"{named} must return a torch.nn.Module, got {type(module).__name__}. "
            f"{remedy}"
        )
    return module


def _name(architecture: Any) -> str:
    if isinstance(architecture, partial):
        return f"partial({_name(architecture.func)}, ...)"
    name = getattr(architecture, "__qualname__", None)
    return str(name or type(architecture).__name__).rpartition("<locals>.")[2]


def _remedy(architecture: Any) -> str:
    function = architecture.func if isinstance(architecture, partial) else architecture
    library, _, rest = (getattr(function, "__module__", None) or "").partition(".")
    if library == "timm":
        given = [*architecture.args, "resnet18"] if function is not architecture else []
        name = given[0] if given and isinstance(given[0], str) else "resnet18"
        return f"Name models of timm, as in architecture='timm:{name}'."
    if library == "torchvision" and rest.startswith("models"):
        name = _name(function)
        name = name if name.islower() else "resnet18"
        return f"Name models of torchvision, as in architecture='torchvision:{name}'."
    call = f"{_name(architecture)}(...)"
    if not isinstance(architecture, partial) and "<" not in call:
        try:
            parameters = inspect.signature(architecture).parameters
        except (TypeError, ValueError):
            parameters = {}  # type: ignore[assignment]
        found = [name for name in _OUTPUTS if name in parameters]
        if found:
            call = call.replace("...", f"{found[0]}=n_outputs")
    else:
        call = "MyNetwork(n_channels, n_outputs)"
    return (
        f"Pass a function that takes these three and returns the network, such as "
        f"architecture=lambda n_channels, spatial_shape, n_outputs: {call}, named by "
        "def if the estimator is to be pickled; or a torch.nn.Module."
    )
