"""Checked training data, and the random numbers of one fit."""

from dataclasses import dataclass, replace
from functools import reduce
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import check_random_state

from sklearn_cnn.images import ChannelStatistics, ImageLayout


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
    codes : ndarray of shape (n_samples, ...) or None
        Encoded targets, for all images.
    sample_weight : ndarray of shape (n_samples,) or None
        As the user gave them, for all images.
    processes : training.processes.Processes or None
        That share them.
    """

    images: Any
    layout: ImageLayout
    rows: np.ndarray
    codes: np.ndarray | None = None
    sample_weight: np.ndarray | None = None
    processes: Any = None

    @property
    def chosen(self):
        """Codes and weights of the rows."""
        weight = self.sample_weight
        return self.codes[self.rows], None if weight is None else weight[self.rows]

    def channel_statistics(self):
        """Mean and standard deviation of every channel over the rows."""
        rows, processes = self.rows, self.processes
        if processes is not None:
            rows = processes.block(rows)
        nothing = ChannelStatistics.nothing(self.layout.n_channels)
        found = nothing.update(self.images, self.layout, rows, self.sample_weight)
        if processes is not None:
            found = reduce(ChannelStatistics.joined, processes.gather(found))
        return found.mean, found.scale

    def hold_out(self, fraction, strata, seed):
        """Split off some of the rows, stratified by what ``strata`` makes of codes.

        Raises
        ------
        ValueError
            If there are too few rows, or too few of some class.
        """
        from sklearn.model_selection import train_test_split  # loads much

        stratify = strata(self.chosen[0])
        try:
            training, held_out = train_test_split(
                self.rows, test_size=fraction, stratify=stratify, random_state=seed
            )
            if len(training) < 2:
                raise ValueError("fewer than 2 samples would be left to train on")
        except ValueError as error:
            reason = str(error).rstrip(".")
            raise ValueError(
                f"early_stopping=True holds out validation_fraction={fraction} of "
                f"{len(self.rows)} samples, which is not possible: {reason}. Change "
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

        Continued training, after some epochs before, goes on with other numbers but
        with the same split. None draws from the operating system, not from numpy's
        global generator.
        """
        if random_state is None:
            seed = np.random.SeedSequence().entropy
        else:
            seed = check_random_state(random_state).randint(2**31 - 1)
        ours = np.random.SeedSequence([seed, n_epochs_before]).generate_state(3)
        torch, order, augmentation = ours.tolist()
        (split,) = np.random.SeedSequence(seed).generate_state(1).tolist()
        return cls(torch, order, split, augmentation)

    @classmethod
    def draw_each(cls, random_state, n_epochs_before):
        """Derive those of several networks, of which all have the split of the first.

        ``n_epochs_before`` has a number for each.
        """
        drawn = [
            cls.draw(state_of_network(random_state, i), n_epochs)
            for i, n_epochs in enumerate(n_epochs_before)
        ]
        return [seeds._replace(split=drawn[0].split) for seeds in drawn]


def state_of_network(random_state, number):
    """Give the random_state with which a network would be trained alone.

    The first has the one that is given. From a RandomState each draws in turn.
    """
    if number and isinstance(random_state, Integral):
        sequence = np.random.SeedSequence([int(random_state), number])
        return int(sequence.generate_state(1)[0])
    return random_state
