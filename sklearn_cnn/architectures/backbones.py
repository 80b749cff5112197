"""A model of another library as a network of ours."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sklearn_cnn.architectures.network import Head, Network

#: Children of these names are looked into for stages.
_CONTAINERS = {"features", "blocks", "layers", "stages", "levels", "encoder"}
#: Names in files of torchvision that are older than its present code.
_OLD_NAMES = {
    r"(denselayer\d+\.(?:norm|conv))\.([12])\.": r"\1\2.",
    r"\.mlp\.linear_1\.": ".mlp.0.",
    r"\.mlp\.linear_2\.": ".mlp.3.",
}


@dataclass(frozen=True)
class InputFormat:
    """What weights expect of images.

    Parameters
    ----------
    mean, std : tuple of float
        Statistics by which every channel is standardised, for values in [0, 1].
    size : tuple of int
        Height and width.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    size: tuple[int, ...]

    def for_channels(self, n_channels: int) -> "InputFormat":
        """Use the average over the channels for another number of them.

        Parameters
        ----------
        n_channels : int
            Number of channels of the images.

        Returns
        -------
        images : InputFormat
        """
        if n_channels == len(self.mean):
            return self
        mean, std = (sum(v) / len(v) for v in (self.mean, self.std))
        return InputFormat((mean,) * n_channels, (std,) * n_channels, self.size)


class Resize(nn.Module):
    """Bring images to a size, bilinear and without aliasing.

    Parameters
    ----------
    size : tuple of int or None
        New height and width, the last two axes; None leaves images as they are.
    """

    def __init__(self, size: tuple[int, ...] | None = None) -> None:
        super().__init__()
        self.size = size

    def get_extra_state(self) -> Tensor:
        """Give what a state dict keeps of the layer.

        Returns
        -------
        size : Tensor of shape (2,)
            Zeros for None.
        """
        return torch.tensor(self.size or (0, 0))

    def set_extra_state(self, state: Tensor) -> None:
        """Take what a state dict kept.

        Parameters
        ----------
        state : Tensor of shape (2,)
            Given by ``get_extra_state``.
        """
        self.size = tuple(state.tolist()) if state.any() else None

    def forward(self, x: Tensor) -> Tensor:
        """Resize.

        Parameters
        ----------
        x : Tensor of shape (n_samples, n_channels, ..., height, width)
            Images, or videos, whose frames are resized one by one.

        Returns
        -------
        y : Tensor of shape (n_samples, n_channels, ..., *size)
            ``x`` itself if it has this size.
        """
        if self.size is None or x.shape[-2:] == self.size:
            return x
        frames = x.flatten(1, -3)
        resized = F.interpolate(
            frames, self.size, mode="bilinear", align_corners=False, antialias=True
        )
        return resized.reshape(*x.shape[:-2], *self.size)


class Backbone(Network):
    """A model of another library, with a head of ours.

    Parameters
    ----------
    body : torch.nn.Module
        The library's model without its last layer: from images to vectors.
    head : sklearn_cnn.architectures.network.Head
        From vectors to outputs.
    images : InputFormat
        What the library's weights expect.
    replaced : sequence of str
        Beginnings of names, in the library's files, of layers that are not in ``body``.

    Attributes
    ----------
    input_statistics : (tuple of float, tuple of float) or None
        Mean and standard deviation of every channel, for values in [0, 1], by which
        images have to be standardised; None if it is up to the user.
    input_size : tuple of int or None
        Height and width that images are resized to; None if they are not.
    """

    def __init__(
        self,
        body: nn.Module,
        head: Head,
        images: InputFormat,
        replaced: Sequence[str],
    ) -> None:
        nn.Module.__init__(self)  # stages and pooling are inside the library's model
        self.resize = Resize()
        self.body = body
        self.pool: nn.Module = nn.Identity()
        self.head = head
        self._images = images
        self._replaced = tuple(replaced)

    @property
    def input_statistics(self) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
        """Mean and standard deviation of every channel that images need."""
        if self.input_size is None:
            return None
        return self._images.mean, self._images.std

    @property
    def input_size(self) -> tuple[int, ...] | None:
        """Height and width that images are resized to."""
        return self.resize.size

    def expect_library_images(self) -> None:
        """Take images from now on as the library's weights expect them."""
        self.resize.size = self._images.size

    def feature_maps(self, x: Tensor) -> Tensor:
        """Compute what the body gives.

        Parameters
        ----------
        x : Tensor of shape (n_samples, n_channels, *spatial_shape)
            Images.

        Returns
        -------
        features : Tensor of shape (n_samples, n_features)
            Vectors: libraries pool in the forward method, where no one can tell apart
            what comes before.
        """
        features: Tensor = self.body(self.resize(x))
        return features

    def stage_modules(self) -> dict[str, list[nn.Module]]:
        """Give the modules of every stage, first to last, by its name.

        The stages are the children of the body that have weights. Those with names
        such as "features" or "blocks" are looked into, and so are containers where
        there are no more than two children. A normalisation, or whatever else has no
        convolution or dense layer, belongs to the stage before it.

        Returns
        -------
        stages : dict of str to list of torch.nn.Module
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

        Returns
        -------
        stages : dict of str to list of torch.nn.Parameter
            Each of the body's in one stage: the first one that shares it. Class tokens,
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
        """Rename the library's weights to those of this network.

        Parameters
        ----------
        state : dict of str to Tensor
            Weights from a file.

        Returns
        -------
        renamed : dict of str to Tensor or None
            Without the library's last layer; None if the names are those of this
            network.
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
