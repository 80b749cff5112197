"""One clear error for each kind of bad input, before anything is fitted."""

from collections.abc import Iterable, Mapping
from numbers import Integral
from typing import NamedTuple

import numpy as np
from sklearn.base import is_classifier, is_regressor
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, check_cv
from sklearn.utils import check_consistent_length, check_random_state

from sklearn_cnn.comparison.calibration import neg_expected_calibration_error
from sklearn_cnn.comparison.metadata import route
from sklearn_cnn.utils._spelling import did_you_mean

#: Metrics that have a name here, and not in scikit-learn.
_OWN_METRICS = {"neg_expected_calibration_error": neg_expected_calibration_error}


class Contest(NamedTuple):
    """What is compared, and how.

    Parameters
    ----------
    estimators, metrics : dict
        By name.
    folds : list of (train, test)
        Row numbers.
    random_state : RandomState
        What drew them, and may draw more.
    fit_params : dict of {str: dict}
        Metadata for each estimator.
    score_params : dict
        Metadata for the metrics.
    """

    estimators: dict
    metrics: dict
    folds: list
    random_state: np.random.RandomState
    fit_params: dict
    score_params: dict


def check_contest(
    estimators, X, y, *, groups=None, params=None, cv, scoring, random_state
):
    """Check all that is compared, and draw the folds.

    Without a ``random_state`` its seed is the operating system's, and numpy's global
    generator is left alone.
    """
    named, kind = _check_estimators(estimators)
    metrics = _check_metrics(scoring, kind)
    own = np.random.RandomState() if random_state is None else random_state
    rng = check_random_state(own)
    splitter = _check_splitter(cv, X, y, groups, kind, rng)
    fit_params, score_params, split_params = route(params, named, metrics, splitter)
    if groups is not None:
        split_params = {**split_params, "groups": groups}
    folds = _folds(splitter, X, y, split_params)
    if not folds:
        raise ValueError(f"cv={cv!r} gives no folds. Pass one pair of rows or more.")
    return Contest(named, metrics, folds, rng, fit_params, score_params)


def _check_estimators(estimators):
    """Give the contenders by name, and whether they are "classifier" or "regressor"."""
    pairs = _pairs(estimators)
    names = [name for name, _ in pairs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(
            f"estimators holds the name {twice[0]!r} more than once. Give every "
            "estimator a name of its own."
        )
    kinds = {name: _kind(name, estimator) for name, estimator in pairs}
    if len(set(kinds.values())) > 1:
        raise ValueError(
            "estimators mixes classifiers and regressors, whose scores cannot be "
            f"compared: {kinds}. Compare either kind on its own."
        )
    return dict(pairs), next(iter(kinds.values()))


def _pairs(estimators):
    pairs = estimators.items() if isinstance(estimators, Mapping) else estimators
    pairs = list(pairs) if isinstance(pairs, Iterable) else []
    named = all(
        isinstance(pair, tuple | list) and len(pair) == 2 and isinstance(pair[0], str)
        for pair in pairs
    )
    if not pairs or not named:
        raise ValueError(
            f"estimators={estimators!r} must be a dict of at least one estimator by "
            'its name, as in {"SVC": SVC()}.'
        )
    return [tuple(pair) for pair in pairs]


def _kind(name, estimator):
    if isinstance(estimator, type):
        raise ValueError(
            f"estimators[{name!r}] is the class {estimator.__name__}. Pass an "
            f"instance of it: {estimator.__name__}()."
        )
    if hasattr(estimator, "fit") and hasattr(estimator, "predict"):
        if is_classifier(estimator):
            return "classifier"
        if is_regressor(estimator):
            return "regressor"
    raise ValueError(
        f"estimators[{name!r}]={estimator!r} must be a classifier or a regressor of "
        "scikit-learn's kind."
    )


def _check_metrics(scoring, kind):
    """Give the scorers by the names of their metrics."""
    if scoring is None:
        scoring = "accuracy" if kind == "classifier" else "r2"
    if callable(scoring):
        return {getattr(scoring, "__name__", "score"): scoring}
    if isinstance(scoring, str):
        scoring = [scoring]
    metrics = scoring if isinstance(scoring, Mapping) else {m: m for m in scoring}
    if not metrics:
        raise ValueError(f"scoring={scoring!r} must name at least one metric.")
    return {name: _check_metric(metric) for name, metric in metrics.items()}


def _check_metric(metric):
    if callable(metric):
        return metric
    names = [*get_scorer_names(), *_OWN_METRICS]
    if metric not in names:
        raise ValueError(
            f"scoring={metric!r} is no metric.{did_you_mean(str(metric), names)} "
            f"sklearn.metrics.get_scorer_names() lists all but {[*_OWN_METRICS]}."
        )
    return _OWN_METRICS.get(metric) or get_scorer(metric)


def _check_splitter(cv, X, y, groups, kind, random_state):
    """Make what splits the rows.

    Of a number it shuffles, spreads classes evenly, and keeps groups together.
    """
    if y is None:
        raise ValueError("y is None, but a comparison needs targets to score with.")
    check_consistent_length(X, y, groups)
    classifier, seed = kind == "classifier", random_state.randint(2**31 - 1)
    if groups is not None and isinstance(cv, Integral | None):
        kind_of_folds = StratifiedGroupKFold if classifier else GroupKFold
        cv = kind_of_folds(cv or 5, shuffle=True, random_state=seed)
    return check_cv(cv, y, classifier=classifier, shuffle=True, random_state=seed)


def _folds(splitter, X, y, params):
    """Split the rows once, for all estimators."""
    rows = np.arange(len(y))
    # masks and negative numbers become row numbers
    splits = splitter.split(X, y, **params)
    return [(rows[train], rows[test]) for train, test in splits]
