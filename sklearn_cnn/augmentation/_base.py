"""What all augmentations are: parameters, and a call on a batch."""

import copy
from collections import defaultdict
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, Self

import torch
from torch import Generator, Tensor

from sklearn_cnn.augmentation._checks import check_batch
from sklearn_cnn.utils._messages import in_few_words


class Mixing(NamedTuple):
    """How the samples of a batch were mixed.

    Parameters
    ----------
    partners : Tensor of shape (n_samples,), int64
        Which sample of the batch was mixed into each.
    shares : Tensor of shape (n_samples,), float32
        How much of each sample is its own, in [0, 1].
    """

    partners: Tensor
    shares: Tensor


@dataclass(eq=False, repr=False)
class Augmentation:
    """Base of augmentations: a dataclass whose fields are its parameters.

    A subclass defines ``_apply``, which changes a batch. It may define ``_check``,
    which raises a ValueError where parameters and images do not fit, and
    ``_further_views``, which gives a list of views of a batch. Parameters are
    stored as they are and checked when they are used. An instance has no other state,
    so that it can be copied by :func:`sklearn.base.clone`, searched over by
    ``augmentation__name`` and used by several estimators. Only parameters that are
    augmentations themselves are asked for their parameters: what others call
    ``get_params`` may be anything.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> import torch
    >>> from sklearn_cnn.augmentation import Augmentation
    >>> @dataclass(eq=False, repr=False)
    ... class Negative(Augmentation):
    ...     p: float = 0.5
    ...     def _apply(self, images, generator):
    ...         chosen = torch.rand(len(images), generator=generator) < self.p
    ...         return torch.where(chosen.view(-1, 1, 1, 1), -images, images)
    >>> Negative(p=1.0)
    Negative(p=1.0)
    >>> Negative(p=1.0)(torch.ones(1, 1, 1, 2))
    tensor([[[[-1., -1.]]]])
    """

    def __call__(self, images: Tensor, generator: Generator | None = None) -> Tensor:
        """Augment a batch.

        Parameters
        ----------
        images : Tensor of shape (n_samples, n_channels, *spatial_shape)
            Of any real dtype, on any device; it stays as it is.
        generator : torch.Generator, default=None
            What to draw from. None takes PyTorch's global one.

        Returns
        -------
        augmented : Tensor of the same shape and dtype
            Each sample with a draw of its own.

        Raises
        ------
        ValueError
            If a parameter is invalid, or not meant for such images.
        """
        if generator is None:
            generator = torch.default_generator
        with in_few_words():
            check_batch(images)
            return self.augment(images, generator)[0]

    def augment(
        self, images: Tensor, generator: Generator
    ) -> tuple[Tensor, Mixing | None]:
        """Augment a batch, and say whether samples were mixed.

        Parameters
        ----------
        images : Tensor of shape (n_samples, n_channels, *spatial_shape)
            Of any real dtype, on any device; it stays as it is.
        generator : torch.Generator
            What to draw from.

        Returns
        -------
        augmented : Tensor of the same shape and dtype
            Each sample with a draw of its own.
        mixing : Mixing or None
            None if every sample is made of itself alone.

        Raises
        ------
        ValueError
            If a parameter is invalid, or not meant for such images.
        """
        self._check(images)
        return self._apply(images, generator), None

    def views(self, images: Tensor) -> list[Tensor]:
        """Give the views of a batch over which ``test_time_augmentation`` averages.

        Nothing is drawn. They are what a typical draw could give, where it keeps all
        values that an image has, as flips and moves do: each class says which they are.
        Others have the images alone.

        Parameters
        ----------
        images : Tensor of shape (n_samples, n_channels, *spatial_shape)
            Of any real dtype, on any device; it stays as it is.

        Returns
        -------
        views : list of Tensor of the same shape and dtype
            The first is ``images``.

        Raises
        ------
        ValueError
            If a parameter is invalid, or not meant for such images.
        """
        with in_few_words():
            check_batch(images)
            self._check(images)
            return [images, *self._further_views(images)]

    def _further_views(self, images: Tensor) -> list[Tensor]:
        return []

    def _check(self, images: Tensor) -> None:
        """Raise a ValueError where parameters and images do not fit."""

    def _apply(self, images: Tensor, generator: Generator) -> Tensor:
        raise NotImplementedError

    # --- parameters, as scikit-learn has them -----------------------------------

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Give the parameters by name.

        Parameters
        ----------
        deep : bool, default=True
            Without a meaning here: of the augmentations of this module only Compose has
            others inside.

        Returns
        -------
        parameters : dict
            Names and values.
        """
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def set_params(self, **parameters: Any) -> Self:
        """Set parameters by name, those of nested ones by ``name__parameter``.

        Parameters
        ----------
        **parameters : dict
            Names and values.

        Returns
        -------
        self : Augmentation
            The same object.

        Raises
        ------
        ValueError
            If there is no parameter of that name.
        """
        known = self.get_params()
        nested: defaultdict[str, dict[str, Any]] = defaultdict(dict)
        # own ones first, as they decide which others there are
        own = {field.name for field in fields(self)}
        for key in sorted(parameters, key=lambda key: key not in own):
            name, delimiter, rest = key.partition("__")
            if name not in known or (
                delimiter and not isinstance(known[name], Augmentation)
            ):
                raise ValueError(
                    f"Invalid parameter {key!r} for {self!r}. Its parameters are "
                    f"{sorted(known)}."
                )
            if delimiter:
                nested[name][rest] = parameters[key]
            else:
                self._set(name, parameters[key])
                known = self.get_params()
        for name, values in nested.items():
            known[name].set_params(**values)
        return self

    def _set(self, name: str, value: Any) -> None:
        setattr(self, name, value)

    def __sklearn_clone__(self) -> Self:
        # part by part, scikit-learn would ask transforms of others for parameters
        return copy.deepcopy(self)

    def __repr__(self) -> str:
        given = [
            f"{field.name}={getattr(self, field.name)!r}"
            for field in fields(self)
            if repr(getattr(self, field.name)) != repr(field.default)
        ]
        return f"{type(self).__name__}({', '.join(given)})"
