"""Names of architectures, and the one way to build a network from them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import nn

from sklearn_cnn.architectures import libraries
from sklearn_cnn.architectures.joining import keyword_defaults
from sklearn_cnn.architectures.limits import require_buildable
from sklearn_cnn.architectures.own import build_own, copied
from sklearn_cnn.architectures.weights import are_given, load_weights
from sklearn_cnn.utils._spelling import did_you_mean

Builder = Callable[..., nn.Module]

_KINDS = {1: "1-D signals", 2: "2-D images", 3: "3-D volumes"}


@dataclass(frozen=True)
class _Architecture:
    """How a network is built, and for which data."""

    build: Builder
    spatial_dims: tuple[int, ...] = (1, 2, 3)

    @property
    def defaults(self) -> dict[str, Any]:
        """The keywords that the builder takes, and their defaults."""
        return keyword_defaults(self.build)


_REGISTERED: dict[str, _Architecture] = {}


def register(
    name: str, *, spatial_dims: tuple[int, ...] = (1, 2, 3), **defaults: Any
) -> Callable[[Builder], Builder]:
    """Make a network available as ``architecture=name``.

    Parameters
    ----------
    name : str
        What users write.
    spatial_dims : tuple of int, default=(1, 2, 3)
        Numbers of spatial axes that it can be built for.
    **defaults : dict
        Values of the builder's keywords under this name; those that the builder
        itself gives by default stay for the others.

    Returns
    -------
    decorator : callable
        Takes a module class or function of signature ``(n_channels, spatial_shape,
        n_outputs, *, ...)``, whose keywords are the constructor parameters of the
        estimators that it obeys, and returns it unchanged.

    Raises
    ------
    ValueError
        If the name has a colon, which is kept for backbones.

    Examples
    --------
    >>> from torch import nn
    >>> from sklearn_cnn import CNNClassifier
    >>> from sklearn_cnn.architectures import register
    >>> @register("one_layer", spatial_dims=(2,))
    ... def one_layer(n_channels, spatial_shape, n_outputs, *, kernel_size=5):
    ...     return nn.Sequential(
    ...         nn.Conv2d(n_channels, n_outputs, kernel_size),
    ...         nn.AdaptiveAvgPool2d(1),
    ...         nn.Flatten(),
    ...     )
    >>> CNNClassifier("one_layer", kernel_size=7)
    CNNClassifier(architecture='one_layer', kernel_size=7)
    """
    if ":" in name:
        raise ValueError(
            f"The name {name!r} has a colon, which stands for backbones of other "
            "libraries. Use another name."
        )

    def decorator(builder: Builder) -> Builder:
        build = partial(builder, **defaults) if defaults else builder
        _REGISTERED[name] = _Architecture(build, spatial_dims)
        return builder

    return decorator


def available_architectures() -> dict[str, dict[str, Any]]:
    """List the names that ``architecture`` accepts, and the parameters they obey.

    Besides them there are ``"torchvision:NAME"`` and ``"timm:NAME"``, and callables.

    Returns
    -------
    architectures : dict of str to dict
        For every name, in alphabetical order, the constructor parameters that the
        network obeys, with the values that it has where the estimator has None.

    Examples
    --------
    >>> from sklearn_cnn import available_architectures
    >>> "resnet18" in available_architectures()
    True
    >>> available_architectures()["lenet"]["filters"]
    (6, 16)
    """
    return {name: _REGISTERED[name].defaults for name in sorted(_REGISTERED)}


def build(
    architecture: str | Builder | nn.Module,
    n_channels: int,
    spatial_shape: tuple[int, ...],
    n_outputs: int,
    parameters: dict[str, Any],
    defaults: dict[str, Any],
    weights: Any = None,
    *,
    pretrained: bool = True,
) -> nn.Module:
    """Build a network of an estimator's parameters, whose defaults are ``defaults``.

    A parameter that the architecture does not obey must have kept its default. Unless
    ``pretrained``, it has the shape that weights ask for, and random values.
    """
    found = _find(architecture, weights, pretrained)
    _require_dims(len(spatial_shape), found, architecture)
    obeyed = found.defaults
    known = sorted(set(obeyed) & set(parameters)) or "no parameters"
    for name, value in parameters.items():
        if name not in obeyed and value != defaults[name]:
            remedy = ""
            if name == "image_size":
                remedy = ", and put sklearn_cnn.transforms.Resize before the estimator"
            raise ValueError(
                f"{name}={value!r} has no effect on architecture={architecture!r}, "
                f"which obeys {known}. Leave it at {defaults[name]!r}{remedy}."
            )
    # where None is the default, it leaves the choice to the architecture
    keywords = {
        name: value
        for name, value in parameters.items()
        if name in obeyed and (value is not None or defaults[name] is not None)
    }
    data = (n_channels, spatial_shape, n_outputs)
    if isinstance(architecture, str):
        if architecture in _REGISTERED:
            require_buildable(found.build, architecture, data, keywords)
        module = found.build(*data, **keywords)
    else:
        module = build_own(found.build, architecture, data, keywords)
    if pretrained and are_given(weights):
        load_weights(module, weights)
    return module


def _require_dims(
    n_dims: int, found: _Architecture, architecture: str | Builder | nn.Module
) -> None:
    if n_dims not in found.spatial_dims:
        suited = " or ".join(_KINDS[n] for n in found.spatial_dims)
        raise ValueError(
            f"architecture={architecture!r} computes {suited} only, but X is read as "
            f"{_KINDS[n_dims]}. Choose another architecture; or, if X does hold "
            f"{suited}, say so by spatial_dims={found.spatial_dims[0]}."
        )


def registered_builder(architecture: Any) -> Builder | None:
    """Give what others registered under a name; None for the names of this library."""
    if not isinstance(architecture, str) or architecture not in _REGISTERED:
        return None
    builder: Any = _REGISTERED[architecture].build
    if isinstance(builder, partial):  # with the defaults of register
        builder = builder.func
    origin = builder
    while isinstance(origin, partial) or hasattr(origin, "__wrapped__"):
        origin = origin.func if isinstance(origin, partial) else origin.__wrapped__
    ours = origin.__module__.partition(".")[0] == __name__.partition(".")[0]
    return None if ours else builder


def _find(
    architecture: str | Builder | nn.Module, weights: Any, pretrained: bool
) -> _Architecture:
    if libraries.is_of_library(architecture):
        return _Architecture(*libraries.find(architecture, weights, pretrained))
    if weights is not None and not are_given(weights):
        raise ValueError(
            f"weights={weights!r} is not a file, and architecture={architecture!r} has "
            "no weights of its own. Pass the path of a .safetensors or .pt file, or a "
            "backbone that has some, such as architecture='torchvision:resnet18'."
        )
    if isinstance(architecture, nn.Module):
        return _Architecture(partial(copied, architecture))
    if not isinstance(architecture, str):
        return _Architecture(architecture)
    if architecture not in _REGISTERED:
        raise ValueError(
            f"architecture={architecture!r} is not known."
            f"{did_you_mean(architecture, _REGISTERED)} Available: "
            f"{sorted(_REGISTERED)}, 'torchvision:NAME', 'timm:NAME', a "
            "torch.nn.Module, or a callable (n_channels, spatial_shape, n_outputs) -> "
            "torch.nn.Module."
        )
    return _REGISTERED[architecture]
