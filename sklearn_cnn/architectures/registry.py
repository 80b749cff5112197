"""Names of architectures, and the one way to build a network from them."""

import inspect
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from torch import nn

#: Parameters that describe the data, which every builder takes by position.
_DATA_PARAMETERS = ("n_channels", "spatial_shape", "n_outputs")

Builder = Callable[..., nn.Module]

_BUILDERS: dict[str, Builder] = {}


def register(name: str) -> Callable[[Builder], Builder]:
    """Make a network available as ``architecture=name``.

    Parameters
    ----------
    name : str
        What users write.

    Returns
    -------
    decorator : callable
        Takes a module class or function of signature ``(n_channels, spatial_shape,
        n_outputs, *, ...)``, whose keywords are the constructor parameters of the
        estimators that it obeys, and returns it unchanged.
    """

    def decorator(builder: Builder) -> Builder:
        _BUILDERS[name] = builder
        return builder

    return decorator


def available_architectures() -> list[str]:
    """List the names that ``architecture`` accepts.

    Returns
    -------
    names : list of str
        In alphabetical order.

    Examples
    --------
    >>> from sklearn_cnn import available_architectures
    >>> available_architectures()
    ['simple']
    """
    return sorted(_BUILDERS)


def build(
    architecture: str | Builder,
    n_channels: int,
    spatial_shape: tuple[int, ...],
    n_outputs: int,
    parameters: dict[str, Any],
    defaults: dict[str, Any],
) -> nn.Module:
    """Build a network.

    Parameters
    ----------
    architecture : str or callable
        A registered name, or the builder itself.
    n_channels : int
        Channels of the input.
    spatial_shape : tuple of int
        Length of every spatial axis of the input.
    n_outputs : int
        How many values the network gives per sample.
    parameters : dict
        The estimator's parameters that shape a network, by name.
    defaults : dict
        Their default values; a parameter that the architecture does not obey must
        have kept its default.

    Returns
    -------
    module : torch.nn.Module

    Raises
    ------
    ValueError
        If the name is unknown, or a parameter was changed that it does not obey.
    TypeError
        If a callable returns something else than a module.
    """
    builder = _builder(architecture)
    obeyed = set(inspect.signature(builder).parameters) - set(_DATA_PARAMETERS)
    for name, value in parameters.items():
        if name not in obeyed and value != defaults[name]:
            raise ValueError(
                f"{name}={value!r} has no effect on architecture={architecture!r}, "
                f"which obeys {sorted(obeyed & set(parameters)) or 'no parameters'}. "
                f"Leave it at {defaults[name]!r}."
            )
    # where None is the default, it leaves the choice to the architecture
    keywords = {
        name: value
        for name, value in parameters.items()
        if name in obeyed and (value is not None or defaults[name] is not None)
    }
    module = builder(n_channels, spatial_shape, n_outputs, **keywords)
    if not isinstance(module, nn.Module):
        raise TypeError(
            f"architecture={architecture!r} must return a torch.nn.Module, got "
            f"{type(module).__name__}."
        )
    return module


def _builder(architecture: str | Builder) -> Builder:
    if not isinstance(architecture, str):
        return architecture
    if architecture not in _BUILDERS:
        near = get_close_matches(architecture, _BUILDERS)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(
            f"architecture={architecture!r} is not known.{hint} Available: "
            f"{available_architectures()}, or a callable (n_channels, spatial_shape, "
            "n_outputs) -> torch.nn.Module."
        )
    return _BUILDERS[architecture]
