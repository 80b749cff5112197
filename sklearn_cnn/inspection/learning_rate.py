"""LearningRateDisplay."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import clone

from sklearn_cnn.inspection._drawing import COLORS, grid_of_axes, tidy
from sklearn_cnn.inspection._fitted import unwrap
from sklearn_cnn.training.range_test import LearningRateRange


class LearningRateDisplay:
    """Training loss while the learning rate rises: a learning rate range test [1]_.

    Use :meth:`from_estimator` to make one.

    Parameters
    ----------
    learning_rates : ndarray of shape (n_steps,)
        Of every step.
    losses : ndarray of shape (n_steps,)
        Training loss of every batch.
    smoothed : ndarray of shape (n_steps,)
        Moving average of the losses.

    Attributes
    ----------
    suggestion_ : float
        A tenth of the learning rate where the smoothed loss is smallest.
    figure_ : matplotlib Figure
        What contains the curve, after :meth:`plot`.
    ax_ : matplotlib Axes
        The curve, after :meth:`plot`.

    See Also
    --------
    TrainingCurveDisplay : How a fit went.

    Notes
    -----
    The network is trained from its beginning, one batch for each learning rate. Too
    small rates leave the loss as it is, good ones decrease it, and too large ones make
    it rise again. Where it is smallest the rate is about to become too large; an order
    of magnitude below is a common choice for the peak of a schedule. The test is noisy
    and sees the first steps of training only: try a third and three times of its
    suggestion as well.

    References
    ----------
    .. [1] L. Smith, "Cyclical learning rates for training neural networks", WACV 2017,
       https://arxiv.org/abs/1506.01186

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_cnn import CNNClassifier
    >>> from sklearn_cnn.inspection import LearningRateDisplay
    >>> digits = load_digits()
    >>> cnn = CNNClassifier(filters=(8,), random_state=0)
    >>> display = LearningRateDisplay.from_estimator(cnn, digits.images, digits.target)
    >>> bool(1e-3 < display.suggestion_ < 1)
    True
    >>> plt.show()
    """

    def __init__(self, learning_rates, losses, smoothed):
        self.learning_rates = learning_rates
        self.losses = losses
        self.smoothed = smoothed

    @classmethod
    def from_estimator(
        cls, estimator, X, y, *, start=1e-6, stop=10.0, n_steps=100, ax=None
    ):
        """Train a clone while the learning rate rises, and draw the loss.

        Parameters
        ----------
        estimator : CNNClassifier, CNNRegressor or Pipeline that ends in one
            Fitted or not; it is left as it is. Clones of the earlier steps of a
            pipeline are fitted. With an int as ``random_state`` the result is always
            the same.
        X : array-like of shape (n_samples, ...)
            Images, as ``estimator.fit`` takes them.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        start, stop : float, default=1e-6, 10.0
            First and last learning rate. Training ends earlier if the smoothed loss is
            four times its minimum, or not finite.
        n_steps : int, default=100
            Number of steps; each trains on one batch.
        ax : matplotlib Axes, default=None
            As in :meth:`plot`.

        Returns
        -------
        display : LearningRateDisplay

        Raises
        ------
        ValueError
            If ``start``, ``stop`` and ``n_steps`` do not make a range.
        """
        _check_range(start, stop, n_steps)
        cnn, before = unwrap(estimator)
        for steps in before:
            X = clone(steps).fit_transform(X, y)
        trained = clone(cnn).set_params(
            learning_rate=start,
            lr_schedule="constant",
            max_iter=int(n_steps),
            early_stopping=False,
            freeze_epochs=0,
            warm_start=False,
            verbose=0,
            callbacks=[LearningRateRange(start, stop, n_steps)],
        )
        trained.fit(X, y)
        (found,) = (
            callback
            for _, callback in trained.net_.callbacks_
            if isinstance(callback, LearningRateRange)
        )
        results = (found.learning_rates, found.losses, found.smoothed)
        return cls(*map(np.array, results)).plot(ax=ax)

    @property
    def suggestion_(self):
        """A tenth of the learning rate where the smoothed loss is smallest."""
        return float(self.learning_rates[np.nanargmin(self.smoothed)]) / 10

    def plot(self, ax=None):
        """Draw the loss against the learning rate.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where; None makes a figure.

        Returns
        -------
        self : LearningRateDisplay
            With ``ax_`` and ``figure_``.
        """
        self.figure_, axes = grid_of_axes(ax, 1, 1, (6.0, 3.6), type(self).__name__)
        self.ax_ = axes[0, 0]
        blue, red = COLORS[:2]
        rates = self.learning_rates
        self.ax_.plot(rates, self.losses, ".", color="#999999", markersize=3)
        self.ax_.plot(rates, self.smoothed, color=blue, label="smoothed training loss")
        self.ax_.axvline(
            self.suggestion_,
            color=red,
            linestyle="--",
            label=f"suggestion: {self.suggestion_:.2g}",
        )
        finite = self.smoothed[np.isfinite(self.smoothed)]
        low, high = finite.min(), finite[: max(1, len(finite) // 4)].max()
        # what diverged would press everything else to the ground
        self.ax_.set_ylim(low - 0.1 * (high - low), high + 0.5 * (high - low))
        self.ax_.set(
            xscale="log",
            xlabel="learning rate",
            ylabel="training loss of a batch",
            title="Learning rate range test",
        )
        self.ax_.legend(fontsize="small", frameon=False)
        tidy(self.ax_)
        return self


def _check_range(start, stop, n_steps):
    numbers = isinstance(start, Real) and isinstance(stop, Real)
    if not numbers or not 0 < start < stop < np.inf:
        raise ValueError(
            f"start={start!r} and stop={stop!r} must be learning rates, "
            "0 < start < stop."
        )
    if not isinstance(n_steps, Integral) or n_steps < 10:
        raise ValueError(f"n_steps={n_steps!r} must be an integer of at least 10.")
