"""The corrected t-test agrees with a hand computation and with scikit-learn."""

import numpy as np
import pytest
from scipy.stats import t as student_t
from scipy.stats import ttest_1samp

from sklearn_cnn.comparison.statistics import corrected_t

DIFFERENCES = [0.01, 0.03, 0.02, 0.00]


def test_by_hand():
    """Mean 0.015, sum of squared deviations 0.0005, variance 0.0005 / 3."""
    estimate = corrected_t(DIFFERENCES, n_train=75, n_test=25)
    # (1/4 + 25/75) * 0.0005 / 3 = 9.7222e-5, whose root is 0.0098601
    assert estimate.mean == pytest.approx(0.015)
    # 0.015 / 0.0098601 = 1.52128; the table of t has 3.18245 for 3 degrees of freedom
    assert estimate.low == pytest.approx(0.015 - 3.18245 * 0.0098601, abs=1e-6)
    assert estimate.high == pytest.approx(0.015 + 3.18245 * 0.0098601, abs=1e-6)
    assert estimate.p_value == pytest.approx(2 * student_t.sf(1.52128, 3), abs=1e-5)


def test_as_in_scikit_learns_example():
    """The functions of examples/model_selection/plot_grid_search_stats.py."""

    def example_corrected_std(differences, n_train, n_test):
        kr = len(differences)
        corrected_var = np.var(differences, ddof=1) * (1 / kr + n_test / n_train)
        return np.sqrt(corrected_var)

    def example_corrected_ttest(differences, df, n_train, n_test):
        mean = np.mean(differences)
        std = example_corrected_std(differences, n_train, n_test)
        t_stat = mean / std
        p_val = student_t.sf(np.abs(t_stat), df)  # right-tailed t-test
        return t_stat, p_val

    differences = np.random.default_rng(0).normal(0.01, 0.02, size=100)
    t_stat, p_value = example_corrected_ttest(differences, 99, 270, 30)
    estimate = corrected_t(differences, n_train=270, n_test=30)
    assert estimate.p_value == pytest.approx(2 * p_value)
    half = student_t.ppf(0.975, 99)
    assert (estimate.high - estimate.mean) / half == pytest.approx(
        estimate.mean / t_stat
    )


def test_without_a_correction_it_is_the_ordinary_t_test():
    estimate = corrected_t(DIFFERENCES, n_train=1, n_test=0, confidence_level=0.9)
    ordinary = ttest_1samp(DIFFERENCES, 0)
    assert estimate.p_value == pytest.approx(ordinary.pvalue)
    interval = ordinary.confidence_interval(0.9)
    assert (estimate.low, estimate.high) == pytest.approx((interval.low, interval.high))


@pytest.mark.parametrize("value, p_value", [(0.0, 1.0), (0.25, 0.0)])
def test_values_that_all_agree(value, p_value):
    estimate = corrected_t([value] * 3, n_train=2, n_test=1)
    assert estimate == (value, value, value, p_value)


def test_one_fold_has_no_interval():
    estimate = corrected_t([0.5], n_train=2, n_test=1)
    assert estimate.mean == 0.5
    assert np.isnan(estimate[1:]).all()
