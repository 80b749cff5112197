"""The corrected resampled t-test of Nadeau and Bengio."""

from typing import NamedTuple

import numpy as np
from scipy.stats import t as student_t


class Estimate(NamedTuple):
    """A mean over folds, and how sure it is.

    ``low`` and ``high`` are the ends of its confidence interval, and ``p_value`` that
    of the two-sided test that the true mean is 0.
    """

    mean: float
    low: float
    high: float
    p_value: float


def corrected_std(values, n_train, n_test):
    """Estimate the standard error of a mean over overlapping training sets; NaN of one.

    The sample variance is multiplied by 1 / k + n_test / n_train, for k folds, in place
    of 1 / k. Training sets that share rows give values that vary less than those of
    independent ones would.
    """
    k = len(values)
    if k < 2:
        return np.nan
    return float(np.sqrt((1 / k + n_test / n_train) * np.var(values, ddof=1)))


def corrected_t(values, n_train, n_test, confidence_level=0.95):
    """Estimate a mean over folds with its interval and test [1]_.

    ``n_train`` and ``n_test`` are the rows that each fold trains and tests on, on
    average. Interval and p-value are NaN with a single fold. Where all values agree the
    interval has no width.

    References
    ----------
    .. [1] C. Nadeau and Y. Bengio, "Inference for the generalization error", Machine
       Learning 52, 2003.
    """
    mean = float(np.mean(values))
    std = corrected_std(values, n_train, n_test)
    freedom = len(values) - 1
    if not std > 0:
        # without any spread the statistic is infinite, or 0 / 0 for values of 0
        p_value = std if np.isnan(std) else float(mean == 0)
        return Estimate(mean, mean - std, mean + std, p_value)
    reach = student_t.ppf((1 + confidence_level) / 2, freedom) * std
    p_value = 2 * student_t.sf(abs(mean) / std, freedom)
    return Estimate(mean, float(mean - reach), float(mean + reach), float(p_value))
