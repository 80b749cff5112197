"""CNNClassifier."""

from dataclasses import KW_ONLY, dataclass
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassifierMixin

from sklearn_cnn import training
from sklearn_cnn.estimators._auto import is_auto
from sklearn_cnn.estimators._base import BaseCNN
from sklearn_cnn.estimators._documentation import documented
from sklearn_cnn.estimators._targets import (
    Labels,
    LabelSets,
    is_multilabel,
    named_classes,
)
from sklearn_cnn.utils._sklearn import Interval, StrOptions, fit_context


@documented
@dataclass(eq=False, repr=False)
class CNNClassifier(ClassifierMixin, BaseCNN):
    """Convolutional neural network for classification.

    Binary, multi-class and multi-label problems, with labels of any type, on 1-D
    signals, 2-D images and 3-D volumes. It minimises the cross-entropy.

    Parameters
    ----------
    {parameters}
    label_smoothing : float or "auto", default="auto"
        Share of every target that is spread over all classes, in [0, 1) [8]_. It keeps
        probabilities from becoming extreme where classes are hard to tell apart; where
        they are easy it makes them too cautious. "auto" is 0 at first. For images it
        becomes, after 30 % of the epochs, the square of the training loss (as a share
        of that of a guess), but at most 0.2. The validation loss is never smoothed.
    class_weight : dict, "balanced", list of dict or None, default=None
        Weights of the classes in the loss, multiplied with ``sample_weight``;
        "balanced" takes them inversely proportional to the class frequencies. A list
        has one dict for each label of a multi-label problem. None weighs all alike.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted; 0, ..., n_labels - 1 for a multi-label problem.
    multilabel_ : bool
        Whether it was fitted on a multi-label problem.
    {attributes}

    See Also
    --------
    CNNRegressor : The same for numbers.
    sklearn.neural_network.MLPClassifier : Dense layers only.

    Notes
    -----
    Training data with a single class are refused, as by
    :class:`~sklearn.linear_model.LogisticRegression` and :class:`~sklearn.svm.SVC`.

    References
    ----------
    {references}
    .. [8] C. Szegedy et al., "Rethinking the Inception architecture for computer
       vision", CVPR 2016.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn_cnn import CNNClassifier
    >>> digits = load_digits()
    >>> X_train, X_test, y_train, y_test = train_test_split(
    ...     digits.images, digits.target, random_state=0)
    >>> cnn = CNNClassifier(filters=(16, 32), max_iter=10, random_state=0)
    >>> cnn.fit(X_train, y_train)
    CNNClassifier(filters=(16, 32), max_iter=10, random_state=0)
    >>> cnn.input_shape_, cnn.n_parameters_
    ((8, 8, 1), 5178)
    >>> bool(cnn.score(X_test, y_test) > 0.95)
    True
    """

    _: KW_ONLY
    label_smoothing: Any = "auto"
    class_weight: Any = None

    _parameter_constraints: ClassVar[dict] = {
        **BaseCNN._parameter_constraints,
        "label_smoothing": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="left")],
        "class_weight": [StrOptions({"balanced"}), dict, list, None],
    }

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one epoch on some samples, going on where training stopped.

        The learning rate is ``learning_rate``, without a schedule, and nothing is held
        out by ``early_stopping``. Statistics of the input come from the first call.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images, as in :meth:`fit`.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Labels.
        classes : array-like of shape (n_classes,), default=None
            All labels that will ever occur; needed in the first call, unless the
            problem is multi-label.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each sample counts.

        Returns
        -------
        self : CNNClassifier
            The estimator.

        Raises
        ------
        ValueError
            If ``classes`` is missing or differs from the first call, or data do not
            fit; the estimator is then left as it was.
        """
        self._validate_params()  # scikit-learn does in the first call alone
        if isinstance(self.class_weight, str):
            raise ValueError(
                "class_weight='balanced' cannot be computed from the samples of one "
                "partial_fit. Compute them for all samples with "
                "sklearn.utils.class_weight.compute_class_weight and pass a dict."
            )
        first = not self._is_trained
        if first and classes is None and not is_multilabel(y):
            raise ValueError("classes must be passed on the first call to partial_fit.")
        if not first and classes is not None:
            if not np.array_equal(named_classes(classes), self.classes_):
                raise ValueError(
                    f"classes={classes!r} is not the same as on last call to "
                    f"partial_fit, was: {self.classes_!r}."
                )
        return self._partial_fit(X, y, sample_weight, classes)

    def predict(self, X):
        """Predict labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images of the shape that was fitted on.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            The most probable class, or all labels of probability above 0.5.
        """
        outputs = self._outputs(X)
        return self._targets.decode(self._targets.decide(outputs))

    def predict_proba(self, X):
        """Predict probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images of the shape that was fitted on.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes), float64
            Of the classes in the order of ``classes_``, or of every label.
        """
        outputs = self._outputs(X)
        return self._targets.probabilities(outputs)

    def predict_log_proba(self, X):
        """Predict logarithms of probabilities, without rounding them to zero first.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images of the shape that was fitted on.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes), float64
            Of the classes in the order of ``classes_``, or of every label.
        """
        outputs = self._outputs(X)
        return self._targets.log_probabilities(outputs)

    def decision_function(self, X):
        """Compute the outputs of the network, before they become probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images of the shape that was fitted on.

        Returns
        -------
        decision : ndarray of shape (n_samples,) or (n_samples, n_classes), float64
            Log-odds of the second class for a binary problem, otherwise one value per
            class or label.
        """
        outputs = self._outputs(X)
        return self._targets.decision(outputs)

    @property
    def classes_(self):
        """The labels."""
        return self._targets.classes

    @property
    def multilabel_(self):
        """Whether each sample has any number of labels."""
        return self._targets.multilabel

    def _kind_of_targets(self, y):
        return LabelSets if is_multilabel(y) else Labels

    def _make_loss(self):
        given = self.label_smoothing
        return self._targets.loss(0.0 if is_auto(given) else given)

    def _observers(self, of, *args):
        observers = super()._observers(of, *args)
        if is_auto(self.label_smoothing) and of.recipe.smooths_labels:
            observers.append(training.AdaptiveSmoothing(self.n_outputs_))
        return observers

    def _loss_weight(self, samples):
        if self.class_weight is None:
            return samples.sample_weight
        codes = samples.codes[samples.rows]
        weight = np.zeros(len(samples.images))
        weight[samples.rows] = self._targets.class_weights(self.class_weight, codes)
        given = samples.sample_weight
        return weight if given is None else weight * given

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
