"""Where global pooling and a head are added to what comes before them."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, Protocol

from sklearn_cnn.architectures.network import Network
from sklearn_cnn.architectures.sizes import is_small

#: Parameters that describe the data, which every builder takes by position.
_DATA_PARAMETERS = ("n_channels", "spatial_shape", "n_outputs")

#: What is added to stages, unless an architecture chooses otherwise.
_HEAD = {
    "global_pooling": "avg",
    "hidden_layer_sizes": (),
    "activation": "relu",
    "dropout": 0.0,
    "unequal_length": False,
}
#: Libraries pool inside of their models. None leaves the dropout to the model.
LIBRARY_HEAD = {"hidden_layer_sizes": (), "activation": "relu", "dropout": None}
#: None means the large head of AlexNet and VGG, and a small one for small images.
DENSE_HEAD = {"global_pooling": None, "hidden_layer_sizes": None, "dropout": 0.5}
_LARGE = {"global_pooling": "flatten", "hidden_layer_sizes": (4096, 4096)}
_SMALL = {"global_pooling": "avg", "hidden_layer_sizes": ()}


class Trunk(Protocol):
    """What comes before the head; ``dropout`` is that of the head it had, if any."""

    dropout: float

    def network(self, n_outputs: int, **head: Any) -> Network:
        """Add a head, and global pooling where the trunk ends in feature maps."""


TrunkBuilder = Callable[..., Trunk]
NetworkBuilder = Callable[..., Network]


def with_head(**head: Any) -> Callable[[TrunkBuilder], NetworkBuilder]:
    """Make a builder of networks out of a builder of stages.

    That is a function of signature ``(n_channels, spatial_shape, *, ...)``. The
    networks obey its keywords, and those of pooling and head by these defaults.
    """
    return lambda build_stages: join(build_stages, {**_HEAD, **head})


def join(build_trunk: TrunkBuilder, head: dict[str, Any]) -> NetworkBuilder:
    """Make a builder of networks, whose heads have these parameters and defaults."""
    of_trunk = keyword_defaults(build_trunk)
    signature = _signature({**of_trunk, **head})

    @wraps(build_trunk)
    def build(*args: Any, **keywords: Any) -> Network:
        bound = signature.bind(*args, **keywords)
        bound.apply_defaults()
        given = bound.arguments
        n_channels, shape, n_outputs = (given[name] for name in _DATA_PARAMETERS)
        trunk = build_trunk(n_channels, shape, **{k: given[k] for k in of_trunk})
        own = {**(_SMALL if is_small(shape) else _LARGE), "dropout": trunk.dropout}
        chosen = {k: own[k] if given[k] is None else given[k] for k in head}
        return trunk.network(n_outputs, **chosen)

    build.__signature__ = signature  # type: ignore[attr-defined]
    return build


def keyword_defaults(builder: Callable[..., Any]) -> dict[str, Any]:
    """Give the keywords that a builder takes, and their defaults."""
    return {
        name: parameter.default
        for name, parameter in inspect.signature(builder).parameters.items()
        if name not in _DATA_PARAMETERS
    }


def _signature(defaults: dict[str, Any]) -> inspect.Signature:
    if "conv_dropout" in defaults:  # behind dropout, as in the estimators
        defaults["conv_dropout"] = defaults.pop("conv_dropout")
    data = inspect.Parameter.POSITIONAL_OR_KEYWORD
    keyword = inspect.Parameter.KEYWORD_ONLY
    return inspect.Signature(
        [
            *(inspect.Parameter(name, data) for name in _DATA_PARAMETERS),
            *(inspect.Parameter(k, keyword, default=v) for k, v in defaults.items()),
        ]
    )
