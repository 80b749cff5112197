"""PredictionDisplay."""

from itertools import pairwise

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_cnn import CNNClassifier, CNNRegressor
from sklearn_cnn.inspection import PredictionDisplay


def test_the_surest_errors_come_first(fitted, digits):
    X, y = digits
    display = PredictionDisplay.from_estimator(fitted, X, y, n_shown=7)
    probabilities = fitted.predict_proba(X)
    wrong = np.flatnonzero(fitted.predict(X) != y)
    expected = wrong[np.argsort(-probabilities[wrong].max(axis=1))][:7]
    np.testing.assert_array_equal(display.rows, expected)
    np.testing.assert_array_equal(display.y_true, y[expected])
    np.testing.assert_array_equal(display.y_pred, fitted.predict(X[expected]))
    np.testing.assert_array_equal(display.pictures, X[expected])
    np.testing.assert_allclose(
        display.probabilities[:, 1], probabilities[expected, y[expected]], rtol=1e-6
    )
    assert display.n_errors == len(wrong)
    first, (p, p_true) = expected[0], display.probabilities[0]
    assert display.axes_[0, 0].get_title() == (
        f"predicted {display.y_pred[0]}: {p:.0%}\ntrue {y[first]}: {p_true:.0%}"
    )
    assert display.axes_[0, 0].get_xlabel() == f"sample {first}"
    assert display.axes_.shape == (2, 6)
    assert f"The 7 surest of {len(wrong)} errors among 300 samples" == (
        display.figure_.get_suptitle()
    )


def test_labels_of_any_type_and_steps_before(digits):
    X, y = digits
    names = np.array(["even", "odd"])[y % 2]
    cnn = CNNClassifier(filters=(3,), max_iter=1, random_state=0)
    pipeline = make_pipeline(FunctionTransformer(np.negative), cnn).fit(X, names)
    display = PredictionDisplay.from_estimator(pipeline, X, names)
    np.testing.assert_array_equal(display.pictures, -X[display.rows])
    assert set(display.y_pred) <= {"even", "odd"}
    assert (display.y_pred != display.y_true).all()


def test_without_errors_a_title_says_so(digits):
    X, y = digits
    display = PredictionDisplay.from_predictions(X, y, np.eye(10)[y])
    assert len(display.pictures) == 0
    assert display.figure_.get_suptitle() == "No errors among 300 samples"


def test_other_classifiers_and_orders_of_classes(digits):
    X, y = digits
    flat = X.reshape(len(X), -1)
    model = GaussianNB().fit(flat, y)
    straight = PredictionDisplay.from_predictions(
        flat, y, model.predict_proba(flat), input_shape=(8, 8), n_shown=5
    )
    order = np.random.default_rng(0).permutation(10)
    mixed = PredictionDisplay.from_predictions(
        X, y, model.predict_proba(flat)[:, order], classes=order, n_shown=5
    )
    assert len(straight.rows) == 5
    np.testing.assert_array_equal(straight.rows, mixed.rows)
    np.testing.assert_array_equal(straight.pictures, mixed.pictures)
    np.testing.assert_array_equal(straight.y_pred, mixed.y_pred)
    np.testing.assert_array_equal(straight.probabilities, mixed.probabilities)


def test_signals_and_channels_first(signals):
    X, y = signals
    display = PredictionDisplay.from_predictions(X, y, np.eye(2)[1 - y], n_shown=3)
    assert display.axes_.shape == (2, 2)
    np.testing.assert_array_equal(display.axes_[0, 1].lines[0].get_ydata(), X[1])
    both = np.stack([X, -X], axis=1)
    display = PredictionDisplay.from_predictions(
        both,
        y,
        np.eye(2)[1 - y],
        spatial_dims=1,
        data_format="channels_first",
    )
    np.testing.assert_array_equal(display.pictures[0], both[0].T)


def test_the_largest_errors_of_a_regressor(digits):
    X, y = digits
    regressor = CNNRegressor(filters=(4,), max_iter=2, random_state=0).fit(X, y)
    display = PredictionDisplay.from_estimator(regressor, X, y, n_shown=8)
    predicted = regressor.predict(X)
    worst = np.argsort(-abs(predicted - y))[:8]
    np.testing.assert_array_equal(display.rows, worst)
    np.testing.assert_array_equal(display.pictures, X[worst])
    title = f"predicted {predicted[worst[0]]:.4g}\ntrue {y[worst[0]]:.4g}"
    assert display.axes_[0, 0].get_title() == title
    assert display.figure_.get_suptitle() == "The 8 largest errors of 300 samples"
    same = PredictionDisplay.from_predictions(X, y, y_pred=predicted, n_shown=8)
    np.testing.assert_array_equal(same.rows, worst)


def test_titles_of_long_names_do_not_touch(digits):
    X, y = digits
    names = np.array([f"cartilaginous-fish species_no_{i:012}" for i in range(10)])
    display = PredictionDisplay.from_predictions(X, names[y], np.eye(10)[1 - y])
    display.figure_.canvas.draw()
    boxes = [panel.title.get_window_extent() for panel in display.axes_[0]]
    for left, right in pairwise(boxes):
        assert left.x1 < right.x0
    below = [panel.get_tightbbox() for panel in display.axes_[1]]
    assert min(panel.get_window_extent().y0 for panel in display.axes_[0]) > max(
        box.y1 for box in below
    )


def test_bad_input(fitted, digits):
    X, y = digits
    with pytest.raises(NotFittedError):
        PredictionDisplay.from_estimator(CNNClassifier(), X, y)
    targets = np.column_stack([y, -y])
    regressor = CNNRegressor(filters=(2,), max_iter=1, random_state=0).fit(X, targets)
    with pytest.raises(ValueError, match="errors of one target, but this CNNRegressor"):
        PredictionDisplay.from_estimator(regressor, X, targets)
    for both in ({}, {"y_proba": np.eye(10)[y], "y_pred": y}):
        with pytest.raises(ValueError, match="either y_proba, the probabilities of"):
            PredictionDisplay.from_predictions(X, y, **both)
    with pytest.raises(ValueError, match=r"n_shown=2.5 must be an integer"):
        PredictionDisplay.from_estimator(fitted, X, y, n_shown=2.5)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        PredictionDisplay.from_estimator(fitted, X, y[:5])
    with pytest.raises(ValueError, match=r"labels \[10, 11\], which are not among"):
        PredictionDisplay.from_estimator(fitted, X[:2], [10, 11])
    with pytest.raises(ValueError, match=r"shape \(300, 3\), but there are 10 classes"):
        PredictionDisplay.from_predictions(X, y, np.ones((300, 3)))
    for labels in (y, np.array(list("abcdefghij"))[y]):
        with pytest.raises(ValueError, match=r"y_pred holds labels.*Pass y_proba"):
            PredictionDisplay.from_predictions(X, labels, y_pred=labels)
    labels = np.column_stack([y < 5, y % 2]).astype(int)
    multi = CNNClassifier(filters=(2,), max_iter=1, random_state=0).fit(X, labels)
    with pytest.raises(ValueError, match="is multi-label"):
        PredictionDisplay.from_estimator(multi, X, labels)
