"""What a fit costs: threads that are the same for all, seconds, bytes."""

import ctypes
import gc
import os
import pickle
import threading
from contextlib import contextmanager
from time import perf_counter

import numpy as np
import torch

_POSIX = os.name == "posix"
_SECONDS_BETWEEN_LOOKS = 0.005


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


class PeakMemory:
    """Watch the resident memory of this process from another thread.

    ``bytes`` is the most that was seen inside of the ``with`` block, less what the
    process held when it began. Memory that was freed but not given back is given back
    first, so that estimators begin alike.
    """

    def __init__(self):
        import psutil

        self.bytes = 0
        self._process = psutil.Process()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        gc.collect()
        _give_back_freed_memory()
        self._before = self._process.memory_info().rss
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()
        self._look()

    def _watch(self):
        while not self._done.wait(_SECONDS_BETWEEN_LOOKS):
            self._look()

    def _look(self):
        resident = self._process.memory_info().rss
        self.bytes = max(self.bytes, resident - self._before)


def _give_back_freed_memory():
    # glibc keeps freed memory, which would hide the peak of whatever comes next
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if _POSIX else None
    if trim is not None:
        trim(0)


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
