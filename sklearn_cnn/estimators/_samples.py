"""Checked training data, and the random numbers of one fit."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state

from sklearn_cnn.images import ImageLayout, channel_statistics


@dataclass(frozen=True)
class Samples:
    """Some rows of an image array, with their targets and weights.

    Parameters
    ----------
    images : array-like of shape (n_samples, ...)
        As the user gave them.
    layout : sklearn_cnn.images.ImageLayout
        What a row holds.
    rows : ndarray of int
        Which of them are meant.
    targets : ndarray of shape (n_samples, ...)
        Encoded as numbers, for all images.
    weights : ndarray of shape (n_samples,) or None
        The user's sample weights, for all images.
    """

    images: Any
    layout: ImageLayout
    rows: np.ndarray
    targets: np.ndarray
    weights: np.ndarray | None

    def channel_statistics(self):
        """Mean and standard deviation of every channel over the rows.

        Returns
        -------
        mean, std : ndarray of shape (n_channels,)
        """
        return channel_statistics(self.images, self.layout, self.rows, self.weights)

    def hold_out(self, estimator, seed):
        """Split off ``validation_fraction`` of the rows, stratified by class.

        Parameters
        ----------
        estimator : BaseCNN
            Whose parameters are meant.
        seed : int
            Of the shuffling.

        Returns
        -------
        training, held_out : Samples

        Raises
        ------
        ValueError
            If there are too few rows, or too few of some class.
        """
        stratify = None
        if self.targets.dtype.kind == "i":
            # labels, so that an error names the user's classes
            stratify = estimator.classes_[self.targets[self.rows]]
        fraction = estimator.validation_fraction
        try:
            training, held_out = train_test_split(
                self.rows, test_size=fraction, stratify=stratify, random_state=seed
            )
            if len(training) < 2:
                raise ValueError("fewer than 2 samples would be left to train on")
        except ValueError as error:
            raise ValueError(
                f"early_stopping=True holds out validation_fraction={fraction} of "
                f"{len(self.rows)} samples, which is not possible: {error} Change "
                "validation_fraction, add samples, or pass X_val and y_val."
            ) from error
        return replace(self, rows=np.sort(training)), replace(self, rows=held_out)


class Seeds(NamedTuple):
    """Seeds of everything random in one fit."""

    torch: int
    order: int
    split: int
    augmentation: int

    @classmethod
    def draw(cls, random_state, n_epochs_before):
        """Derive the seeds from a random_state.

        Parameters
        ----------
        random_state : int, RandomState instance or None
            None draws from the operating system, not from numpy's global generator.
        n_epochs_before : int
            Number of epochs that were trained before: continued training goes on
            with other numbers, but with the same split.

        Returns
        -------
        seeds : Seeds
        """
        if random_state is None:
            seed = np.random.SeedSequence().entropy
        else:
            seed = check_random_state(random_state).randint(2**31 - 1)
        ours = np.random.SeedSequence([seed, n_epochs_before]).generate_state(3)
        torch, order, augmentation = ours.tolist()
        (split,) = np.random.SeedSequence(seed).generate_state(1).tolist()
        return cls(torch, order, split, augmentation)
