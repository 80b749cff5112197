"""compare_estimators."""

from numbers import Integral, Real

import numpy as np

from sklearn_cnn.comparison.checks import check_contest
from sklearn_cnn.comparison.evaluation import Task, evaluate, seeded_clone
from sklearn_cnn.comparison.statistics import corrected_t
from sklearn_cnn.utils._sklearn import Interval, validate_params

_TIMES = ("fit_time", "predict_time")
_COUNTS = ("peak_memory", "model_size", "n_parameters")
PARAMETER_CONSTRAINTS = {
    "params": [dict, None],
    "n_jobs": [Integral, None],
    "random_state": ["random_state"],
    "n_threads": [Interval(Integral, 1, None, closed="left"), None],
    "confidence_level": [Interval(Real, 0, 1, closed="neither")],
    "verbose": ["verbose"],
}


@validate_params(PARAMETER_CONSTRAINTS, prefer_skip_nested_validation=False)
def compare_estimators(
    estimators,
    X,
    y,
    *,
    groups=None,
    params=None,
    cv=None,
    scoring=None,
    n_jobs=None,
    random_state=None,
    n_threads=None,
    confidence_level=0.95,
    verbose=0,
):
    """Cross-validate estimators on the same folds, and tell them apart.

    Parameters
    ----------
    estimators : dict of {str: estimator} or list of (str, estimator)
        Classifiers, or regressors, by a name of one's choice; pipelines and searches
        too. Clones of them are fitted.
    X : array-like of shape (n_samples, ...)
        Images, signals, volumes or flat rows, as all of the estimators take them.
        Anything that can be indexed by an array of row numbers, and only the rows of
        one fold are taken at a time.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Targets.
    groups : array-like of shape (n_samples,), default=None
        What each row belongs to, such as a patient or a camera, for splits that keep
        the rows of a group together.
    params : dict of {str: object}, default=None
        Metadata by name, such as ``sample_weight``, for those of the estimators,
        metrics and splits that have requested it (see scikit-learn's metadata routing,
        which must be enabled). Of what has an entry for each row, they get those of the
        fold.
    cv : int, splitter or iterable of (train, test), default=None
        How rows are split, once for all estimators. None is 5 folds. Numbers shuffle
        the rows, as data are often sorted, and spread classes evenly; a splitter does
        what it was made for. With ``groups``, numbers keep the rows of each together.
    scoring : str, callable, list or dict, default=None
        One metric or several, as :func:`~sklearn.model_selection.cross_validate` takes
        them: greater is better. "neg_expected_calibration_error" is one too (see
        :func:`expected_calibration_error`). None is accuracy, and R² for regressors.
        Of probabilities, estimators that give none have no score, NaN.
    n_jobs : int, default=None
        Number of processes among which fits are shared; None is 1. Timings are steadier
        with 1. Under joblib's backends for clusters, as "dask", theirs do the fits.
    random_state : int, RandomState instance or None, default=None
        Shuffles the rows, and seeds each ``random_state`` of the estimators that is
        None. With None each call has other folds.
    n_threads : int, default=None
        Threads that torch, OpenMP and BLAS may use in every fit and prediction, the
        same for all estimators. None shares the threads that torch has among the
        processes; on a cluster each has its own. All is as it was when the function
        returns. Processes that an estimator starts itself (its own ``n_jobs``) are not
        limited.
    confidence_level : float, default=0.95
        Of the intervals.
    verbose : int, default=0
        1 shows a progress bar.

    Returns
    -------
    results : pandas.DataFrame
        A row for each estimator, in the order given, with these columns:

        - ``mean_test_<metric>``, ``std_test_<metric>``: over the folds, as the mean and
          ``std`` of :func:`~sklearn.model_selection.cross_val_score`.
        - ``difference_<metric>``: to the estimator with the best mean, at most 0;
          ``low_<metric>`` and ``high_<metric>``: its confidence interval;
          ``p_value_<metric>``: of the two-sided corrected resampled t-test [1]_ that
          there is no difference, NaN for the best itself. No correction for many
          comparisons is made.
        - ``fit_time``, ``predict_time``: seconds for the training rows of a fold, and
          for one call of ``predict`` on its test rows.
        - ``peak_memory``: bytes by which the resident memory of the process grew while
          it fitted and predicted, looked at every 5 ms. The rows of the fold are in
          memory before; memory of a GPU does not count.
        - ``model_size``: bytes of the pickled estimator; missing if it cannot be
          pickled. That of a network holds the state of its optimizer too.
        - ``n_parameters``: how many numbers were learned: ``n_parameters_`` of a
          network, the coefficients and intercepts of linear models and of an MLP;
          missing for models that have no such number, as trees and kernel machines.
        - ``error``: why an estimator has no results, else missing.

        Times and sizes are medians over the folds, as the first fit of a kind also pays
        for what a library sets up only once. ``results.attrs["folds"]`` has a dict with
        the figures of each fit.

    Raises
    ------
    ValueError
        If two estimators have one name, classifiers and regressors are mixed, a metric
        is unknown, or parameters and data do not fit together.
    KeyboardInterrupt
        At Ctrl-C before the first estimator is finished.

    Warns
    -----
    sklearn.exceptions.FitFailedWarning
        If estimators failed, or Ctrl-C stopped the comparison: their rows have an
        ``error``, and all other rows are as they would have been. This function alone
        ends Ctrl-C so; the estimators and scikit-learn's searches always raise it.
    sklearn.exceptions.UndefinedMetricWarning
        If estimators have no score of a metric, as it is of probabilities and they give
        none: an SVC, for instance. Put it into
        :class:`~sklearn.calibration.CalibratedClassifierCV`.

    See Also
    --------
    ComparisonDisplay : Draws the results.
    classical_baselines : Pipelines to compare with.

    References
    ----------
    .. [1] C. Nadeau and Y. Bengio, "Inference for the generalization error", Machine
       Learning 52, 2003.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sklearn.dummy import DummyClassifier
    >>> from sklearn_cnn.comparison import compare_estimators
    >>> X, y = load_digits(return_X_y=True)
    >>> results = compare_estimators(
    ...     {"neighbours": KNeighborsClassifier(), "majority": DummyClassifier()},
    ...     X, y, cv=3, random_state=0)
    >>> results["mean_test_accuracy"].round(2).to_dict()
    {'neighbours': 0.99, 'majority': 0.1}
    >>> results["difference_accuracy"].round(2).to_dict()
    {'neighbours': 0.0, 'majority': -0.88}
    """
    contest = check_contest(
        estimators,
        X,
        y,
        groups=groups,
        params=params,
        cv=cv,
        scoring=scoring,
        random_state=random_state,
    )
    metrics = contest.metrics
    tasks = make_tasks(contest, contest.folds, seeded=random_state is not None)
    records = evaluate(
        tasks, X, y, metrics, n_jobs=n_jobs, n_threads=n_threads, verbose=verbose
    )
    results = _table(as_frame(records, metrics), metrics, confidence_level)
    results.attrs["folds"] = records
    return results


def make_tasks(contest, folds, *, seeded):
    """List all fits, estimator by estimator; these are seeded, or as they are."""
    generator = contest.random_state if seeded else None
    clones = {
        name: seeded_clone(e, generator) for name, e in contest.estimators.items()
    }
    score_params = contest.score_params
    return [
        Task(
            name, estimator, number, train, test, contest.fit_params[name], score_params
        )
        for name, estimator in clones.items()
        for number, (train, test) in enumerate(folds)
    ]


def as_frame(records, metrics):
    """Make a table with a row for each fit, also for those that failed."""
    import pandas as pd

    scores = [f"test_{metric}" for metric in metrics]
    about = ["estimator", "fold", "n_train", "n_test", "error"]
    folds = pd.DataFrame(records, columns=[*about, *scores, *_TIMES, *_COUNTS])
    return folds.astype(dict.fromkeys((*scores, *_TIMES, *_COUNTS), float))


def succeeded(folds):
    """Leave out the fits of estimators of which any has failed."""
    failed = folds.loc[folds["error"].notna(), "estimator"]
    return folds[~folds["estimator"].isin(failed)]


def _table(folds, metrics, confidence_level):
    import pandas as pd

    by_name = folds.groupby("estimator", sort=False)
    complete = succeeded(folds)
    costs = complete.groupby("estimator", sort=False)
    table = pd.concat(
        [
            *(_scores(complete, metric, confidence_level) for metric in metrics),
            costs[list(_TIMES)].median(),
            costs[list(_COUNTS)].median().round().astype("Int64"),
        ],
        axis=1,
    ).reindex(by_name.groups)
    table.index.name = "estimator"
    return table.assign(error=by_name["error"].last())


def _scores(folds, metric, confidence_level):
    import pandas as pd

    column = f"test_{metric}"
    by_name = folds.groupby("estimator", sort=False)[column]
    # the standard deviation that cross_val_score(...).std() gives
    table = by_name.agg(mean="mean", std=lambda values: values.std(ddof=0))
    table = table.add_suffix(f"_{column}")
    scores = folds.pivot(index="fold", columns="estimator", values=column)
    means = table[f"mean_{column}"].dropna()
    best = means.idxmax() if len(means) else None
    sizes = folds["n_train"].mean(), folds["n_test"].mean()
    best_scores = np.nan if best is None else scores[best]
    estimates = pd.DataFrame(
        [
            corrected_t(scores[name] - best_scores, *sizes, confidence_level)
            for name in table.index
        ],
        index=table.index,
        columns=["difference", "low", "high", "p_value"],
    )
    # the best has no difference that could be tested
    estimates.loc[estimates.index == best, "p_value"] = np.nan
    return table.join(estimates.add_suffix(f"_{metric}"))
