"""What a fit costs: threads that are the same for all, seconds, sizes."""

import pickle
from contextlib import contextmanager
from time import perf_counter

import numpy as np
import torch


@contextmanager
def limited_threads(n_threads):
    """Limit the threads of torch, OpenMP and BLAS inside, and restore them on exit."""
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    with threadpool_limits(limits=n_threads):
        torch.set_num_threads(n_threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def timed(function, *arguments, **keywords):
    """Call a function, and give its result and the seconds by the clock on the wall."""
    start = perf_counter()
    result = function(*arguments, **keywords)
    return result, perf_counter() - start


def model_size(estimator):
    """Count the bytes of a pickle; None if there is none, as with a lambda inside."""
    try:
        return len(pickle.dumps(estimator, protocol=5))
    except (pickle.PicklingError, AttributeError, TypeError):
        return None


def count_parameters(estimator):
    """Count the numbers that an estimator learned, where it says which these are.

    None for any that does not, as trees and kernel machines. Of a pipeline its last
    step counts, of a search its best estimator.
    """
    if hasattr(estimator, "best_estimator_"):
        return count_parameters(estimator.best_estimator_)
    if hasattr(estimator, "steps"):
        return count_parameters(estimator.steps[-1][1])
    if hasattr(estimator, "n_parameters_"):
        return int(estimator.n_parameters_)
    if hasattr(estimator, "coefs_"):
        return sum(array.size for array in [*estimator.coefs_, *estimator.intercepts_])
    if hasattr(estimator, "coef_"):
        intercept = getattr(estimator, "intercept_", ())
        return int(np.size(estimator.coef_) + np.size(intercept))
    return None
