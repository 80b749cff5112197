"""Augmentation of training batches, whoever wrote it."""

import copy
import warnings

import torch

#: Factor by which the spread of values falls if integers of 8 bits are scaled to [0,
#: 1]; a random contrast or a blank part is far from it.
_MUCH_LESS = 50


class Augmenter:
    """A copy of a user's augmentation, with random numbers of its own.

    Parameters
    ----------
    augmentation : callable
        Takes a batch and returns it; or an object with a method ``augment`` that takes
        a batch and a :class:`torch.Generator`, and returns the batch and how samples
        were mixed, as :class:`sklearn_cnn.augmentation.Augmentation` has it.
    seed : int
        Of the generator.
    device : str
        Where batches are.
    """

    def __init__(self, augmentation, seed, device):
        self.augmentation = copy.deepcopy(augmentation)
        self.generator = torch.Generator(device).manual_seed(seed)

    def __call__(self, images):
        """Augment a batch as it was loaded, with the values that the user gave.

        Returns
        -------
        augmented : torch.Tensor of the same shape
            It may be overwritten.
        mixing : sklearn_cnn.augmentation.Mixing or None
            Partners and shares of mixed samples.
        """
        mixing = None
        with torch.no_grad():
            if hasattr(self.augmentation, "augment"):
                augmented, mixing = self.augmentation.augment(images, self.generator)
            else:
                augmented = self.augmentation(images)
        self._check(augmented, images)
        # a copy: a callable, also one inside Compose, may keep what it gave
        return augmented.clone(), mixing

    def try_out(self, images):
        """Augment a batch by another copy, from another generator.

        If that fails, for whatever reason, the ValueError names ``augmentation``.
        """
        if isinstance(self.augmentation, type):
            name = self.augmentation.__name__
            raise ValueError(
                f"augmentation={name} is a class, but must be an instance: {name}(...)."
            )
        if not callable(self.augmentation):
            raise ValueError(
                f"augmentation={self.augmentation!r} must be one augmentation: of "
                "sklearn_cnn.augmentation, or any callable that takes a batch and "
                "returns it. Put several into one: Compose([...]). None means no "
                "augmentation."
            )
        try:
            augmented = self._augmented_by_a_copy(images)
        except Exception as error:
            raise ValueError(
                f"augmentation={self.augmentation!r} cannot be applied to a batch of "
                f"shape {tuple(images.shape)} (n_samples, n_channels, ...) and "
                f"{images.dtype}: {error}{self._hint(images)}"
            ) from error
        if images.isfinite().all() and not augmented.isfinite().all():
            raise ValueError(
                f"augmentation={self.augmentation!r} makes NaN or infinity of a batch "
                "of finite values. Lower its parameters, or check the callable."
            )
        if augmented.is_floating_point() and not images.is_floating_point():
            self._warn_if_scaled(augmented, images)

    def another(self):
        """Make the like of it, with another generator."""
        return Augmenter(self.augmentation, 0, self.generator.device)

    def _augmented_by_a_copy(self, images):
        return self.another()(images)[0]

    def _hint(self, images):
        if images.is_floating_point():
            return ""
        try:
            self._augmented_by_a_copy(images.float())
        except Exception:
            return ""
        return (
            ". It can be applied to floats, but integers stay integers here: give "
            "floats as X, such as X.astype('float32')."
        )

    def _warn_if_scaled(self, augmented, images):
        before, after = (
            batch.cpu().double().std().item() for batch in (images, augmented)
        )
        if after < before / _MUCH_LESS:
            warnings.warn(
                f"augmentation={self.augmentation!r} seems to scale integers: in the "
                f"first images their standard deviation falls from {before:.3g} to "
                f"{after:.3g}. Predictions see values as they are in X, so their range "
                "must stay: leave out such as torchvision's ToDtype(scale=True) and "
                "Normalize.",
                UserWarning,
                stacklevel=2,
            )

    def _check(self, augmented, images):
        if not isinstance(augmented, torch.Tensor):
            raise ValueError(
                f"it returned {type(augmented).__name__}, but must return a tensor."
            )
        if augmented.shape != images.shape:
            raise ValueError(
                f"it returned a batch of shape {tuple(augmented.shape)} for one of "
                f"shape {tuple(images.shape)}; predictions are made on images that "
                "are not augmented, so the shape must stay."
            )
        if augmented.is_complex():
            raise ValueError(f"it returned {augmented.dtype}, which is not real.")
