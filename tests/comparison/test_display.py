"""The displays show the numbers of the table."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from sklearn_cnn.comparison import ComparisonDisplay, compare_estimators

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def flat(digits):
    X, y = digits
    return X.reshape(len(X), -1), y


@pytest.fixture(scope="module")
def results(flat):
    models = {
        "majority": DummyClassifier(),
        "neighbours": KNeighborsClassifier(),
        "bayes": GaussianNB(),
        "broken": LogisticRegression(C=-1),
    }
    with pytest.warns(FitFailedWarning):
        return compare_estimators(
            models, *flat, cv=3, random_state=0, scoring=["accuracy", "f1_macro"]
        )


def test_scores_stand_best_first(results):
    display = ComparisonDisplay.from_results(results)
    ax = display.ax_
    # from the bottom to the top, without the one that failed
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["majority", "bayes", "neighbours"]
    means = [bar.lines[0].get_xdata()[0] for bar in ax.containers]
    np.testing.assert_allclose(means, results.loc[names, "mean_test_accuracy"])
    assert ax.get_xlabel() == "accuracy, mean and 95 % interval"
    assert display.figure_ is ax.figure


def test_intervals_are_the_corrected_ones(results):
    display = ComparisonDisplay.from_results(results, confidence_level=0.9)
    folds = display.folds[display.folds["estimator"] == "bayes"]
    half = 2.919986 * np.sqrt((1 / 3 + 1 / 2) * folds["test_accuracy"].var())
    (_, (low_cap, high_cap), _) = display.ax_.containers[1]
    (low,), (high,) = low_cap.get_xdata(), high_cap.get_xdata()
    assert (high - low) / 2 == pytest.approx(half, rel=1e-5)
    assert "90 %" in display.ax_.get_xlabel()


def test_scores_against_time(results):
    ax = ComparisonDisplay.from_results(results, kind="fit_time", metric="f1_macro").ax_
    drawn = {bar.get_label(): bar.lines[0].get_xydata()[0] for bar in ax.containers}
    for name, point in drawn.items():
        expected = results.loc[name, ["fit_time", "mean_test_f1_macro"]]
        np.testing.assert_allclose(point, expected.astype(float))
    assert set(drawn) == {"majority", "neighbours", "bayes"}
    assert ax.get_xscale() == "log"
    assert ax.get_ylabel().startswith("f1_macro")


def test_some_rows_of_the_results(results):
    display = ComparisonDisplay.from_results(results.loc[["bayes"]])
    assert display.folds["estimator"].unique().tolist() == ["bayes"]


def test_scores_against_training_set_size(flat):
    models = {"neighbours": KNeighborsClassifier(), "bayes": GaussianNB()}
    display = ComparisonDisplay.from_estimators(
        models, *flat, train_sizes=[0.2, 1.0], cv=3, random_state=0
    )
    folds = display.folds.groupby("estimator")["n_train"].unique()
    assert [sizes.tolist() for sizes in folds] == [[40, 200], [40, 200]]
    curve = display.ax_.containers[0].lines[0]
    assert curve.get_xdata().tolist() == [40, 200]
    small, large = curve.get_ydata()
    assert small < large
    # all of the rows: the fold's own score
    whole = compare_estimators(models, *flat, cv=3, random_state=0)
    assert large == whole.loc["neighbours", "mean_test_accuracy"]


def test_training_sets_grow_and_are_the_same_for_all(flat):
    X, y = flat
    seen = []

    class Nosy(KNeighborsClassifier):
        def fit(self, X, y):
            seen.append({row.tobytes() for row in X})
            return super().fit(X, y)

    ComparisonDisplay.from_estimators(
        {"a": Nosy(), "b": Nosy()}, X, y, train_sizes=[30, 60], cv=2, random_state=0
    )
    assert seen[:4] == seen[4:]
    assert seen[0] < seen[2] and seen[1] < seen[3]


def test_ones_own_axes(results):
    figure, ax = plt.subplots()
    display = ComparisonDisplay.from_results(results, ax=ax)
    assert display.ax_ is ax and display.figure_ is figure


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"kind": "train_size"}, "kind"),
        ({"metric": "recall"}, r"metric='recall'.*\['accuracy', 'f1_macro'\]"),
    ],
)
def test_bad_input(results, arguments, message):
    with pytest.raises(ValueError, match=message):
        ComparisonDisplay.from_results(results, **arguments)


def test_results_of_something_else(results):
    with pytest.raises(ValueError, match=r'results has no attrs\["folds"\]'):
        ComparisonDisplay.from_results(pd.DataFrame(results.to_dict()))
    with pytest.raises(ValueError, match=r'results has no attrs\["folds"\]'):
        ComparisonDisplay.from_results(results.to_dict())


def test_nothing_to_draw(results):
    with pytest.raises(ValueError, match="no estimator has scores"):
        ComparisonDisplay.from_results(results.loc[["broken"]])


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"train_sizes": [0.0, 1.0]}, "train_sizes"),
        ({"train_sizes": [1.2]}, "train_sizes"),
        ({"train_sizes": [201]}, "whole numbers from 1 to 200"),
        ({"train_sizes": []}, "train_sizes"),
        ({"scoring": ["accuracy", "f1_macro"]}, "names 2 metrics"),
    ],
)
def test_bad_learning_curves(flat, arguments, message):
    with pytest.raises(ValueError, match=message):
        ComparisonDisplay.from_estimators({"a": GaussianNB()}, *flat, cv=3, **arguments)
