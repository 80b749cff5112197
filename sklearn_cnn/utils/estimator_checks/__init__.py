"""Contract checks for estimators whose X has more than two dimensions.

scikit-learn's own suite tests an estimator on 2-D arrays only. These checks hold
the same promises on signals, images and volumes, for any estimator that follows
scikit-learn's conventions.
"""

from sklearn_cnn.utils.estimator_checks._suite import (
    check_estimator,
    estimator_checks,
    parametrize_with_checks,
)

__all__ = ["check_estimator", "estimator_checks", "parametrize_with_checks"]
