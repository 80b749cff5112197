"""The models of torchvision and timm, with or without weights to start from."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import sqrt
from pathlib import Path
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn

from sklearn_cnn.architectures.backbones import Backbone, InputFormat, checked_size
from sklearn_cnn.architectures.joining import LIBRARY_HEAD, join
from sklearn_cnn.architectures.network import Head
from sklearn_cnn.architectures.weights import (
    are_given,
    first_convolution,
    is_file,
    load_state_dict,
)
from sklearn_cnn.utils._spelling import did_you_mean

#: Outputs for training alone, which the library's files have weights of.
_AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")
#: Trained on values in [-1, 1], which torchvision's own model converts to.
_CENTRED = {"googlenet", "inception_v3"}


def is_of_library(architecture: Any) -> TypeGuard[str]:
    """Tell whether an architecture is named as a model of another library."""
    return isinstance(architecture, str) and ":" in architecture


def find(
    architecture: str, weights: Any, pretrained: bool = True
) -> tuple[Callable[..., nn.Module], tuple[int, ...]]:
    """Look a backbone up: give its builder, and for how many dimensions it is.

    ``architecture`` is "torchvision:NAME", "timm:NAME" or "timm:NAME.TAG", where the
    tag says what a file of weights expects of images. The builder downloads weights of
    the library, if ``pretrained``; a file is left to :func:`~.weights.load_weights`.
    """
    prefix, _, name = architecture.partition(":")
    if prefix not in _LIBRARIES:
        raise ValueError(
            f"architecture={architecture!r} names an unknown library, {prefix!r}."
            f"{did_you_mean(prefix, _LIBRARIES)} Use 'torchvision:NAME' or 'timm:NAME'."
        )
    model = _LIBRARIES[prefix](name, weights)
    if not pretrained:
        model.weights = None
    return join(model.trunk, LIBRARY_HEAD), model.spatial_dims


@dataclass
class LibraryTrunk:
    """A library's model without its last layer.

    ``dropout`` was before that layer, and names that begin as ``replaced`` were its
    weights' and those of other outputs. ``weights`` is the name of weights that have
    been downloaded, and ``state`` those of them that are still to be loaded. Images are
    resized to ``image_size``, or as the weights expect.
    """

    body: nn.Module
    n_features: int
    input_format: InputFormat
    replaced: tuple[str, ...]
    dropout: float = 0.0
    weights: str | None = None
    state: dict[str, Tensor] | None = None
    image_size: tuple[int, int] | None = None

    def network(self, n_outputs: int, **head: Any) -> Backbone:
        """Add a head, and load weights into what is before it."""
        last = Head(self.n_features, n_outputs, **head)
        backbone = Backbone(
            self.body, last, self.input_format, self.replaced, self.image_size
        )
        if self.state is not None:
            renamed = backbone.from_library(self.state)
            origin = f"weights={self.weights!r}"
            load_state_dict(backbone, renamed or self.state, origin)
        if self.weights is not None:
            backbone.expect_library_images()
        return backbone


class _LibraryModel(ABC):
    """A model of a library, which is known to exist.

    ``weights`` is the name of weights that are to be downloaded, or None.
    """

    spatial_dims: tuple[int, ...] = (2,)

    def __init__(self, architecture: str, weights: Any) -> None:
        self.architecture = architecture
        self.weights = None if are_given(weights) else weights

    @abstractmethod
    def trunk(
        self,
        n_channels: int,
        spatial_shape: tuple[int, ...],
        *,
        image_size: Any = None,
    ) -> LibraryTrunk:
        """Build the model and take its last layer off.

        ``image_size`` is the height and width that it resizes images to, or both as one
        integer; None leaves it to the weights.
        """

    def _require_size(
        self, size: tuple[int, int] | None, only: tuple[int, ...] | None
    ) -> None:
        if size is not None and only is not None and size != only:
            raise ValueError(
                f"image_size={size} is not for architecture={self.architecture!r}, "
                f"whose position embeddings are for images of {only} alone. Leave it "
                "at None, or choose a network of convolutions."
            )

    def _check_weights(self, names: Sequence[str]) -> None:
        known = ["DEFAULT", *names] if names else []
        given = self.weights
        if given is None or given in known:
            return
        hint = did_you_mean(given, known) if isinstance(given, str) else ""
        raise ValueError(
            f"weights={given!r} is not known for architecture={self.architecture!r}."
            f"{hint} There are {known or 'none'}; the path of a file is possible too."
        )

    @contextmanager
    def _downloading(self, remedy: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # each library, and each version, has its own
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            raise ValueError(
                f"weights={self.weights!r} of architecture={self.architecture!r} could "
                f"not be downloaded ({reason}). On a machine with a connection, "
                f"download {remedy}."
            ) from error


class _Torchvision(_LibraryModel):
    def __init__(self, name: str, weights: Any) -> None:
        from torchvision import models

        super().__init__(f"torchvision:{name}", weights)
        videos = models.list_models(module=models.video)
        _check_model(
            "torchvision",
            name,
            [*models.list_models(module=models), *videos],
            "torchvision.models.list_models(module=torchvision.models), or "
            "module=torchvision.models.video for videos,",
        )
        self.name = name
        if name in videos:
            self.spatial_dims = (3,)
        entries = models.get_model_weights(name)
        # entries without classes have only some of the layers' weights
        complete = [e for e in entries if e.meta.get("categories")]
        self._check_weights([e.name for e in complete])
        self.entry = entries[self.weights or "DEFAULT"]
        if is_file(weights):
            file = Path(weights).name
            same = [e for e in complete if e.url.endswith(f"/{file}")]
            self.entry = same[0] if same else self.entry

    def trunk(
        self,
        n_channels: int,
        spatial_shape: tuple[int, ...],
        *,
        image_size: Any = None,
    ) -> LibraryTrunk:
        from torchvision import models

        size, input_format = checked_size(image_size), self._input_format()
        fixed = self.name.startswith("vit_")
        self._require_size(size, input_format.size if fixed else None)
        state = None
        if self.weights is not None:  # before time is spent on building
            remedy = f"{self.entry.url} and pass the path of the file as weights="
            with self._downloading(remedy):
                state = self.entry.get_state_dict(progress=False, check_hash=True)
        body = models.get_model(self.name, weights=None, **self._options())
        _set_channels(body, n_channels)
        last, n_features, dropout = _take_last_layer(body)
        return LibraryTrunk(
            body,
            n_features,
            input_format.for_channels(n_channels),
            (f"{last}.", *_AUXILIARY),
            dropout,
            self.weights,
            state,
            size,
        )

    def _options(self) -> dict[str, Any]:
        if self.name in _CENTRED:
            return {
                "aux_logits": False,
                "transform_input": False,  # _input_format does the same
                "init_weights": self.weights is None,
            }
        if self.name.startswith("vit_"):
            return {"image_size": self.entry.meta["min_size"][0]}
        return {}

    def _input_format(self) -> InputFormat:
        transforms = self.entry.transforms()
        size = tuple(transforms.crop_size)
        size = size * 2 if len(size) == 1 else size
        if self.name in _CENTRED:
            return InputFormat((0.5,) * 3, (0.5,) * 3, size)
        return InputFormat(tuple(transforms.mean), tuple(transforms.std), size)


class _Timm(_LibraryModel):
    def __init__(self, name: str, weights: Any) -> None:
        timm = _import_timm()
        super().__init__(f"timm:{name}", weights)
        name, _, tag = name.partition(".")
        _check_model("timm", name, timm.list_models(), "timm.list_models()")
        tagged = timm.list_models(f"{name}.*", pretrained=True)
        tags = [model.partition(".")[2] for model in tagged]
        if tag and tag not in tags:
            raise ValueError(
                f"architecture={self.architecture!r} has an unknown tag."
                f"{did_you_mean(tag, tags)} There are {tags or 'none'}."
            )
        self._check_weights(tags)
        if self.weights not in (None, "DEFAULT"):
            tag = self.weights
        self.name = f"{name}.{tag}" if tag else name

    def trunk(
        self,
        n_channels: int,
        spatial_shape: tuple[int, ...],
        *,
        image_size: Any = None,
    ) -> LibraryTrunk:
        wanted = checked_size(image_size)
        timm = _import_timm()
        create = partial(
            timm.create_model, self.name, num_classes=0, in_chans=n_channels
        )
        if self.weights is None:
            body = create()
        else:
            remedy = (
                f"{_timm_url(timm, self.name)} and use architecture="
                f"'timm:{self.name}' with the path of the file as weights="
            )
            with self._downloading(remedy):
                _require_connection(timm, self.name)
                body = create(pretrained=True)
        config = timm.data.resolve_model_data_config(body)
        size = config["input_size"][1:]
        fixed = body.pretrained_cfg.get("fixed_input_size")
        self._require_size(wanted, size if fixed else None)
        input_format = InputFormat(config["mean"], config["std"], size)
        last = body.pretrained_cfg.get("classifier") or ()
        replaced = (last,) if isinstance(last, str) else tuple(last)
        n_features = getattr(body, "head_hidden_size", None) or body.num_features
        return LibraryTrunk(
            body,
            n_features,
            input_format.for_channels(n_channels),
            tuple(f"{name}." for name in replaced),
            weights=self.weights,
            image_size=wanted,
        )


_LIBRARIES: dict[str, type[_Torchvision] | type[_Timm]] = {
    "torchvision": _Torchvision,
    "timm": _Timm,
}


def _import_timm() -> Any:
    try:
        import timm
    except ImportError as error:
        raise ImportError(
            "architecture='timm:NAME' needs timm: pip install 'sklearn_cnn[timm]'"
        ) from error
    return timm


def _require_connection(timm: Any, name: str) -> None:
    """Fail at once where nothing can be downloaded: the hub tries for 46 s."""
    config = timm.models.get_pretrained_cfg(name, allow_unregistered=True)
    if config is None or not config.hf_hub_id:
        return
    import huggingface_hub as hub

    repository, _, revision = config.hf_hub_id.partition("@")
    file = config.hf_hub_filename or "model.safetensors"
    found = hub.try_to_load_from_cache(repository, file, revision=revision or None)
    if isinstance(found, str):
        return
    url = hub.hf_hub_url(repository, file, revision=revision or None)
    try:
        hub.get_hf_file_metadata(url)
    except Exception as error:
        # an answer, such as that the file has another name, is left to timm
        if getattr(error, "response", None) is None:
            raise


def _timm_url(timm: Any, name: str) -> str:
    config = timm.models.get_pretrained_cfg(name, allow_unregistered=True)
    if config is None:
        return ""
    if config.hf_hub_id:
        file = config.hf_hub_filename or "model.safetensors"
        return f"https://huggingface.co/{config.hf_hub_id}/resolve/main/{file}"
    return config.url or ""


def _check_model(
    library: str, name: str, known: Sequence[str], how_to_list: str
) -> None:
    if name not in known:
        raise ValueError(
            f"architecture='{library}:{name}' is not a classification model of "
            f"{library}.{did_you_mean(name, known)} {how_to_list} lists them."
        )


def _set_channels(model: nn.Module, n_channels: int) -> None:
    found = first_convolution(model)
    if found is None or found[1].in_channels == n_channels:
        return
    layer = found[1]
    out_channels, in_channels, *kernel_size = layer.weight.shape
    # values of the same size as in the library's own initialisation
    scale = layer.weight.detach().std() * sqrt(in_channels / n_channels)
    drawn = torch.randn(out_channels, n_channels, *kernel_size)
    layer.weight = nn.Parameter(drawn * scale)
    layer.in_channels = n_channels


def _take_last_layer(model: nn.Module) -> tuple[str, int, float]:
    """Put identities for the last layer and a dropout right before it."""
    name, layer = [(n, m) for n, m in model.named_modules() if _is_dense(m)][-1]
    parent_name, _, child = name.rpartition(".")
    parent = model.get_submodule(parent_name)
    siblings = list(parent.named_children())
    place = [sibling for sibling, _ in siblings].index(child)
    before, module = siblings[place - 1] if place else ("", None)
    dropout = 0.0
    if isinstance(module, nn.Dropout):
        dropout = module.p
        setattr(parent, before, nn.Identity())
    setattr(parent, child, nn.Identity())
    weight = layer.weight
    assert isinstance(weight, Tensor)  # true of dense layers and convolutions
    return name, weight.shape[1], dropout


def _is_dense(layer: nn.Module) -> bool:
    if isinstance(layer, nn.Conv2d | nn.Conv3d):
        return set(layer.kernel_size) == {1}
    return isinstance(layer, nn.Linear)
