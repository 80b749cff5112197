"""Compose."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import Generator, Tensor

from sklearn_cnn.augmentation._base import Augmentation, Mixing

#: Beyond which views of several steps are not combined.
_MOST_VIEWS = 32


@dataclass(eq=False, repr=False)
class Compose(Augmentation):
    """Augmentations one after the other.

    Each is reached by its name, as the steps of a :class:`~sklearn.pipeline.Pipeline`:
    ``flip__p`` is the parameter ``p`` of the step "flip", and so
    ``augmentation__flip__p`` that of an estimator, for
    :class:`~sklearn.model_selection.GridSearchCV` and ``set_params``.

    Parameters
    ----------
    steps : list of (str, augmentation) or of augmentations
        In the order in which they act. Those without a name take that of their class in
        lower case, with a number if there are several: "randomflip-1". All keep their
        names when ``set_params`` replaces one. An augmentation is one of this module, a
        callable or a :class:`torch.nn.Module` that takes a batch and returns it, or
        "passthrough", which does nothing.

    Notes
    -----
    At most one step may mix samples (:class:`MixUp`, :class:`CutMix`).

    :meth:`views` are all combinations of those of the steps. Where that makes more than
    32, a step adds its views of the image itself alone. Steps that are callables of
    others have none.

    Examples
    --------
    >>> import torch
    >>> from sklearn_cnn.augmentation import Compose, RandomCrop, RandomFlip
    >>> both = Compose([("flip", RandomFlip()), ("crop", RandomCrop(padding=2))])
    >>> both.set_params(flip__p=0.25, crop="passthrough")
    Compose(steps=[('flip', RandomFlip(p=0.25)), ('crop', 'passthrough')])
    >>> both(torch.zeros(5, 3, 8, 8)).shape
    torch.Size([5, 3, 8, 8])
    """

    steps: list[Any]

    @property
    def named_steps(self) -> dict[str, Any]:
        """The augmentations by name."""
        return dict(_named(self.steps))

    def augment(
        self, images: Tensor, generator: Generator
    ) -> tuple[Tensor, Mixing | None]:
        """Augment a batch by one step after the other.

        Parameters
        ----------
        images : Tensor of shape (n_samples, n_channels, *spatial_shape)
            Of any real dtype, on any device; it stays as it is.
        generator : torch.Generator
            What to draw from; other callables draw from what they like.

        Returns
        -------
        augmented : Tensor of the same shape
            Each sample with draws of its own.
        mixing : Mixing or None
            That of the step that mixes samples, if there is one.

        Raises
        ------
        ValueError
            If a step is no augmentation, fails, or is the second one that mixes
            samples.
        """
        self._check(images)
        mixing = None
        for name, step in _named(self.steps):
            if isinstance(step, str):  # "passthrough"
                continue
            try:
                images, mixed = _augment(step, images, generator)
            except Exception as error:
                raise ValueError(f"step {name!r}: {error}") from error
            if mixed is not None and mixing is not None:
                raise ValueError(
                    f"step {name!r} mixes samples, as one before it does. Keep one of "
                    "them."
                )
            mixing = mixing or mixed
        return images, mixing

    def _further_views(self, images: Tensor) -> list[Tensor]:
        views = [images]
        for name, step in _named(self.steps):
            if not hasattr(step, "views"):
                continue
            try:
                _, *of_image = step.views(images)
                if len(views) * (1 + len(of_image)) > _MOST_VIEWS:
                    views += of_image
                else:
                    views = [seen for view in views for seen in step.views(view)]
            except Exception as error:
                raise ValueError(f"step {name!r}: {error}") from error
        return views[1:]

    def _check(self, images: Tensor) -> None:
        if not isinstance(self.steps, list | tuple):
            raise ValueError(f"steps={self.steps!r} must be a list of augmentations.")
        names = [name for name, _ in _named(self.steps)]
        for name, step in _named(self.steps):
            if not (callable(step) or step == "passthrough") or isinstance(step, type):
                raise ValueError(
                    f"step {name!r} of Compose is {step!r}, but it must be an "
                    "augmentation (an instance, not a class), a callable, or "
                    "'passthrough'."
                )
            if names.count(name) > 1 or "__" in name or name == "steps":
                raise ValueError(
                    f"{name!r} cannot name a step of Compose: names must differ, must "
                    "not contain '__', and 'steps' is taken."
                )

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Give the parameters by name.

        Parameters
        ----------
        deep : bool, default=True
            Whether to give the steps and their parameters too.

        Returns
        -------
        parameters : dict
            Names and values.
        """
        parameters = super().get_params()
        if not deep:
            return parameters
        for name, step in _named(self.steps):
            parameters[name] = step
            if isinstance(step, Augmentation):
                for key, value in step.get_params().items():
                    parameters[f"{name}__{key}"] = value
        return parameters

    def _set(self, name: str, value: Any) -> None:
        if name == "steps":
            self.steps = value
            return
        # a new list, as others may share the old one, and all names in it: those taken
        # from classes would change with the class
        self.steps = [
            (found, value if found == name else step)
            for found, step in _named(self.steps)
        ]


def _augment(
    step: Any, images: Tensor, generator: Generator
) -> tuple[Tensor, Mixing | None]:
    if not hasattr(step, "augment"):
        return step(images), None
    augmented, mixing = step.augment(images, generator)
    return augmented, mixing


def _named(steps: Any) -> Iterator[tuple[str, Any]]:
    """Give steps with their names: those that they were given, or that of the class."""
    if not isinstance(steps, list | tuple):
        return  # refused when it is used, as other parameters are
    bare = [type(step).__name__.lower() for step in steps if not _has_name(step)]
    counts, seen = Counter(bare), Counter[str]()
    for step in steps:
        if _has_name(step):
            yield step
            continue
        name = type(step).__name__.lower()
        seen[name] += 1
        yield (f"{name}-{seen[name]}" if counts[name] > 1 else name), step


def _has_name(step: Any) -> bool:
    return isinstance(step, tuple) and len(step) == 2 and isinstance(step[0], str)
