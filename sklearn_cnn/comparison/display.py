"""ComparisonDisplay."""

from itertools import cycle

import numpy as np

from sklearn_cnn.comparison.checks import check_contest
from sklearn_cnn.comparison.compare import (
    PARAMETER_CONSTRAINTS,
    as_frame,
    make_tasks,
    succeeded,
)
from sklearn_cnn.comparison.evaluation import evaluate
from sklearn_cnn.comparison.statistics import corrected_t
from sklearn_cnn.utils._plotting import COLORS, import_pyplot
from sklearn_cnn.utils._sklearn import StrOptions, validate_params

_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")


class ComparisonDisplay:
    """Draw how well estimators score, what it costs, or how they learn.

    It is recommended to use :meth:`from_results` or :meth:`from_estimators`.

    Parameters
    ----------
    folds : pandas.DataFrame
        A row for each fit, with the columns ``estimator``, ``n_train``, ``n_test``,
        ``fit_time``, ``test_<metric>`` and, for "train_size", ``train_size``.
    metric : str
        What is drawn.
    kind : {"scores", "fit_time", "train_size"}, default="scores"
        Scores with their intervals, best first; scores against the seconds of a fit; or
        scores against the number of rows to train on.
    confidence_level : float, default=0.95
        Of the intervals of "scores" and "fit_time".

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        What was drawn on.
    figure_ : matplotlib.figure.Figure
        Where that is.

    See Also
    --------
    compare_estimators : Gives the results.

    Notes
    -----
    Intervals are those of the corrected resampled t-test [1]_. They are for one
    estimator on its own: two whose intervals overlap may still differ, as both meet the
    same easy and hard folds. The column ``p_value_<metric>`` of the results tells.

    References
    ----------
    .. [1] C. Nadeau and Y. Bengio, "Inference for the generalization error", Machine
       Learning 52, 2003.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.dummy import DummyClassifier
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sklearn_cnn.comparison import ComparisonDisplay, compare_estimators
    >>> X, y = load_digits(return_X_y=True)
    >>> results = compare_estimators(
    ...     {"neighbours": KNeighborsClassifier(), "majority": DummyClassifier()},
    ...     X, y, cv=3, random_state=0)
    >>> display = ComparisonDisplay.from_results(results, kind="fit_time")
    >>> display.ax_.get_ylabel()
    'accuracy, mean and 95 % interval'
    """

    def __init__(self, *, folds, metric, kind="scores", confidence_level=0.95):
        self.folds = folds
        self.metric = metric
        self.kind = kind
        self.confidence_level = confidence_level

    @classmethod
    @validate_params(
        {
            "kind": [StrOptions({"scores", "fit_time"})],
            "metric": [str, None],
            "confidence_level": PARAMETER_CONSTRAINTS["confidence_level"],
        },
        prefer_skip_nested_validation=True,
    )
    def from_results(
        cls, results, *, kind="scores", metric=None, confidence_level=0.95, ax=None
    ):
        """Draw what :func:`compare_estimators` found.

        Parameters
        ----------
        results : pandas.DataFrame
            What it returned, or some of its rows. Those with an error are left out.
        kind : {"scores", "fit_time"}, default="scores"
            Scores with their intervals, or scores against the seconds of a fit.
        metric : str, default=None
            One of the metrics; None is the first.
        confidence_level : float, default=0.95
            Of the intervals.
        ax : matplotlib.axes.Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        display : ComparisonDisplay
            Drawn.

        Raises
        ------
        ValueError
            If the results are not those of :func:`compare_estimators`, the metric is
            not among them, or all estimators failed.
        """
        if "folds" not in getattr(results, "attrs", ()):
            raise ValueError(
                'results has no attrs["folds"]. Pass the DataFrame that '
                "compare_estimators returned, or some rows of it."
            )
        metrics = [
            name.removeprefix("mean_test_")
            for name in results.columns
            if name.startswith("mean_test_")
        ]
        metric = metrics[0] if metric is None and metrics else metric
        if metric not in metrics:
            raise ValueError(
                f"metric={metric!r} is not in results, whose metrics are {metrics}."
            )
        folds = as_frame(results.attrs["folds"], metrics)
        folds = succeeded(folds[folds["estimator"].isin(results.index)])
        folds = _some(folds.dropna(subset=f"test_{metric}"))
        return cls(
            folds=folds, metric=metric, kind=kind, confidence_level=confidence_level
        ).plot(ax)

    @classmethod
    @validate_params(
        {**PARAMETER_CONSTRAINTS, "train_sizes": ["array-like"]},
        prefer_skip_nested_validation=False,
    )
    def from_estimators(
        cls,
        estimators,
        X,
        y,
        *,
        train_sizes=(0.1, 0.25, 0.5, 1.0),
        groups=None,
        params=None,
        cv=None,
        scoring=None,
        n_jobs=None,
        random_state=None,
        n_threads=None,
        verbose=0,
        ax=None,
    ):
        """Fit estimators on more and more rows, and draw their scores.

        Parameters
        ----------
        estimators : dict of {str: estimator} or list of (str, estimator)
            As in :func:`compare_estimators`.
        X : array-like of shape (n_samples, ...)
            Images, signals, volumes or flat rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        train_sizes : array-like of float or int, default=(0.1, 0.25, 0.5, 1.0)
            How many of the rows of each training fold to use: shares of them, or, as
            integers, their number. They are drawn at random, the same for all
            estimators, and smaller sets are parts of larger ones.
        groups : array-like of shape (n_samples,), default=None
            As in :func:`compare_estimators`.
        params : dict of {str: object}, default=None
            As in :func:`compare_estimators`.
        cv : int, splitter or iterable of (train, test), default=None
            As in :func:`compare_estimators`.
        scoring : str, callable or dict, default=None
            One metric. None is accuracy, and R² for regressors.
        n_jobs : int, default=None
            Number of processes among which fits are shared; None is 1.
        random_state : int, RandomState instance or None, default=None
            Shuffles and draws rows, and seeds each ``random_state`` of the estimators
            that is None.
        n_threads : int, default=None
            Threads of every fit. None shares those of torch among the processes.
        verbose : int, default=0
            1 shows a progress bar.
        ax : matplotlib.axes.Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        display : ComparisonDisplay
            Drawn, of kind "train_size".

        Raises
        ------
        ValueError
            As in :func:`compare_estimators`; if a size is not between 0 and the number
            of rows; if there are several metrics, or all estimators failed.
        KeyboardInterrupt
            At Ctrl-C before the first estimator is finished.

        Warns
        -----
        sklearn.exceptions.FitFailedWarning
            If estimators failed or Ctrl-C stopped the rest; they are left out.
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
        metrics, folds = contest.metrics, contest.folds
        metric = _the_one(metrics, scoring)
        sizes = _count_rows(train_sizes, min(len(train) for train, _ in folds))
        subsets = _subsets(folds, sizes, contest.random_state)
        tasks = make_tasks(contest, subsets, seeded=random_state is not None)
        records = evaluate(
            tasks, X, y, metrics, n_jobs=n_jobs, n_threads=n_threads, verbose=verbose
        )
        fits = succeeded(as_frame(records, metrics)).dropna(subset=f"test_{metric}")
        fits = _some(fits)
        fits = fits.assign(train_size=fits["n_train"])
        return cls(folds=fits, metric=metric, kind="train_size").plot(ax)

    def plot(self, ax=None):
        """Draw.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        display : ComparisonDisplay
            Itself, with ``ax_`` and ``figure_``.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        if ax is None:
            pyplot = import_pyplot(type(self).__name__)
            _, ax = pyplot.subplots(figsize=(7.5, 4.2), layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        draw = {
            "scores": self._draw_scores,
            "fit_time": self._draw_against_fit_time,
            "train_size": self._draw_against_train_size,
        }
        draw[self.kind](ax)
        ax.spines[["top", "right"]].set_visible(False)
        return self

    @property
    def _groups(self):
        return self.folds.groupby("estimator", sort=False)

    def _styled_groups(self):
        looks = zip(cycle(COLORS), cycle(_MARKERS), strict=False)
        for (name, group), (color, marker) in zip(self._groups, looks, strict=False):
            style = {"label": name, "color": color, "marker": marker, "capsize": 3}
            yield group, style

    def _estimate(self, group):
        scores = group[f"test_{self.metric}"]
        sizes = group["n_train"].mean(), group["n_test"].mean()
        estimate = corrected_t(scores, *sizes, self.confidence_level)
        reach = (estimate.high - estimate.low) / 2
        # a single fold has no interval
        return estimate.mean, np.nan_to_num(reach)

    @property
    def _score_label(self):
        return f"{self.metric}, mean and {self.confidence_level:.0%} interval".replace(
            "%", " %"
        )

    def _draw_scores(self, ax):
        blue = COLORS[0]
        by_mean = self._groups[f"test_{self.metric}"].mean().sort_values()
        for row, name in enumerate(by_mean.index):
            group = self._groups.get_group(name)
            mean, reach = self._estimate(group)
            scores = group[f"test_{self.metric}"]
            ax.plot(scores, [row] * len(scores), ".", color=blue, alpha=0.4)
            ax.errorbar(mean, row, xerr=reach, fmt="o", ms=8, capsize=4, color=blue)
        ax.set_yticks(range(len(by_mean)), by_mean.index)
        ax.set_ylim(-0.6, len(by_mean) - 0.4)
        ax.grid(axis="x", alpha=0.3)
        ax.set_xlabel(self._score_label)
        ax.set_title("Scores on held-out folds\n(small dots: single folds)")

    def _draw_against_fit_time(self, ax):
        from matplotlib.ticker import LogLocator

        for group, style in self._styled_groups():
            mean, reach = self._estimate(group)
            seconds = group["fit_time"].median()
            ax.errorbar(seconds, mean, yerr=reach, linestyle="", ms=8, **style)
        ax.set_xscale("log")
        # a decade or two hold too few powers of ten to read times from
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter("{x:g}")
        ax.xaxis.set_minor_formatter("")
        ax.set_xlabel("time of a fit (seconds)")
        ax.set_ylabel(self._score_label)
        ax.set_title("Score against the time of a fit")
        self._explain(ax)

    def _draw_against_train_size(self, ax):
        for group, style in self._styled_groups():
            scores = group.groupby("train_size")[f"test_{self.metric}"]
            mean, spread = scores.mean(), scores.std(ddof=0)
            ax.errorbar(mean.index, mean, yerr=spread, **style)
        ax.set_xscale("log")
        sizes = sorted(self.folds["train_size"].unique())
        ax.set_xticks(sizes, [f"{size:,}" for size in sizes])
        ax.minorticks_off()
        ax.set_xlabel("number of training samples")
        ax.set_ylabel(f"{self.metric}, mean and standard deviation")
        ax.set_title("Score against the number of training samples")
        self._explain(ax)

    def _explain(self, ax):
        ax.grid(alpha=0.3)
        ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)


def _some(folds):
    if folds.empty:
        raise ValueError("There is nothing to draw: no estimator has scores.")
    return folds


def _the_one(metrics, scoring):
    if len(metrics) > 1:
        raise ValueError(
            f"scoring={scoring!r} names {len(metrics)} metrics, but one figure shows "
            "one. Pass one of them."
        )
    return next(iter(metrics))


def _count_rows(train_sizes, n_rows):
    sizes = np.asarray(train_sizes)
    counts = (sizes * n_rows).astype(int) if sizes.dtype.kind == "f" else sizes
    if sizes.ndim != 1 or not len(sizes) or counts.min() < 1 or counts.max() > n_rows:
        raise ValueError(
            f"train_sizes={train_sizes!r} must be shares above 0 and up to 1, or whole "
            f"numbers from 1 to {n_rows}, the rows of the smallest training fold."
        )
    return np.unique(counts)


def _subsets(folds, sizes, random_state):
    shuffled = [(random_state.permutation(train), test) for train, test in folds]
    # sorted, as some containers of images want row numbers in order
    return [(np.sort(train[:n]), test) for n in sizes for train, test in shuffled]
