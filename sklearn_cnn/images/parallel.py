"""Work on several threads, which start and end with it."""

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

from joblib import cpu_count
from joblib.parallel import ThreadingBackend, get_active_backend

#: Runs of items that each thread gets, so that none waits long for the others.
_RUNS = 4


def threads_here():
    """Count the cores, or fewer where the process is one of several on a machine.

    joblib, Dask and Ray tell their workers by ``OMP_NUM_THREADS``.
    """
    told = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    limit = int(told) if told.isdecimal() else 0
    return min(cpu_count(), limit or cpu_count())


def threads_of(n_jobs):
    """Count the threads of this process that ``n_jobs`` asks for.

    joblib itself counts those of a whole cluster where its context is one.
    """
    if n_jobs is None:
        _, n_jobs = get_active_backend()
    return ThreadingBackend().effective_n_jobs(1 if n_jobs is None else n_jobs)


def in_threads(function, items, n_threads):
    """Call a function for every item, and give the results in the order of the items.

    The error of the first item that raises one is raised. One thread is this one; None
    is as many as this process may have.
    """
    n_threads = n_threads or threads_here()
    if min(n_threads, len(items)) < 2:
        return [function(item) for item in items]
    # a task for each item would cost as much as a small image
    length = -(-len(items) // (_RUNS * n_threads))
    runs = [items[i : i + length] for i in range(0, len(items), length)]

    def run(chosen):
        return [function(item) for item in chosen]

    with ThreadPoolExecutor(n_threads) as pool:
        return list(chain.from_iterable(pool.map(run, runs)))
