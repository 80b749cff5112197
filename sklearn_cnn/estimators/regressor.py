"""CNNRegressor."""

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from sklearn_cnn.estimators._base import BaseCNN
from sklearn_cnn.estimators._documentation import documented
from sklearn_cnn.estimators._targets import Numbers
from sklearn_cnn.utils._sklearn import StrOptions, fit_context


@documented
@dataclass(eq=False, repr=False)
class CNNRegressor(RegressorMixin, BaseCNN):
    """Convolutional neural network for regression.

    One or many targets, on 1-D signals, 2-D images and 3-D volumes. Targets are
    standardised for training and restored at prediction.

    Parameters
    ----------
    {parameters}
    loss : {"squared_error", "absolute_error", "huber"}, default="squared_error"
        What is minimised, on standardised targets: the squared error leads to the mean,
        the absolute error to the median, and "huber" (quadratic up to one standard
        deviation of the target, linear beyond [8]_) is robust against outliers. The
        squared error by default, as :meth:`score` measures it.

    Attributes
    ----------
    target_mean_ : ndarray of shape () or (n_outputs,)
        Mean of every target over the training samples.
    target_scale_ : ndarray of shape () or (n_outputs,)
        Standard deviation of every target; 1 where a target is constant.
    {attributes}

    See Also
    --------
    CNNClassifier : The same for classes.
    sklearn.neural_network.MLPRegressor : Dense layers only.

    Notes
    -----
    Losses in ``history_`` are those of standardised targets.

    References
    ----------
    {references}
    .. [8] P. Huber, "Robust estimation of a location parameter", Annals of
       Mathematical Statistics 35, 1964.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_cnn import CNNRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 12, 12))
    >>> y = 3 * X[:, 4:8, 4:8].mean(axis=(1, 2)) + 100
    >>> cnn = CNNRegressor(
    ...     filters=(16,), global_pooling="flatten", max_iter=30, random_state=0)
    >>> bool(cnn.fit(X, y).score(X, y) > 0.9)
    True
    """

    _: KW_ONLY
    loss: str = "squared_error"

    _parameter_constraints: ClassVar[dict] = {
        **BaseCNN._parameter_constraints,
        "loss": [StrOptions({"squared_error", "absolute_error", "huber"})],
    }

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None):
        """Train for one epoch on some samples, going on where training stopped.

        The learning rate is ``learning_rate``, without a schedule, and nothing is held
        out by ``early_stopping``. Statistics of input and targets come from the first
        call.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images, as in :meth:`fit`.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each sample counts.

        Returns
        -------
        self : CNNRegressor
            The estimator.

        Raises
        ------
        ValueError
            If data do not fit; the estimator is then left as it was.
        """
        self._validate_params()  # scikit-learn does in the first call alone
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X, return_std=False):
        """Predict targets.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images of the shape that was fitted on.
        return_std : bool, default=False
            Whether to give too how far the networks of ``n_networks`` are apart. That
            tells what they are unsure of, and nothing of noise in the targets.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs), float64
            In the units of the targets that were fitted on.
        y_std : ndarray of the same shape
            Standard deviation of the predictions of the networks, in the same units.
            Only with ``return_std=True``.

        Raises
        ------
        ValueError
            If ``return_std=True`` and there is one network only.
        """
        check_is_fitted(self)
        if not return_std:
            return self._targets.decode(self._outputs(X))
        if not self._further_learners:
            raise ValueError(
                "return_std=True needs networks that differ, and this "
                f"{type(self).__name__} has one. Fit with n_networks=5, for example."
            )
        each = [self._targets.decode(outputs) for outputs in self._outputs_of_each(X)]
        return np.mean(each, axis=0), np.std(each, axis=0)

    @property
    def target_mean_(self):
        """Mean of every target."""
        return self._targets.mean

    @property
    def target_scale_(self):
        """Standard deviation of every target."""
        return self._targets.spread

    def _kind_of_targets(self, y):
        return Numbers

    def _make_loss(self):
        return self._targets.loss(self.loss)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
