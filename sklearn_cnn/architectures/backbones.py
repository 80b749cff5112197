"""A model of another library as a network of ours."""

import re
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sklearn_cnn.architectures.network import Head, Network
from sklearn_cnn.utils._parameters import as_builtin, is_integer

#: Children of these names are looked into for stages.
_CONTAINERS = {"features", "blocks", "layers", "stages", "levels", "encoder"}
#: Most pixels that images are resized to along an axis; the libraries use up to 1024.
_LARGEST = 2048
#: Names in files of torchvision that are older than its present code.
_OLD_NAMES = {
    r"(denselayer\d+\.(?:norm|conv))\.([12])\.": r"\1\2.",
    r"\.mlp\.linear_1\.": ".mlp.0.",
    r"\.mlp\.linear_2\.": ".mlp.3.",
}


@dataclass(frozen=True)
class InputFormat:
    """What weights expect of images: height and width, and how they are standardised.

    Mean and standard deviation of every channel are those of values in [0, 1].
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    size: tuple[int, ...]

    def for_channels(self, n_channels: int) -> "InputFormat":
        """Use the average over the channels for another number of them."""
        if n_channels == len(self.mean):
            return self
        mean, std = (sum(v) / len(v) for v in (self.mean, self.std))
        return InputFormat((mean,) * n_channels, (std,) * n_channels, self.size)


def checked_size(image_size: Any) -> tuple[int, int] | None:
    """Give height and width of what may be one integer for both."""
    if image_size is None:
        return None
    given = as_builtin(image_size)
    size = (given, given) if is_integer(given) else given
    proper = isinstance(size, tuple) and len(size) == 2 and all(map(is_integer, size))
    if not proper or not all(0 < side <= _LARGEST for side in size):
        raise ValueError(
            f"image_size={reprlib.repr(image_size)} must be an integer, or height and "
            f"width, of 1 to {_LARGEST} pixels, such as 128 or (96, 128)."
        )
    return size


class Resize(nn.Module):
    """Bring images to a height and width, bilinear and without aliasing.

    The frames of videos are resized one by one; None leaves images as they are.

    Parameters
    ----------
    size : (int, int) or None
        Height and width. What is given here, no state dict changes.
    """

    #: Whether the size is the user's, and not that of some weights.
    chosen = False
    #: Whether resized images have the values, too, that the library's weights expect.
    as_library = True

    def __init__(self, size: tuple[int, int] | None = None) -> None:
        super().__init__()
        self.size: tuple[int, ...] | None = size
        if size is not None:
            self.chosen, self.as_library = True, False

    def get_extra_state(self) -> Tensor:
        """Give what a state dict keeps of the layer: its size, zeros for None.

        They are negative if the weights are none of the library's.
        """
        kept = self.size or (0, 0)
        return torch.tensor(kept) * (1 if self.as_library else -1)

    def set_extra_state(self, state: Tensor) -> None:
        """Take what a state dict kept, unless no weights can be for such images."""
        most = max(_LARGEST, *(self.size or (0,)))
        size = state.abs()
        if state.shape != (2,) or (
            state.any()
            and (size.min() < 1 or size.max() > most or state[0] * state[1] < 0)
        ):
            kept = state.flatten()[:2].tolist()
            raise ValueError(
                f"The weights say that images are resized to {kept}, but height and "
                f"width must be of 1 to {most} pixels. The file is damaged, or not one "
                "of this library: copy it again, or use the weights of the library."
            )
        if size.any():
            self.as_library = bool(state[0] > 0)
        if not self.chosen:
            self.size = tuple(size.tolist()) if size.any() else None

    def forward(self, x: Tensor) -> Tensor:
        """Resize the last two axes."""
        if self.size is None or x.shape[-2:] == self.size:
            return x
        frames = x.flatten(1, -3)
        resized = F.interpolate(
            frames, self.size, mode="bilinear", align_corners=False, antialias=True
        )
        return resized.reshape(*x.shape[:-2], *self.size)


class Backbone(Network):
    """A model of another library, with a head of ours.

    ``body`` is the library's model without its last layer: from images to vectors. In
    the library's files, names that begin as ``replaced`` are not of the body. Images
    are resized to ``image_size``, or as weights of the library expect.
    """

    def __init__(
        self,
        body: nn.Module,
        head: Head,
        input_format: InputFormat,
        replaced: Sequence[str],
        image_size: tuple[int, int] | None = None,
    ) -> None:
        nn.Module.__init__(self)  # stages and pooling are inside the library's model
        self.resize = Resize(image_size)
        self.body = body
        self.pool: nn.Module = nn.Identity()
        self.head = head
        self._input_format = input_format
        self._replaced = tuple(replaced)

    @property
    def input_statistics(self) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
        """Mean and standard deviation of every channel, for values in [0, 1].

        Images have to be standardised by them; None leaves that to the user.
        """
        if self.input_size is None or not self.resize.as_library:
            return None
        return self._input_format.mean, self._input_format.std

    @property
    def input_size(self) -> tuple[int, ...] | None:
        """Height and width that images are resized to; None if they are not."""
        return self.resize.size

    def expect_library_images(self) -> None:
        """Take images from now on as the library's weights expect them."""
        self.resize.as_library = True
        if not self.resize.chosen:
            self.resize.size = self._input_format.size

    def feature_maps(self, x: Tensor) -> Tensor:
        """Compute what the body gives: vectors.

        Libraries pool in the forward method, where no one can tell apart what comes
        before.
        """
        features: Tensor = self.body(self.resize(x))
        return features

    def stage_modules(self) -> dict[str, list[nn.Module]]:
        """Give the modules of every stage, first to last, by its name.

        The stages are the children of the body that have weights. Those with names
        such as "features" or "blocks" are looked into, and so are containers where
        there are no more than two children. A normalisation, or whatever else has no
        convolution or dense layer, belongs to the stage before it.
        """
        stages: dict[str, list[nn.Module]] = {}
        waiting: list[nn.Module] = []
        last: list[nn.Module] = waiting
        for name, part in _parts(self.body):
            if _has_weights(part):
                last = stages[name] = [*waiting, part]
                waiting.clear()
            else:
                last.append(part)
        return stages

    def stage_parameters(self) -> dict[str, list[nn.Parameter]]:
        """Give the weights of every stage, first to last, by its name.

        Each of the body's is in one stage: the first one that shares it. Class tokens,
        position embeddings and whatever else is in no module of a stage are in the
        first stage.
        """
        owners: dict[int, str] = {}
        stages: dict[str, list[nn.Parameter]] = {}
        for name, parameters in super().stage_parameters().items():
            stages[name] = []
            for parameter in parameters:
                owners.setdefault(id(parameter), name)
        first = next(iter(stages))
        for parameter in self.body.parameters():
            stages[owners.get(id(parameter), first)].append(parameter)
        return stages

    def from_library(self, state: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
        """Rename the library's weights, and leave its last layer out.

        None if the names are those of this network already.
        """
        renamed = {_present_name(name): tensor for name, tensor in state.items()}
        as_library = len(self.body.state_dict().keys() & renamed)
        if as_library <= len(self.state_dict().keys() & state.keys()):
            return None
        return {
            f"body.{name}": tensor
            for name, tensor in renamed.items()
            if not name.startswith(self._replaced)
        }


def _present_name(name: str) -> str:
    for old, new in _OLD_NAMES.items():
        name = re.sub(old, new, name)
    return name


def _parts(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    children = [
        (name, child)
        for name, child in module.named_children()
        if next(child.parameters(), None) is not None
    ]
    for name, child in children:
        container = isinstance(child, nn.Sequential | nn.ModuleList)
        if name in _CONTAINERS or (container and len(children) <= 2):
            yield from _parts(child, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", child


def _has_weights(part: nn.Module) -> bool:
    return any(
        name.endswith("weight") and parameter.ndim > 1
        for name, parameter in part.named_parameters()
    )
