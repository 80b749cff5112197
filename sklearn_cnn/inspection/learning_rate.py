"""LearningRateDisplay."""

from numbers import Real

import numpy as np
from scipy.ndimage import gaussian_filter1d
from sklearn.base import clone

from sklearn_cnn.inspection._drawing import grid_of_axes, tidy
from sklearn_cnn.inspection._fitted import unwrap
from sklearn_cnn.utils._parameters import require_integer
from sklearn_cnn.utils._plotting import COLORS

#: Width of the smoothing.
_STEPS = 3
#: How far below the rate of the smallest loss the suggestion is.
_MARGIN = 3


class LearningRateDisplay:
    """Training loss while the learning rate rises: a learning rate range test [1]_.

    Use :meth:`from_estimator` to make one.

    Parameters
    ----------
    learning_rates : ndarray of shape (n_steps,)
        Of every step.
    losses : ndarray of shape (n_steps,)
        Training loss of every batch; the last ones may be infinite.

    Attributes
    ----------
    smoothed_ : ndarray of shape (n_finite,)
        Weighted mean of neighbouring losses, by a Gaussian of 3 steps, as far as they
        are finite.
    suggestion_ : float
        A third of the learning rate where the smoothed loss is smallest.
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
    it rise again. [1]_ takes the rate where the loss stops falling for the largest of a
    cycle; a third of it is a cautious peak of a schedule. The test is noisy and sees
    the first steps of training only: try a third and three times of its suggestion as
    well.

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
    >>> bool(0.01 < display.suggestion_ < 0.5)
    True
    >>> plt.show()
    """

    def __init__(self, learning_rates, losses):
        self.learning_rates = learning_rates
        self.losses = losses

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
        from sklearn_cnn.training import LearningRateRange  # loads skorch

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
            n_networks=1,
            verbose=0,
            callbacks=[LearningRateRange(start, stop, n_steps)],
        )
        if hasattr(cnn, "label_smoothing"):
            # smoothed in the middle, losses would not be those of one range
            smoothing = 0.0 if cnn.label_smoothing == "auto" else cnn.label_smoothing
            trained.set_params(label_smoothing=smoothing)
        trained.fit(X, y)
        (found,) = (
            callback
            for _, callback in trained.net_.callbacks_
            if isinstance(callback, LearningRateRange)
        )
        rates, losses = np.array(found.learning_rates), np.array(found.losses)
        return cls(rates, losses).plot(ax=ax)

    @property
    def smoothed_(self):
        """Weighted mean of neighbouring losses, as far as they are finite."""
        return gaussian_filter1d(self.losses[np.isfinite(self.losses)], _STEPS)

    @property
    def suggestion_(self):
        """A third of the learning rate where the smoothed loss is smallest."""
        return float(self.learning_rates[self.smoothed_.argmin()]) / _MARGIN

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
        self.ax_ = ax = axes[0, 0]
        blue, red = COLORS[:2]
        smoothed = self.smoothed_
        finite = self.losses[: len(smoothed)]
        rates = self.learning_rates[: len(smoothed)]
        ax.plot(rates, finite, ".", color="#888888", ms=4, label="loss of a batch")
        ax.plot(rates, smoothed, color=blue, label="smoothed")
        label = f"suggestion: {self.suggestion_:.2g}"
        ax.axvline(self.suggestion_, color=red, linestyle="--", label=label)
        low, high = finite.min(), finite[: len(finite) // 4 + 1].max()
        # what diverged would press everything else to the ground
        ax.set_ylim(low - 0.1 * (high - low), high + 0.3 * (high - low))
        ax.set(xscale="log", xlabel="learning rate", ylabel="training loss")
        ax.set_title("Learning rate range test")
        ax.legend(fontsize="small", frameon=False)
        tidy(ax)
        return self


def _check_range(start, stop, n_steps):
    numbers = isinstance(start, Real) and isinstance(stop, Real)
    if not numbers or not 0 < start < stop < np.inf:
        raise ValueError(
            f"start={start!r} and stop={stop!r} must be learning rates, "
            "0 < start < stop."
        )
    require_integer("n_steps", n_steps, 10)
