"""Every estimator on every fold, one after another or in several processes."""

import warnings
from typing import NamedTuple

import numpy as np
import torch
from joblib import effective_n_jobs
from joblib.parallel import get_active_backend
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning, UndefinedMetricWarning
from sklearn.metrics import check_scoring
from sklearn.utils.parallel import Parallel, delayed

from sklearn_cnn.comparison.resources import (
    count_parameters,
    limited_threads,
    model_size,
    timed,
)
from sklearn_cnn.utils._peak_memory import PeakMemory
from sklearn_cnn.utils._sklearn import check_method_params, safe_indexing

#: Where joblib's backends for one machine are; others, as for clusters, stay.
_ON_ONE_MACHINE = "joblib._parallel_backends"


class Task(NamedTuple):
    """One fit to do: a clone of an estimator, on the rows of a fold."""

    name: str
    estimator: object
    fold: int
    train: np.ndarray
    test: np.ndarray
    fit_params: dict
    score_params: dict

    def record(self, **results):
        """Write down, in plain numbers and strings, what is known of the fit."""
        return {
            "estimator": self.name,
            "fold": self.fold,
            "n_train": len(self.train),
            "n_test": len(self.test),
            "error": None,
            **results,
        }


def seeded_clone(estimator, random_state):
    """Copy an estimator, and give every ``random_state`` that is None a seed.

    Without a generator, which seeds come from, the copy stays as it is.
    """
    copy = clone(estimator)
    if random_state is not None:
        seeds = {
            name: random_state.randint(2**31 - 1)
            for name, value in sorted(copy.get_params().items())
            if name.rpartition("__")[2] == "random_state" and value is None
        }
        copy.set_params(**seeds)
    return copy


def evaluate(tasks, X, y, metrics, *, n_jobs, n_threads, verbose):
    """Do all fits that can be done, and give a record of each that was begun.

    The first failure of an estimator, whose tasks stand together, ends its fits, but
    not those of others; its record has an ``error``. Ctrl-C ends all fits: what is
    finished by then is kept, each estimator that was stopped has one record with an
    ``error``, and KeyboardInterrupt is raised if none had been finished. ``metrics``
    has scorers by name; the score is NaN for estimators that lack what one needs, as
    ``predict_proba``. Without a number of threads, each fit has its share of those of
    torch, or on a cluster those of its worker.
    """
    backend, _ = get_active_backend()
    if type(backend).__module__ == _ON_ONE_MACHINE:
        # threads and memory belong to a process, and cannot be told apart in one
        backend, n_jobs = "loky", effective_n_jobs(n_jobs)
        n_threads = int(n_threads or max(1, torch.get_num_threads() // n_jobs))
    as_they_come = getattr(backend, "supports_return_generator", True)
    failed = set()
    jobs = (
        delayed(_evaluate_one)(task, X, y, metrics, n_threads)
        for task in tasks
        if task.name not in failed
    )
    run = Parallel(n_jobs, backend, "generator" if as_they_come else "list")
    records = []
    try:
        for record in _with_bar(run(jobs), len(tasks), verbose):
            records.append(record)
            if record["error"]:
                failed.add(record["estimator"])
    except KeyboardInterrupt:
        stopped = _stopped(tasks, records, failed)
        if len(stopped) == len({task.name for task in tasks}):
            raise
        records += stopped
    _warn_of_failures(records)
    _warn_of_missing(records, metrics)
    return records


def _with_bar(records, total, verbose):
    if not verbose:
        yield from records
        return
    from tqdm.auto import tqdm

    with tqdm(total=total, unit="fit") as bar:
        for record in records:
            bar.set_description(record["estimator"], refresh=False)
            bar.update()
            yield record


def _evaluate_one(task, X, y, metrics, n_threads):
    try:
        with limited_threads(n_threads or torch.get_num_threads()):
            return task.record(**_measure(task, X, y, metrics))
    except Exception as error:
        return task.record(error=f"{type(error).__name__}: {error}")


def _measure(task, X, y, metrics):
    estimator = clone(task.estimator)
    X_train, y_train = safe_indexing(X, task.train), safe_indexing(y, task.train)
    X_test, y_test = safe_indexing(X, task.test), safe_indexing(y, task.test)
    fit_params = check_method_params(X, task.fit_params, task.train)
    score_params = check_method_params(X, task.score_params, task.test)
    with PeakMemory() as peak:
        estimator, fit_time = timed(estimator.fit, X_train, y_train, **fit_params)
        _, predict_time = timed(estimator.predict, X_test)
    possible = {name: m for name, m in metrics.items() if _can_give(estimator, m)}
    scores = {}
    if possible:
        scorer = check_scoring(scoring=possible)
        scores = scorer(estimator, X_test, y_test, **score_params)
    for metric, score in scores.items():
        if not np.isfinite(score):
            raise ValueError(f"{metric} is {score} in fold {task.fold}")
    return {
        "fit_time": fit_time,
        "predict_time": predict_time,
        "peak_memory": peak.bytes,
        "model_size": model_size(estimator),
        "n_parameters": count_parameters(estimator),
        **{f"test_{metric}": float(scores.get(metric, np.nan)) for metric in metrics},
    }


def _can_give(estimator, scorer):
    """Tell whether an estimator has a method that gives what a scorer takes."""
    methods = getattr(scorer, "_response_method", "predict")
    methods = (methods,) if isinstance(methods, str) else methods
    return any(hasattr(estimator, method) for method in methods)


def _stopped(tasks, records, failed):
    done = {(record["estimator"], record["fold"]) for record in records}
    first_undone = {
        task.name: task
        for task in reversed(tasks)
        if task.name not in failed and (task.name, task.fold) not in done
    }
    error = "KeyboardInterrupt: stopped before all folds were done"
    return [task.record(error=error) for task in reversed(first_undone.values())]


def _warn_of_failures(records):
    errors = {record["estimator"]: record["error"] for record in records}
    reasons = [f"{name} ({error})" for name, error in errors.items() if error]
    if reasons:
        warnings.warn(
            f"There are no scores for: {'; '.join(reasons)}.",
            FitFailedWarning,
            stacklevel=5,
        )


def _warn_of_missing(records, metrics):
    missing = {}
    for metric in metrics:
        last = {record["estimator"]: record.get(f"test_{metric}") for record in records}
        names = [name for name, score in last.items() if score and np.isnan(score)]
        missing.setdefault(", ".join(names), []).append(metric)
    missing.pop("", None)
    for names, lacking in missing.items():
        warnings.warn(
            f"There is no {' and no '.join(lacking)} for {names}, without "
            "probabilities. To have them, put the estimator into sklearn.calibration."
            "CalibratedClassifierCV(estimator, ensemble=False).",
            UndefinedMetricWarning,
            stacklevel=5,
        )
