"""PredictionDisplay."""

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils import check_consistent_length, column_or_1d

from sklearn_cnn import images
from sklearn_cnn.inspection._drawing import (
    grid_of_axes,
    hide_unused,
    panel_titles,
    show_sample,
)
from sklearn_cnn.inspection._fitted import Seen
from sklearn_cnn.utils._parameters import require_integer

_COLUMNS = 6


class PredictionDisplay:
    """The worst errors: of a classifier the surest ones, of a regressor the largest.

    Use :meth:`from_estimator` or :meth:`from_predictions` to make one.

    Parameters
    ----------
    pictures : ndarray of shape (n_shown, ..., n_channels)
        The samples that are shown, with channels last.
    rows : ndarray of int, of shape (n_shown,)
        Which rows of the data they are.
    y_true, y_pred : ndarray of shape (n_shown,)
        Their true and their predicted labels, or numbers.
    probabilities : ndarray of shape (n_shown, 2) or None
        Predicted probability of the predicted and of the true class; None for numbers.
    n_errors, n_samples : int
        How many errors there are among how many samples. Of a regressor each sample is
        one.

    Attributes
    ----------
    figure_ : matplotlib Figure
        What contains the samples, after :meth:`plot`.
    axes_ : ndarray of matplotlib Axes
        The panels, after :meth:`plot`.

    See Also
    --------
    SaliencyDisplay : Where the network looked.
    sklearn.metrics.ConfusionMatrixDisplay : Which classes are taken for which.
    sklearn.metrics.PredictionErrorDisplay : All residuals of a regressor.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_cnn import CNNClassifier
    >>> from sklearn_cnn.inspection import PredictionDisplay
    >>> digits = load_digits()
    >>> X, y = digits.images, digits.target
    >>> cnn = CNNClassifier(filters=(8,), max_iter=2, random_state=0)
    >>> cnn = cnn.fit(X[:500], y[:500])
    >>> display = PredictionDisplay.from_estimator(cnn, X[500:], y[500:], n_shown=6)
    >>> bool((display.y_true != display.y_pred).all()), display.pictures.shape
    (True, (6, 8, 8, 1))
    >>> plt.show()
    """

    def __init__(
        self, pictures, rows, y_true, y_pred, probabilities, *, n_errors, n_samples
    ):
        self.pictures = pictures
        self.rows = rows
        self.y_true = y_true
        self.y_pred = y_pred
        self.probabilities = probabilities
        self.n_errors = n_errors
        self.n_samples = n_samples

    @classmethod
    def from_estimator(cls, estimator, X, y, *, n_shown=12, ax=None):
        """Predict, and draw the worst errors.

        Parameters
        ----------
        estimator : CNNClassifier, CNNRegressor or Pipeline that ends in one
            Fitted on classes that exclude each other, or on one target. The earlier
            steps of a pipeline are applied to ``X``, and their result is shown.
        X : array-like of shape (n_samples, ...)
            Images, as ``estimator.predict`` takes them. Take some that it was not
            fitted on.
        y : array-like of shape (n_samples,)
            Their labels or targets.
        n_shown : int, default=12
            How many errors to draw at most.
        ax : matplotlib Axes or array-like of Axes, default=None
            As in :meth:`plot`.

        Returns
        -------
        display : PredictionDisplay

        Raises
        ------
        ValueError
            If the estimator is multi-label or has several targets, or data do not fit.
        """
        seen = Seen.by(estimator, X)
        cnn, name = seen.cnn, type(seen.cnn).__name__
        if not is_classifier(cnn):
            if cnn.n_outputs_ > 1:
                raise ValueError(
                    f"PredictionDisplay shows errors of one target, but this {name} "
                    f"has {cnn.n_outputs_}. Pass those of one to from_predictions: "
                    "y_true=y[:, 0], y_pred=estimator.predict(X)[:, 0]."
                )
            selected = cls._largest(
                seen.pictures, column_or_1d(y), cnn.predict(seen.array), n_shown
            )
            return selected.plot(ax=ax)
        if cnn.multilabel_:
            raise ValueError(
                "PredictionDisplay needs classes that exclude each other, but this "
                f"{name} is multi-label. Pass the probabilities of one label to "
                "from_predictions."
            )
        selected = cls._surest(
            seen.pictures,
            column_or_1d(y),
            cnn.predict_proba(seen.array),
            cnn.classes_,
            n_shown,
        )
        return selected.plot(ax=ax)

    @classmethod
    def from_predictions(
        cls,
        X,
        y_true,
        y_proba=None,
        *,
        y_pred=None,
        classes=None,
        n_shown=12,
        input_shape=None,
        spatial_dims="auto",
        data_format="channels_last",
        ax=None,
    ):
        """Draw the worst errors of any classifier or regressor.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images, signals or volumes.
        y_true : array-like of shape (n_samples,)
            Their labels, or numbers.
        y_proba : array-like of shape (n_samples, n_classes), default=None
            Predicted probabilities of a classifier.
        y_pred : array-like of shape (n_samples,), default=None
            Predicted numbers of a regressor, as floats, in place of ``y_proba``.
        classes : array-like of shape (n_classes,), default=None
            Labels of the columns of ``y_proba``; None takes the sorted labels in
            ``y_true``.
        n_shown : int, default=12
            How many errors to draw at most.
        input_shape : sequence of int, default=None
            What a flat row of ``X`` holds, as in :class:`~sklearn_cnn.CNNClassifier`.
        spatial_dims : {"auto", 1, 2, 3}, default="auto"
            Number of spatial axes, as in :class:`~sklearn_cnn.CNNClassifier`.
        data_format : {"channels_last", "channels_first"}, default="channels_last"
            Where the channel axis of ``X`` is.
        ax : matplotlib Axes or array-like of Axes, default=None
            As in :meth:`plot`.

        Returns
        -------
        display : PredictionDisplay

        Raises
        ------
        ValueError
            If lengths differ, ``y_proba`` has not one column for each class,
            ``y_pred`` holds labels, or not one of the two is given.
        """
        if (y_proba is None) == (y_pred is None):
            raise ValueError(
                "Pass either y_proba, the probabilities of a classifier, or y_pred, "
                "the numbers of a regressor."
            )
        array = images.check_image_array(np.asarray(images.as_array(X)), estimator=None)
        y_true = column_or_1d(y_true)
        check_consistent_length(array, y_true, y_pred if y_proba is None else y_proba)
        layout = images.read_layout(array.shape, input_shape, spatial_dims, data_format)

        def pictures(rows):
            return layout.channels_last(array[rows])

        if y_proba is None:
            if np.asarray(y_pred).dtype.kind != "f":
                raise ValueError(
                    "y_pred holds labels or integers, but must hold the numbers of a "
                    "regressor, as floats. Pass y_proba for a classifier."
                )
            return cls._largest(pictures, y_true, column_or_1d(y_pred), n_shown).plot(
                ax=ax
            )
        y_proba = np.asarray(y_proba)
        classes = np.unique(y_true) if classes is None else np.asarray(classes)
        if y_proba.ndim != 2 or y_proba.shape[1] != len(classes):
            raise ValueError(
                f"y_proba has shape {y_proba.shape}, but there are {len(classes)} "
                f"classes: {classes.tolist()}. Pass one column for each, and the "
                "labels of the columns as classes."
            )
        return cls._surest(pictures, y_true, y_proba, classes, n_shown).plot(ax=ax)

    @classmethod
    def _largest(cls, pictures, y_true, y_pred, n_shown):
        require_integer("n_shown", n_shown, 1)
        check_consistent_length(y_true, y_pred)
        rows = np.argsort(-abs(y_pred - y_true), kind="stable")[:n_shown]
        return cls(
            pictures(rows),
            rows,
            y_true[rows],
            y_pred[rows],
            None,
            n_errors=len(y_true),
            n_samples=len(y_true),
        )

    @classmethod
    def _surest(cls, pictures, y_true, y_proba, classes, n_shown):
        require_integer("n_shown", n_shown, 1)
        check_consistent_length(y_true, y_proba)
        unknown = np.setdiff1d(y_true, classes)
        if len(unknown):
            raise ValueError(
                f"y holds the labels {unknown.tolist()}, which are not among the "
                f"classes {classes.tolist()}."
            )
        predicted = y_proba.argmax(axis=1)
        true = np.argsort(classes)[np.searchsorted(np.sort(classes), y_true)]
        confidence = y_proba[np.arange(len(y_true)), predicted]
        wrong = np.flatnonzero(predicted != true)
        rows = wrong[np.argsort(-confidence[wrong], kind="stable")][:n_shown]
        return cls(
            pictures(rows),
            rows,
            y_true[rows],
            classes[predicted[rows]],
            np.column_stack([confidence[rows], y_proba[rows, true[rows]]]),
            n_errors=len(wrong),
            n_samples=len(y_true),
        )

    def plot(self, ax=None):
        """Draw the errors with their labels and probabilities, or their numbers.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of Axes, default=None
            An axes to divide into panels, or one for each of them. None makes a figure.

        Returns
        -------
        self : PredictionDisplay
            With ``axes_`` and ``figure_``. Without errors there is an empty panel with
            a title that says so.
        """
        n = len(self.pictures)
        signals = self.pictures.ndim == 3
        titles, n_lines = panel_titles(self._titles(), signals=signals)
        n_columns = min(2 if signals else _COLUMNS, max(1, n))
        n_rows = max(1, -(-n // n_columns))
        # names of classes may take several lines
        size = (3.6, 1.7) if signals else (1.45, 1.8 + 0.15 * n_lines)
        self.figure_, self.axes_ = grid_of_axes(
            ax, n_rows, n_columns, size, type(self).__name__, images=not signals
        )
        for panel, picture, row, title in zip(
            self.axes_.flat, self.pictures, self.rows, titles, strict=False
        ):
            show_sample(panel, picture)
            panel.set_title(title, fontsize="small")
            panel.set_xlabel(f"sample {row}", fontsize="x-small")
        hide_unused(self.axes_)
        if ax is None:
            self.figure_.suptitle(self._heading())
        return self

    def _titles(self):
        """Two lines for each sample that is shown."""
        if self.probabilities is None:
            return [
                (f"predicted {predicted:.4g}", f"true {true:.4g}")
                for true, predicted in zip(self.y_true, self.y_pred, strict=True)
            ]
        return [
            (f"predicted {predicted}: {p:.0%}", f"true {true}: {p_true:.0%}")
            for true, predicted, (p, p_true) in zip(
                self.y_true, self.y_pred, self.probabilities, strict=True
            )
        ]

    def _heading(self):
        if self.probabilities is None:
            return f"The {len(self.rows)} largest errors of {self.n_samples} samples"
        errors = "error" if self.n_errors == 1 else "errors"
        title = f"{self.n_errors or 'no'} {errors} among {self.n_samples} samples"
        if len(self.rows) < self.n_errors:
            title = f"the {len(self.rows)} surest of {title}"
        return title[0].upper() + title[1:]
