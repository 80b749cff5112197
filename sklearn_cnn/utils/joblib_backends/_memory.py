"""Memory of a worker, which Dask has its C library give back at once."""

import ctypes
import os
from functools import cache

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
#: Bytes of an array up to which glibc, by itself, comes to keep what was freed.
_MMAP_THRESHOLD = 32 << 20


@cache
def keep_freed_memory():
    """Have glibc keep what arrays free, as it does in other processes.

    Dask sets a threshold at which also arrays of 128 KiB are given back, and the next
    ones come page by page: a fit took 1.5 times the processor time (560,000 faults of
    pages for 1,000). A threshold that somebody else has set stays.
    """
    if os.name == "posix" and os.environ.get("MALLOC_TRIM_THRESHOLD_") == "65536":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:  # as on macOS
            mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD)
            mallopt(_M_TRIM_THRESHOLD, 2 * _MMAP_THRESHOLD)
