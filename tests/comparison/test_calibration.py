"""How honest probabilities are, as the definition has it, and its scorer."""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV, calibration_curve
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from sklearn_cnn.comparison import (
    ComparisonDisplay,
    compare_estimators,
    expected_calibration_error,
    neg_expected_calibration_error,
)

METRICS = ["accuracy", "neg_log_loss", "neg_expected_calibration_error"]


@pytest.fixture(scope="module")
def flat(digits):
    X, y = digits
    return X.reshape(len(X), -1), y


def test_bins_by_hand():
    y_prob = [[0.5, 0.3, 0.2], [0.45, 0.45, 0.1], [0.1, 0.9, 0], [0, 0.1, 0.9]]
    # in the bins (0.4, 0.5], two, and (0.8, 0.9], two
    error = expected_calibration_error([0, 2, 1, 2], y_prob, n_bins=10)
    assert error == pytest.approx(abs(1 - 0.95) / 4 + abs(2 - 1.8) / 4)
    one_bin = expected_calibration_error([0, 2, 1, 2], y_prob, n_bins=1)
    assert one_bin == pytest.approx(abs(3 - 2.75) / 4)
    weighted = expected_calibration_error(
        [0, 2, 1, 2], y_prob, n_bins=10, sample_weight=[0, 1, 2, 1]
    )
    assert weighted == pytest.approx(abs(0 - 0.45) / 4 + abs(3 - 2.7) / 4)


def test_it_is_the_distance_of_the_calibration_curve():
    rng = np.random.default_rng(0)
    certainty = rng.uniform(0.5, 1, size=5000)
    y = (rng.uniform(size=5000) < certainty**2).astype(int)
    share, mean = calibration_curve(y, certainty, n_bins=15)
    counts, _ = np.histogram(certainty, bins=15, range=(0, 1))
    expected = np.average(np.abs(share - mean), weights=counts[counts > 0])
    assert expected_calibration_error(y, certainty) == pytest.approx(expected)
    both = np.stack([1 - certainty, certainty], axis=1)
    assert expected_calibration_error(y, both) == pytest.approx(expected)


def test_ends_of_bins_and_of_the_scale():
    certain = [[1.0, 0.0], [0.0, 1.0]]
    assert expected_calibration_error(["a", "b"], certain) == 0
    assert expected_calibration_error(["b", "a"], certain) == 1
    # 0.6 is the end of the third of five bins, and so is 0.5 in it
    y_prob = np.array([[0.6, 0.4], [0.5, 0.5]])
    assert expected_calibration_error([0, 1], y_prob, n_bins=5) == pytest.approx(0.05)


def test_labels_that_are_not_there():
    y_prob = [[0.2, 0.3, 0.5], [0.1, 0.1, 0.8]]
    with pytest.raises(ValueError, match="3 classes, but there are 1 labels"):
        expected_calibration_error(["c", "c"], y_prob)
    error = expected_calibration_error(["c", "c"], y_prob, labels=["a", "b", "c"])
    assert error == pytest.approx(0.35)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"y_prob": [0.2, 1.2]}, "y_prob has values from -0.2 to 1.2"),
        ({"y_prob": [[0.2, 0.3], [0.5, 0.5]]}, "add up to 0.5, not to 1"),
        ({"y_true": [0.5, 1.5]}, "y_true is continuous"),
        ({"y_true": [0, 1, 1]}, "inconsistent numbers"),
        ({"y_true": [0, 3], "labels": [0, 1]}, r"y_true holds .*3.* not in labels"),
        ({"y_prob": [0.2, np.nan]}, "y_prob contains NaN"),
        ({"n_bins": 0}, "'n_bins' parameter"),
        ({"sample_weight": [0, 0]}, "must contain at least one non-zero"),
    ],
)
def test_bad_input(arguments, message):
    good = {"y_true": [0, 1], "y_prob": [0.2, 0.8]}
    with pytest.raises(ValueError, match=message):
        expected_calibration_error(**good | arguments)


def test_scorer_works_in_scikit_learn(flat):
    X, y = flat
    model = LogisticRegression(max_iter=1000)
    scores = cross_val_score(model, X, y, cv=3, scoring=neg_expected_calibration_error)
    for (train, test), score in zip(
        StratifiedKFold(3).split(X, y), scores, strict=True
    ):
        probabilities = model.fit(X[train], y[train]).predict_proba(X[test])
        assert score == -expected_calibration_error(y[test], probabilities)
    search = GridSearchCV(
        KNeighborsClassifier(),
        {"n_neighbors": [1, 5]},
        scoring=neg_expected_calibration_error,
        error_score="raise",
    )
    assert search.fit(X, y).best_score_ <= 0


def test_several_metrics_of_which_some_want_probabilities(flat):
    X, y = flat
    contenders = {
        "ridge": RidgeClassifier(),
        "calibrated": CalibratedClassifierCV(RidgeClassifier(), ensemble=False),
        "majority": DummyClassifier(),
    }
    with pytest.warns(UndefinedMetricWarning) as caught:
        results = compare_estimators(
            contenders, X, y, cv=3, scoring=METRICS, random_state=0
        )
    (message,) = (str(warning.message) for warning in caught)
    assert message.startswith(
        "There is no neg_log_loss and no neg_expected_calibration_error for ridge,"
    )
    assert "CalibratedClassifierCV" in message
    assert results["error"].isna().all()
    assert results["mean_test_accuracy"].notna().all()
    without = results.loc["ridge"]
    for metric in METRICS[1:]:
        columns = ["mean_test", "std_test", "difference", "low", "high", "p_value"]
        assert without[[f"{column}_{metric}" for column in columns]].isna().all()
        others = results.drop("ridge")
        assert others[f"mean_test_{metric}"].lt(0).all()
        assert others[f"difference_{metric}"].max() == 0
    majority = results.loc["majority", "mean_test_neg_log_loss"]
    assert majority == pytest.approx(-np.log(len(set(y))), abs=0.1)
    display = ComparisonDisplay.from_results(results, metric="neg_log_loss")
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert names == ["majority", "calibrated"]


def test_no_one_has_probabilities(flat):
    with pytest.warns(UndefinedMetricWarning, match="no neg_log_loss for a, b"):
        results = compare_estimators(
            {"a": RidgeClassifier(), "b": RidgeClassifier(alpha=2.0)},
            *flat,
            cv=2,
            scoring="neg_log_loss",
        )
    assert results["mean_test_neg_log_loss"].isna().all()
    assert results["fit_time"].notna().all()
    with pytest.raises(ValueError, match="nothing to draw"):
        ComparisonDisplay.from_results(results)


def test_an_unknown_metric_is_told_what_it_may_mean(flat):
    with pytest.raises(ValueError, match=r"mean.*neg_expected_calibration_error"):
        compare_estimators(
            {"a": RidgeClassifier()}, *flat, scoring="expected_calibration_error"
        )
