"""Augmentation of training batches, whoever wrote it."""

import copy

import torch


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
        """Augment a batch.

        Parameters
        ----------
        images : torch.Tensor of shape (n_samples, n_channels, *spatial_shape)
            As loaded: with the values that the user gave.

        Returns
        -------
        augmented : torch.Tensor of the same shape
            It may be overwritten.
        mixing : tuple or None
            Partners and shares of mixed samples.

        Raises
        ------
        ValueError
            If something else than a batch of that shape comes out.
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

        Parameters
        ----------
        images : torch.Tensor of shape (n_samples, n_channels, *spatial_shape)
            As loaded.

        Raises
        ------
        ValueError
            If that fails, for whatever reason.
        """
        if isinstance(self.augmentation, type):
            name = self.augmentation.__name__
            raise ValueError(
                f"augmentation={name} is a class, but must be an instance: {name}(...)."
            )
        if isinstance(self.augmentation, list | tuple):
            raise ValueError(
                f"augmentation={self.augmentation!r} must be one augmentation. Put "
                "several into one: sklearn_cnn.augmentation.Compose([...])."
            )
        try:
            Augmenter(self.augmentation, 0, self.generator.device)(images)
        except Exception as error:
            raise ValueError(
                f"augmentation={self.augmentation!r} cannot be applied to a batch of "
                f"shape {tuple(images.shape)} (n_samples, n_channels, ...) and "
                f"{images.dtype}: {error}"
            ) from error

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
