"""TrainingCurveDisplay."""

from itertools import count, cycle

from sklearn.base import is_classifier

from sklearn_cnn.inspection._drawing import grid_of_axes, tidy
from sklearn_cnn.inspection._fitted import fitted_cnn
from sklearn_cnn.utils._plotting import COLORS


class TrainingCurveDisplay:
    """Loss, validation score and learning rate over the epochs of one or several fits.

    Use :meth:`from_estimator` or :meth:`from_estimators` to make one.

    Parameters
    ----------
    histories : dict of str to DataFrame
        For the name of every fit, its ``history_``: one row per epoch with the columns
        "train_loss", "valid_loss", "valid_score" and "learning_rate". The columns of a
        fit without validation hold NaN.
    score_name : str, default="score"
        What the validation score is called.

    Attributes
    ----------
    best_epochs_ : dict of str to int
        Epoch, from 1, of the smallest validation loss of every fit, or of the smallest
        training loss where there was no validation.
    figure_ : matplotlib Figure
        What contains the curves, after :meth:`plot`.
    axes_ : ndarray of matplotlib Axes
        One for the loss, one for the score if any fit has one, and one for the learning
        rate, after :meth:`plot`.

    See Also
    --------
    LearningRateDisplay : What learning rate to choose.
    sklearn.model_selection.LearningCurveDisplay : Score against the number of samples.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_cnn import CNNClassifier
    >>> from sklearn_cnn.inspection import TrainingCurveDisplay
    >>> digits = load_digits()
    >>> X, y = digits.images[:500], digits.target[:500]
    >>> cnn = CNNClassifier(filters=(8,), max_iter=3, random_state=0)
    >>> cnn.fit(X[:400], y[:400], X_val=X[400:], y_val=y[400:])
    CNNClassifier(filters=(8,), max_iter=3, random_state=0)
    >>> display = TrainingCurveDisplay.from_estimator(cnn)
    >>> len(display.axes_), display.best_epochs_
    (3, {'CNNClassifier': 3})
    >>> plt.show()
    """

    def __init__(self, histories, *, score_name="score"):
        self.histories = histories
        self.score_name = score_name

    @classmethod
    def from_estimator(cls, estimator, *, name=None, ax=None):
        """Draw the curves of one fit.

        Parameters
        ----------
        estimator : CNNClassifier, CNNRegressor or Pipeline that ends in one
            Fitted. With ``early_stopping=True``, or ``X_val`` in ``fit``, it has curves
            of validation. If it has several networks, each has its curves.
        name : str, default=None
            What it is called in the legend; None takes its class.
        ax : matplotlib Axes or array-like of Axes, default=None
            As in :meth:`plot`.

        Returns
        -------
        display : TrainingCurveDisplay
        """
        cnn = fitted_cnn(estimator)
        name = type(cnn).__name__ if name is None else name
        networks = cnn.estimators_
        if len(networks) == 1:
            return cls.from_estimators({name: cnn}, ax=ax)
        named = {f"{name}, network {i}": one for i, one in enumerate(networks)}
        return cls.from_estimators(named, ax=ax)

    @classmethod
    def from_estimators(cls, estimators, *, ax=None):
        """Draw the curves of several fits into one figure.

        Parameters
        ----------
        estimators : dict of str to estimator
            Fitted networks, or pipelines that end in one, by their names in the legend.
        ax : matplotlib Axes or array-like of Axes, default=None
            As in :meth:`plot`.

        Returns
        -------
        display : TrainingCurveDisplay

        Raises
        ------
        ValueError
            If there is none, or if there are classifiers and regressors.
        """
        if not isinstance(estimators, dict) or not estimators:
            raise ValueError(
                f"estimators={estimators!r} must be a dict of names and fitted "
                "estimators, such as {'dropout 0.5': cnn}."
            )
        cnns = {str(name): fitted_cnn(e) for name, e in estimators.items()}
        scores = {"accuracy" if is_classifier(cnn) else "R²" for cnn in cnns.values()}
        if len(scores) > 1:
            raise ValueError(
                "estimators holds classifiers and regressors, whose losses cannot be "
                "compared. Draw them in two displays."
            )
        histories = {name: cnn.history_ for name, cnn in cnns.items()}
        return cls(histories, score_name=scores.pop()).plot(ax=ax)

    @property
    def best_epochs_(self):
        """Epoch of the smallest validation (or training) loss of every fit."""
        return {
            name: int(history[_monitored(history)].idxmin())
            for name, history in self.histories.items()
        }

    def plot(self, ax=None):
        """Draw the curves.

        Dashed lines are losses of training, solid ones all else; a circle marks the
        epoch of the smallest validation loss (training loss where there was no
        validation), on the score as well. A single fit has one colour for training and
        one for validation, several fits have a colour each.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of Axes, default=None
            An axes to divide into panels, or one for each of them. None makes a figure.

        Returns
        -------
        self : TrainingCurveDisplay
            With ``axes_`` and ``figure_``.
        """
        scored = any(h["valid_score"].notna().any() for h in self.histories.values())
        n_panels = 3 if scored else 2
        self.figure_, axes = grid_of_axes(
            ax, 1, n_panels, (3.0, 2.9), type(self).__name__
        )
        self.axes_ = axes[0]
        alone = len(self.histories) == 1
        for (name, history), color, order in zip(
            self.histories.items(), cycle(COLORS), count(), strict=False
        ):
            prefix = "" if alone else f"{name}, "
            train = COLORS[1] if alone else color
            self._draw(history, prefix, color, train, self.best_epochs_[name])
            # equal learning rates lie on top of each other, the widest at the bottom
            width = 2 + 6 * (1 - (order + 1) / len(self.histories))
            self.axes_[-1].plot(
                history.index, history["learning_rate"], color=color, linewidth=width
            )
        labels = ["loss", self.score_name, "learning rate"]
        titles = ["Loss", f"Validation {self.score_name}", "Learning rate"]
        if not scored:
            del labels[1], titles[1]
        for panel, label, title in zip(self.axes_, labels, titles, strict=True):
            panel.set(xlabel="epoch", ylabel=label, title=title)
            panel.xaxis.get_major_locator().set_params(integer=True)
            tidy(panel)
        self.axes_[-1].set_ylim(bottom=0)
        # a loss falls by orders of magnitude, and its late part decides
        self.axes_[0].set_yscale("log")
        legend = {"fontsize": "small", "frameon": False}
        if ax is None:
            handles, _ = self.axes_[0].get_legend_handles_labels()
            n_columns = len(handles) if alone else min(4, len(self.histories))
            self.figure_.legend(
                handles=handles, loc="outside lower center", ncols=n_columns, **legend
            )
        else:
            self.axes_[0].legend(**legend)
        return self

    def _draw(self, history, prefix, color, train_color, best):
        loss, *score = self.axes_[:-1]
        monitored = _monitored(history)
        validated = monitored == "valid_loss"
        style = {"marker": "." if len(history) < 3 else None, "linewidth": 1.5}
        mark = {"marker": "o", "linestyle": "", "markerfacecolor": "white"}

        def draw(panel, column, label, line="-", color=color):
            values = history[column]
            panel.plot(values.index, values, line, color=color, label=label, **style)

        draw(loss, "train_loss", f"{prefix}training", "--", train_color)
        if validated:
            draw(loss, "valid_loss", f"{prefix}validation")
        label = f"{prefix}best epoch by loss: {best}"
        shade = color if validated else train_color
        loss.plot(best, history[monitored].loc[best], color=shade, label=label, **mark)
        if score and history["valid_score"].notna().any():
            draw(score[0], "valid_score", None)
            score[0].plot(best, history["valid_score"].loc[best], color=color, **mark)


def _monitored(history):
    return "valid_loss" if history["valid_loss"].notna().any() else "train_loss"
