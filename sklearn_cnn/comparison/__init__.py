"""Fair contests between estimators: same folds, same threads, honest intervals."""

from sklearn_cnn.comparison.baselines import classical_baselines
from sklearn_cnn.comparison.calibration import (
    expected_calibration_error,
    neg_expected_calibration_error,
)
from sklearn_cnn.comparison.compare import compare_estimators
from sklearn_cnn.comparison.display import ComparisonDisplay

__all__ = [
    "ComparisonDisplay",
    "classical_baselines",
    "compare_estimators",
    "expected_calibration_error",
    "neg_expected_calibration_error",
]
