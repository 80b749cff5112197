"""expected_calibration_error, and its scorer."""

from numbers import Integral

import numpy as np
from sklearn.metrics import make_scorer
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import type_of_target

from sklearn_cnn.utils._sklearn import Interval, check_sample_weight, validate_params

#: By how much probabilities may miss a sum of 1: those in float16 do so by 0.001.
_ROUNDING = 0.01


@validate_params(
    {
        "y_true": ["array-like"],
        "y_prob": ["array-like"],
        "n_bins": [Interval(Integral, 1, None, closed="left")],
        "labels": ["array-like", None],
        "sample_weight": ["array-like", None],
    },
    prefer_skip_nested_validation=True,
)
def expected_calibration_error(
    y_true, y_prob, n_bins=15, *, labels=None, sample_weight=None
):
    """Measure how far a classifier's certainty is from its accuracy [1]_ [2]_.

    Samples are sorted into bins of equal width by the probability of the label that is
    predicted for them. In each bin the mean of these probabilities should be the share
    of samples whose label is right. The error is the mean of the differences, each
    counted by the number of samples in its bin: 0 is best, and 0.1 means that of those
    predicted with a certainty of 90 %, say, 80 % or all are right.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels of two or more classes.
    y_prob : array-like of shape (n_samples, n_classes) or (n_samples,)
        What ``predict_proba`` gives. Of two classes, the probabilities of the second
        will do.
    n_bins : int, default=15
        Number of bins between 0 and 1.
    labels : array-like of shape (n_classes,), default=None
        Labels in the order of the columns, ``classes_`` of the classifier. None is
        those in ``y_true``, sorted.
    sample_weight : array-like of shape (n_samples,), default=None
        How much each sample counts.

    Returns
    -------
    error : float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If labels and probabilities do not fit together, or are none.

    See Also
    --------
    neg_expected_calibration_error : The scorer.
    sklearn.calibration.CalibrationDisplay : Draws the bins, for one class.
    sklearn.calibration.CalibratedClassifierCV : Makes probabilities honest.

    Notes
    -----
    An error of 0 does not make a good classifier: that which gives each class its share
    of the samples, whatever it sees, has it too. So look at it beside the accuracy, or
    take the log loss, which measures both. With few samples it is too large by chance:
    a perfectly calibrated classifier with certainties between 0.5 and 1 has an error of
    about 0.09 over 100 samples and 0.03 over 1,000.

    References
    ----------
    .. [1] M. Pakdaman Naeini, G. F. Cooper and M. Hauskrecht, "Obtaining well
       calibrated probabilities using Bayesian binning", AAAI 2015.
    .. [2] C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern
       neural networks", ICML 2017.

    Examples
    --------
    Four predictions with a certainty of 0.9, of which three are right:

    >>> from sklearn_cnn.comparison import expected_calibration_error
    >>> round(expected_calibration_error([1, 1, 1, 0], [0.9, 0.9, 0.9, 0.9]), 2)
    0.15
    """
    y_true = column_or_1d(y_true)
    probabilities = _check_probabilities(y_prob)
    check_consistent_length(y_true, probabilities)
    labels = _check_labels(labels, y_true, probabilities.shape[1])
    weights = check_sample_weight(
        sample_weight, probabilities, ensure_non_negative=True
    )
    certainty = probabilities.max(axis=1)
    right = labels[probabilities.argmax(axis=1)] == y_true
    # as in [2]_ a bin holds its upper end: 1 / n_bins is in the first
    bins = np.clip(np.ceil(certainty * n_bins).astype(int) - 1, 0, n_bins - 1)
    gaps = np.bincount(bins, weights * (right - certainty))
    return float(np.abs(gaps).sum() / weights.sum())


def _check_probabilities(y_prob):
    probabilities = check_array(
        y_prob, ensure_2d=False, dtype=np.float64, input_name="y_prob"
    )
    if probabilities.ndim == 1:
        probabilities = np.stack([1 - probabilities, probabilities], axis=1)
    if probabilities.min() < 0 or probabilities.max() > 1:
        raise ValueError(
            f"y_prob has values from {probabilities.min():g} to "
            f"{probabilities.max():g}, but probabilities are between 0 and 1. Pass what"
            " predict_proba gives."
        )
    sums = probabilities.sum(axis=1)
    if np.abs(sums - 1).max() > _ROUNDING:
        raise ValueError(
            f"y_prob has a row whose probabilities add up to "
            f"{sums[np.abs(sums - 1).argmax()]:g}, not to 1. Pass what predict_proba "
            "gives; of several labels for each sample measure each by itself."
        )
    return probabilities


def _check_labels(labels, y_true, n_classes):
    kind = type_of_target(y_true, input_name="y_true")
    if kind not in ("binary", "multiclass"):
        raise ValueError(
            f"y_true is {kind}, and calibration is of classes. Pass their labels."
        )
    found = np.unique(y_true)
    labels = found if labels is None else column_or_1d(labels)
    if len(labels) != n_classes:
        raise ValueError(
            f"y_prob has the probabilities of {n_classes} classes, but there are "
            f"{len(labels)} labels. Pass labels=classifier.classes_."
        )
    unknown = found[~np.isin(found, labels)]
    if len(unknown):
        raise ValueError(
            f"y_true holds {unknown[0]!r}, which is not in labels. Pass "
            "labels=classifier.classes_."
        )
    return labels


#: For ``scoring`` anywhere in scikit-learn, and by this name in compare_estimators.
neg_expected_calibration_error = make_scorer(
    expected_calibration_error,
    response_method="predict_proba",
    greater_is_better=False,
)
