"""TrainingCurveDisplay."""

import numpy as np
import pytest
from matplotlib import pyplot as plt
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_cnn import CNNClassifier, CNNRegressor
from sklearn_cnn.inspection import TrainingCurveDisplay


def test_curves_are_those_of_the_history(fitted):
    display = TrainingCurveDisplay.from_estimator(fitted)
    loss, score, rate = display.axes_
    history = fitted.history_
    curves = {line.get_label(): line.get_ydata() for line in loss.lines}
    np.testing.assert_array_equal(curves["training"], history["train_loss"])
    np.testing.assert_array_equal(curves["validation"], history["valid_loss"])
    np.testing.assert_array_equal(score.lines[0].get_ydata(), history["valid_score"])
    np.testing.assert_array_equal(rate.lines[0].get_ydata(), history["learning_rate"])
    best = fitted.best_iter_
    assert display.best_epochs_ == {"CNNClassifier": best}
    assert curves[f"best epoch by loss: {best}"].item() == fitted.best_loss_
    assert score.get_title() == "Validation accuracy"
    assert loss.get_xlabel() == "epoch" and loss.get_yscale() == "log"
    assert display.figure_ is loss.figure


def test_without_validation_there_is_no_score(digits):
    X, y = digits
    cnn = CNNRegressor(filters=(3,), max_iter=1, random_state=0).fit(X, y)
    pipeline = make_pipeline(FunctionTransformer(), cnn)
    display = TrainingCurveDisplay.from_estimator(pipeline, name="mine")
    assert display.best_epochs_ == {"mine": 1}
    assert [ax.get_title() for ax in display.axes_] == ["Loss", "Learning rate"]


def test_several_fits_share_the_axes(fitted, digits):
    X, y = digits
    other = CNNClassifier(filters=(3,), max_iter=2, dropout=0.5, random_state=0)
    other.fit(X, y)
    figure, axes = plt.subplots(1, 3)
    display = TrainingCurveDisplay.from_estimators(
        {"none": fitted, "dropout": other}, ax=axes
    )
    assert display.figure_ is figure and list(display.axes_) == list(axes)
    labels = [text.get_text() for text in axes[0].get_legend().get_texts()]
    assert labels == [
        "none, training",
        "none, validation",
        f"none, best epoch by loss: {fitted.best_iter_}",
        "dropout, training",
        f"dropout, best epoch by loss: {other.best_iter_}",
    ]
    assert len({line.get_color() for line in axes[2].lines}) == 2


def test_one_axes_is_divided(fitted):
    figure, (ax, _) = plt.subplots(2, 1)
    display = TrainingCurveDisplay.from_estimator(fitted, ax=ax)
    assert display.figure_ is figure and len(display.axes_) == 3
    assert not ax.axison


def test_bad_input(fitted, digits):
    X, y = digits
    with pytest.raises(NotFittedError, match="not fitted yet"):
        TrainingCurveDisplay.from_estimator(CNNClassifier())
    with pytest.raises(ValueError, match="must be a dict"):
        TrainingCurveDisplay.from_estimators([fitted])
    with pytest.raises(ValueError, match="must be a dict"):
        TrainingCurveDisplay.from_estimators({})
    regressor = CNNRegressor(filters=(3,), max_iter=1, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="classifiers and regressors"):
        TrainingCurveDisplay.from_estimators({"a": fitted, "b": regressor})
    with pytest.raises(ValueError, match=r"ax holds 2 axes, .* draws 3 panels"):
        TrainingCurveDisplay.from_estimator(fitted, ax=plt.subplots(1, 2)[1])
    with pytest.raises(ValueError, match="ax holds 1 axes"):
        free = plt.figure().add_axes((0, 0, 1, 1))
        TrainingCurveDisplay.from_estimator(fitted, ax=free)
