"""Dask, where a lost worker costs time only."""

from concurrent.futures import CancelledError
from uuid import uuid4

import distributed  # noqa: F401  (joblib's module is there without it)
from joblib._dask import DaskDistributedBackend
from joblib._parallel_backends import _TracebackCapturingWrapper

from sklearn_cnn.utils.joblib_backends._memory import keep_freed_memory
from sklearn_cnn.utils.joblib_backends._versions import require_same_versions

#: How often tasks are sent: those that kill their workers must come to an end.
_ATTEMPTS = 4


class DaskBackend(DaskDistributedBackend):
    """Send what was lost anew, and raise what fails outside of a task."""

    def configure(self, *arguments, **options):
        """Count the threads of all workers, which must have the same libraries."""
        n_jobs = super().configure(*arguments, **options)
        require_same_versions(self.client)
        return n_jobs

    def start_call(self):
        """Begin a call of ``Parallel``."""
        super().start_call()
        self._pending = set()

    def submit(self, func, callback=None):
        """Send tasks to a worker; the callback is told what came of them."""
        self.client.loop.add_callback(self._run, func, callback)

    async def _run(self, func, callback):
        try:
            result = await self._result_of(func)
        except BaseException as error:
            result = error  # errors of the tasks themselves are results
        callback(result)

    async def _result_of(self, func):
        for left in reversed(range(_ATTEMPTS)):
            try:
                return await self._attempt(func)
            except (CancelledError, OSError) as error:
                if not self._continue:
                    raise
                if not left:
                    raise RuntimeError(
                        f"A task was lost {_ATTEMPTS} times, each time with a worker. "
                        "Workers may run out of memory: their logs say why they "
                        "ended. Give each more memory, or fewer threads."
                    ) from error
                self._forget_lost_data()

    async def _attempt(self, func):
        future = await self._send(func)
        self._pending.add(future)
        try:
            return await self.client.gather(future, asynchronous=True)
        finally:
            self._pending.discard(future)

    async def _send(self, func):
        batch, tasks = await self._to_func_args(func)
        try:
            return self.client.submit(
                _compute,
                _TracebackCapturingWrapper(batch),
                tasks,
                key=f"{batch!r}-{uuid4().hex}",
                **self.submit_kwargs,
            )
        except TypeError as error:
            raise TypeError(
                f"A task cannot be sent to a worker ({error.__cause__ or error}). "
                "Estimators, their parameters and scoring must be picklable: no locks, "
                "connections or open files. Make such things where they are used."
            ) from error

    def _forget_lost_data(self):
        given, sent = self.data_futures, self.call_data_futures._data
        self.data_futures = {i: f for i, f in given.items() if f.status == "finished"}
        for key, (_, scattering) in list(sent.items()):
            if scattering.done() and _is_lost(scattering):
                del sent[key]

    def abort_everything(self, ensure_ready=True):
        """Cancel all that was sent."""
        self._continue = False
        self.client.cancel(list(self._pending))


def _compute(batch, tasks):
    keep_freed_memory()
    return batch(tasks=tasks)


def _is_lost(scattering):
    failed = scattering.cancelled() or scattering.exception() is not None
    return failed or scattering.result().status != "finished"
