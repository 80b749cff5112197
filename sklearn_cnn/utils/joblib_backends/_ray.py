"""Ray, with every array in its object store once."""

import ray
from joblib._dask import _WeakKeyDictionary  # needs no dask
from ray.util.joblib import ray_backend


class RayBackend(ray_backend.RayBackend):
    """Put each array into Ray's object store once for a call of ``Parallel``."""

    #: That is all of the cluster, as for Dask; Ray's own is 1.
    default_n_jobs = -1

    def start_call(self):
        """Begin a call of ``Parallel``."""
        self._sent = _WeakKeyDictionary()

    def stop_call(self):
        """End it; Ray forgets the arrays."""
        self._sent.clear()

    def submit(self, func, callback=None):
        """Send tasks to a process; the callback is told what came of them."""
        func.items = [
            (
                _Fetching(function),
                [self._put(argument) for argument in arguments],
                {name: self._put(argument) for name, argument in keywords.items()},
            )
            for function, arguments, keywords in func.items
        ]
        return super().submit(func, callback)

    def _put(self, argument):
        if not getattr(argument, "shape", ()):
            return argument
        try:
            return self._sent[argument]
        except KeyError:
            self._sent[argument] = sent = ray.put(argument)
            return sent


class _Fetching:
    """Call a function with what references refer to."""

    def __init__(self, function):
        self.function = function

    def __call__(self, *arguments, **keywords):
        fetched = {name: _fetch(value) for name, value in keywords.items()}
        return self.function(*map(_fetch, arguments), **fetched)


def _fetch(argument):
    return ray.get(argument) if isinstance(argument, ray.ObjectRef) else argument
