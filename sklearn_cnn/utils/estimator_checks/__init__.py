"""Contract checks for estimators whose X has more than two dimensions.

scikit-learn's own suite tests an estimator on 2-D arrays only. These checks hold
the same promises on signals, images and volumes, for any estimator that follows
scikit-learn's conventions.
"""

from collections.abc import Iterator
from functools import partial

from sklearn.base import clone, is_classifier
from sklearn.utils.validation import has_fit_parameter

from sklearn_cnn.utils.estimator_checks import _arrays, _fits

__all__ = ["check_estimator", "estimator_checks", "parametrize_with_checks"]


def check_estimator(estimator, *, sample_shape=(8, 8, 1), expected_failed_checks=None):
    """Run every check on an estimator.

    Parameters
    ----------
    estimator : estimator instance
        A classifier, regressor or transformer.
    sample_shape : tuple of int, default=(8, 8, 1)
        Shape of the samples that it is tested on.
    expected_failed_checks : dict of str to str or None, default=None
        Reasons, by the names of checks that are not run.

    Raises
    ------
    AssertionError
        At the first check that fails.

    Examples
    --------
    >>> from sklearn_cnn import CNNClassifier
    >>> from sklearn_cnn.utils.estimator_checks import check_estimator
    >>> check_estimator(CNNClassifier(filters=(4,), max_iter=2))
    """
    skipped = expected_failed_checks or {}
    for check in estimator_checks(estimator, sample_shape=sample_shape):
        if check.func.__name__ not in skipped:
            check(clone(estimator))


def parametrize_with_checks(
    estimators, *, sample_shape=(8, 8, 1), expected_failed_checks=None
):
    """Parametrize a pytest function with all checks of all estimators.

    Parameters
    ----------
    estimators : list of estimator instances
        What to test.
    sample_shape : tuple of int, default=(8, 8, 1)
        Shape of the samples that they are tested on.
    expected_failed_checks : callable or None, default=None
        Takes an estimator and returns a dict of reasons by the names of checks that
        are expected to fail; they are marked as strict xfail.

    Returns
    -------
    decorator : pytest.mark.parametrize
        For a function with the arguments ``estimator`` and ``check``.

    Examples
    --------
    >>> from sklearn_cnn import CNNRegressor
    >>> from sklearn_cnn.utils.estimator_checks import parametrize_with_checks
    >>> @parametrize_with_checks([CNNRegressor(filters=(4,), max_iter=2)])
    ... def test_contract(estimator, check):
    ...     check(estimator)
    """
    import pytest

    cases = []
    for estimator in estimators:
        reasons = expected_failed_checks(estimator) if expected_failed_checks else {}
        for check in estimator_checks(estimator, sample_shape=sample_shape):
            name = check.func.__name__
            marks = (
                pytest.mark.xfail(reason=reasons[name], strict=True)
                if name in reasons
                else ()
            )
            case_id = f"{type(estimator).__name__}-{name}"
            cases.append(pytest.param(clone(estimator), check, marks=marks, id=case_id))
    return pytest.mark.parametrize("estimator, check", cases)


def estimator_checks(estimator, *, sample_shape=(8, 8, 1)) -> Iterator[partial]:
    """Give the checks that apply to an estimator.

    Parameters
    ----------
    estimator : estimator instance
        A classifier, regressor or transformer.
    sample_shape : tuple of int, default=(8, 8, 1)
        Shape of the samples that it is tested on.

    Yields
    ------
    check : callable
        Takes the estimator; raises an AssertionError if the promise is broken.
    """
    checks = [
        _arrays.check_fit_returns_self_and_keeps_parameters,
        _arrays.check_X_is_unchanged,
        _arrays.check_dtypes,
        _arrays.check_memory_layouts,
        _arrays.check_memmap,
        _arrays.check_list_of_arrays,
        _arrays.check_other_size,
        _arrays.check_other_number_of_channels,
        _arrays.check_same_number_of_values_in_another_shape,
        _arrays.check_flat_rows_are_refused_after_images,
        _arrays.check_nan_and_inf,
        _arrays.check_complex_and_object,
        _arrays.check_ragged_list,
        _arrays.check_empty_input,
        _arrays.check_predicting_a_single_sample,
        _arrays.check_failed_fit_changes_nothing,
        _arrays.check_refit_on_another_shape,
        _fits.check_clone,
        _fits.check_pickle,
        _fits.check_determinism,
        _fits.check_global_random_state,
        _fits.check_sample_order_invariance,
        _fits.check_subset_invariance,
    ]
    if is_classifier(estimator):
        checks += [_fits.check_label_types, _fits.check_single_class]
    if hasattr(estimator, "fit_transform"):
        checks += [_fits.check_fit_transform]
    if has_fit_parameter(estimator, "sample_weight"):
        checks += [
            _fits.check_unit_weights,
            _fits.check_zero_weights,
            _fits.check_invalid_weights,
        ]
    for check in checks:
        yield partial(check, sample_shape=sample_shape)
