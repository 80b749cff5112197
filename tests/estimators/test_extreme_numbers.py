"""Numbers that would end in NaN are refused before training, or said to."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from sklearn_cnn import CNNClassifier, CNNFeatures, CNNRegressor

SMALL = {"filters": (4, 8), "max_iter": 2, "random_state": 0}


@pytest.mark.parametrize(
    "class_weight, message",
    [
        ({0: -1}, "must have finite numbers of at least 0"),
        ({0: np.nan, 1: 2}, "must have finite numbers of at least 0"),
        ({0: np.inf}, "must have finite numbers of at least 0"),
        (dict.fromkeys(range(10), 0), "which are not all 0"),
        ({"0": 2}, r"class_weight names \['0'\], which do not occur in y"),
        ({0: 2, 77: 1}, r"class_weight names \[77\], which do not occur in y"),
        ([1], "has a dict for each label of a multi-label problem"),
    ],
)
def test_class_weights_are_checked(digits, class_weight, message):
    X, y = digits
    with pytest.raises(ValueError, match=message):
        CNNClassifier(**SMALL, class_weight=class_weight).fit(X, y)


def test_class_weights_of_sets_of_labels(digits):
    X, y = digits
    sets = np.c_[y > 4, y % 2].astype(int)
    for bad in ([1], {0: 1}, [{0: 1}], [{0: 1}, {2: 1}]):
        with pytest.raises(ValueError, match="class_weight"):
            CNNClassifier(**SMALL, class_weight=bad).fit(X, sets)
    # sample weights would count in the statistics of the pixels too
    given = CNNClassifier(
        **SMALL, input_scaling=None, class_weight=[{1: 2.0}, {0: 3.0}]
    ).fit(X, sets)
    weight = np.where(sets[:, 0] == 1, 2.0, 1.0) * np.where(sets[:, 1] == 0, 3.0, 1.0)
    same = CNNClassifier(**SMALL, input_scaling=None)
    same.fit(X, sets, sample_weight=weight)
    np.testing.assert_array_equal(given.predict_proba(X), same.predict_proba(X))


def test_classes_without_a_weight_count_once_also_where_some_are_absent(digits):
    X, y = digits
    cnn = CNNClassifier(**SMALL, input_scaling=None, class_weight={0: 2.0})
    some = y != 0
    cnn.fit(X, y, X_val=X[some], y_val=y[some]).partial_fit(X[some], y[some])
    weight = np.where(y == 0, 2.0, 1.0)
    same = CNNClassifier(**SMALL, input_scaling=None)
    same.fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(cnn.fit(X, y).predict_proba(X), same.predict_proba(X))


def test_validation_needs_weight(digits):
    X, y = digits
    cnn = CNNClassifier(**SMALL, class_weight={0: 0.0})
    with pytest.raises(ValueError, match="leave no sample with a positive weight"):
        cnn.fit(X, y, X_val=X[y == 0], y_val=y[y == 0])


@pytest.mark.parametrize("values", [(-1, 1), (1, 2), (0, 255)])
def test_sets_of_labels_are_marked_by_0_and_1(digits, values):
    X, y = digits
    sets = np.array(values)[np.c_[y > 4, y % 2].astype(int)]
    with pytest.raises(ValueError, match="sets of labels are marked by 0 and 1"):
        CNNClassifier(**SMALL).fit(X, sets)


@pytest.mark.parametrize("weight", [np.nan, np.inf, 1e308, 1e-170])
@pytest.mark.parametrize("scalar", [True, False])
def test_sample_weights_are_moderate(digits, weight, scalar):
    X, y = digits
    given = weight if scalar else np.full(len(y), weight)
    for Estimator in (CNNClassifier, CNNRegressor):
        with pytest.raises(ValueError, match="sample_weight"):
            Estimator(**SMALL).fit(X, y, sample_weight=given)


@pytest.mark.parametrize(
    "decay", [(-1e6,), (np.nan,), (np.inf,), 10**400, np.inf, ("a",), [[1]]]
)
def test_weight_decay_is_a_number(digits, decay):
    with pytest.raises(ValueError, match="weight_decay"):
        CNNClassifier(**SMALL, weight_decay=decay).fit(*digits)


@pytest.mark.parametrize("factor", [1e155, 1e-170])
def test_targets_are_moderate(digits, factor):
    X, y = digits
    with pytest.raises(ValueError, match="y has absolute values up to"):
        CNNRegressor(**SMALL).fit(X, y * factor)


def test_dates_are_no_targets(digits):
    X, _ = digits
    dates = np.arange(len(X)).astype("datetime64[D]")
    with pytest.raises(ValueError, match="y holds dates"):
        CNNRegressor(**SMALL).fit(X, dates)


@pytest.mark.parametrize("factor", [1e155, 1e300, 1e-170, 5e-324])
def test_pixels_are_moderate(digits, factor):
    X, y = digits
    with pytest.raises(ValueError, match="X has values of about"):
        CNNClassifier(**SMALL).fit(X * factor, y)


def test_validation_far_outside_is_said(digits):
    X, y = digits
    cnn = CNNClassifier(**SMALL)
    with pytest.warns(ConvergenceWarning, match="X_val is far outside"):
        cnn.fit(X, y, X_val=X * 1e300, y_val=y)
    assert np.isfinite(cnn.predict_proba(X)).all()


def test_features_far_outside_are_refused(digits):
    X, y = digits
    features = CNNFeatures(estimator=CNNClassifier(**SMALL)).fit(X, y)
    with pytest.raises(ValueError, match="gives NaN or infinity for"):
        features.transform(X * 1e300)


def test_a_divergence_in_the_last_step_is_noticed(digits):
    X, y = digits
    cnn = CNNRegressor(
        **{**SMALL, "max_iter": 1},
        optimizer="sgd",
        learning_rate=1e29,
        input_scaling=None,
        lr_schedule="constant",
        batch_size=len(y),
        normalization=None,
    )
    with pytest.warns(ConvergenceWarning, match="weights became NaN or infinite"):
        cnn.fit(X * 1e15, y)
    assert np.isfinite(cnn.predict(X)).all()
