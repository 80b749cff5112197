"""How much memory something takes while it goes on."""

import ctypes
import gc
import os
import threading
from typing import Any

_POSIX = os.name == "posix"
_SECONDS_BETWEEN_LOOKS = 0.005


class PeakMemory:
    """Watch the resident memory of this process from another thread.

    ``bytes`` is the most that was seen inside of the ``with`` block, less what the
    process held when it began. Memory that was freed but not given back is given back
    first, so that estimators begin alike.
    """

    def __init__(self) -> None:
        import psutil

        self.bytes = 0
        self._process = psutil.Process()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "PeakMemory":
        gc.collect()
        _give_back_freed_memory()
        self._before = self._process.memory_info().rss
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._done.set()
        self._thread.join()
        self._look()

    def _watch(self) -> None:
        while not self._done.wait(_SECONDS_BETWEEN_LOOKS):
            self._look()

    def _look(self) -> None:
        resident = self._process.memory_info().rss
        self.bytes = max(self.bytes, resident - self._before)


def _give_back_freed_memory() -> None:
    # glibc keeps freed memory, which would hide the peak of whatever comes next
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if _POSIX else None
    if trim is not None:
        trim(0)
