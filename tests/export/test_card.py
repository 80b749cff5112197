import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklearn_cnn import CNNClassifier, CNNRegressor
from sklearn_cnn.export import model_card
from sklearn_cnn.export.card import calibration_error
from sklearn_cnn.transforms import Resize

X, y = load_digits(return_X_y=True)
X, y = X[:100].reshape(-1, 8, 8), y[:100]
CNN = CNNClassifier(filters=(4,), max_iter=2, random_state=0)


def test_a_classifier_with_scores():
    cnn = clone(CNN).fit(X, y)
    card = model_card(cnn, X, y, license="CC BY 4.0")
    assert card.startswith("# CNNClassifier\n\n- License: CC BY 4.0\n")
    assert "- Images: 8 x 8 x 1\n- Classes: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9\n" in card
    assert "| filters | 4 |\n| max_iter | 2 |\n| random_state | 0 |" in card
    assert f"| train_loss | {cnn.loss_curve_[-1]:.4g} |" in card
    assert "## Scores on 100 samples" in card
    assert f"| accuracy | {accuracy_score(y, cnn.predict(X)):.4g} |" in card
    assert f"| log loss | {log_loss(y, cnn.predict_proba(X)):.4g} |" in card
    assert "| expected calibration error |" in card and "| torch |" in card
    assert "Scores" not in model_card(cnn)


@pytest.mark.parametrize(
    ("model", "targets", "expected"),
    [
        (CNNRegressor(filters=(4,), max_iter=1), X[:, 3, 3], "mean absolute error"),
        (CNN, np.column_stack([y > 4, y % 2]).astype(int), "F1 (macro)"),
        (make_pipeline(Resize(12), CNN), y, "- Images: 12 x 12 x 1"),
        (GridSearchCV(CNN, {"momentum": [0.5, 0.9]}, cv=2), y, "# GridSearchCV"),
        (CalibratedClassifierCV(CNN, cv=2), y, "## Training 2 of 2"),
    ],
    ids=["regressor", "label sets", "pipeline", "search", "calibrated"],
)
def test_other_models(model, targets, expected):
    model = clone(model).fit(X, targets)
    assert expected in model_card(model, X, targets)


def test_bars_and_many_classes_do_not_break_tables():
    labels = np.array([f"a|b {i}" for i in range(25)])[np.arange(100) % 25]
    cnn = clone(CNN).set_params(class_weight={"a|b 1": 2.0}).fit(X, labels)
    card = model_card(cnn)
    assert "and 5 more" in card and r"{'a\|b 1': 2.0}" in card


def test_calibration_error():
    assert calibration_error(np.ones(4), np.full(4, 0.75)) == 0.25
    # over- and underconfident within a bin, which cancels, and in two, which does not
    right, confidence = np.array([1, 0, 1, 0]), np.array([0.5, 0.5, 0.9, 0.9])
    assert np.isclose(calibration_error(right, confidence), 0.2)


def test_what_is_missing():
    with pytest.raises(NotFittedError):
        model_card(clone(CNN))
    cnn = clone(CNN).fit(X, y)
    with pytest.raises(ValueError, match="y is None: scores need both"):
        model_card(cnn, X)
    with pytest.raises(ValueError, match="X is None: scores need both"):
        model_card(cnn, y=y)
