"""A model described for people: a model card."""

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from sklearn_cnn.export._description import network, networks_of, versions

_N_BINS = 15
_MOST_CLASSES = 20


def model_card(model, X=None, y=None, *, license=None):
    """Describe a fitted model in Markdown [1]_.

    Parameters
    ----------
    model : estimator instance
        A fitted estimator of this library, or one of scikit-learn around it.
    X : array-like of shape (n_samples, ...), default=None
        Images that it was not trained on. With them and ``y`` the card has scores.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
        Their targets.
    license : str, default=None
        What the card says of the license; None leaves that open.

    Returns
    -------
    card : str
        Sections on the data, the network, the parameters, the training, the scores,
        and the versions; those on use and limits are left to be written.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the model is not fitted.
    ValueError
        If only one of ``X`` and ``y`` is given, or they do not fit the model.

    Notes
    -----
    The calibration error is the expected one [2]_ of the most probable class, in 15
    bins of equal width.

    References
    ----------
    .. [1] M. Mitchell et al., "Model cards for model reporting", FAT* 2019.
    .. [2] C. Guo et al., "On calibration of modern neural networks", ICML 2017.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_cnn import CNNClassifier
    >>> from sklearn_cnn.export import model_card
    >>> digits = load_digits()
    >>> cnn = CNNClassifier(filters=(8,), max_iter=2, random_state=0)
    >>> cnn = cnn.fit(digits.images[:900], digits.target[:900])
    >>> card = model_card(cnn, digits.images[900:], digits.target[900:])
    >>> print(card[:card.index("## Parameters")])
    # CNNClassifier
    <BLANKLINE>
    - License: not stated
    <BLANKLINE>
    ## Data and network
    <BLANKLINE>
    - Images: 8 x 8 x 1
    - Classes: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9
    - Architecture: simple, 178 weights, computed in float32
    <BLANKLINE>
    """
    check_is_fitted(model)
    if (X is None) != (y is None):
        raise ValueError(
            f"{'y' if y is None else 'X'} is None: scores need both X and y. Pass "
            "both, or neither."
        )
    lines = [f"# {type(model).__name__}", f"- License: {license or 'not stated'}"]
    found = networks_of(model)
    for i, estimator in enumerate(found):
        number = f" {i + 1} of {len(found)}" if len(found) > 1 else ""
        lines += _network(network(estimator), number)
    if X is not None:
        scores = _scores(model, X, y)
        lines += [f"## Scores on {len(y)} samples", _table(scores, "Score", "Value")]
    lines += ["## Versions", _table(versions(), "Package", "Version")]
    lines += ["## Intended use", "To be written.", "## Limits", "To be written."]
    return "\n\n".join(lines) + "\n"


def _network(known, number):
    facts = [
        f"- Images: {' x '.join(map(str, known['input_shape']))}",
        f"- Architecture: {known['architecture']}, {known['n_parameters']:,} weights, "
        f"computed in {known.get('training', {}).get('precision', known['dtype'])}",
    ]
    if "classes" in known:
        facts.insert(1, f"- Classes: {_listed(known['classes'])}")
    lines = [f"## Data and network{number}", "\n".join(facts)]
    lines += [f"## Parameters{number}", _parameters(known["parameters"])]
    if "training" in known:
        table = _table(known["training"], "At the end", "Value")
        lines += [f"## Training{number}", table]
    return lines


def _parameters(given):
    if not given:
        return "All have their defaults."
    return f"{_table(given, 'Parameter', 'Value')}\n\nOthers have their defaults."


def _scores(model, X, y):
    """Compute what scikit-learn calls the score, and what else is usual."""
    from sklearn import metrics

    predicted = np.asarray(model.predict(X))
    if not is_classifier(model):
        return {
            "R²": metrics.r2_score(y, predicted),
            "mean absolute error": metrics.mean_absolute_error(y, predicted),
            "root mean squared error": metrics.root_mean_squared_error(y, predicted),
        }
    truth = np.asarray(y)
    scores = {
        "accuracy": metrics.accuracy_score(truth, predicted),
        "F1 (macro)": metrics.f1_score(
            truth, predicted, average="macro", zero_division=0
        ),
    }
    if truth.ndim == 1 and hasattr(model, "predict_proba"):
        probabilities, classes = model.predict_proba(X), model.classes_
        scores["log loss"] = metrics.log_loss(truth, probabilities, labels=classes)
        error = calibration_error(truth == predicted, probabilities.max(axis=1))
        scores["expected calibration error"] = error
    return scores


def calibration_error(is_right, confidence):
    """Average over bins how far the share that is right is from the confidence."""
    bins = np.minimum((confidence * _N_BINS).astype(int), _N_BINS - 1)
    sums = np.bincount(bins, confidence - is_right, minlength=_N_BINS)
    return float(np.abs(sums).sum() / len(confidence))


def _table(values, name, value):
    rows = [f"| {key} | {_cell(found)} |" for key, found in values.items()]
    return "\n".join([f"| {name} | {value} |", "| --- | --- |", *rows])


def _cell(value):
    if isinstance(value, float):
        return f"{value:.4g}"
    text = _listed(value) if isinstance(value, list) else str(value)
    return " ".join(text.split()).replace("|", "\\|")


def _listed(values):
    shown = ", ".join(map(str, values[:_MOST_CLASSES]))
    more = len(values) - _MOST_CLASSES
    return f"{shown} and {more} more" if more > 0 else shown
