"""Threads that compute with one thread each, so that bits do not depend on them."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial

import torch

from sklearn_cnn.images import in_turn, take_rows
from sklearn_cnn.inference.loading import loaded_ahead

#: Multiply-adds of a prediction that are worth starting threads.
_POOL_COST = 1 << 30

#: How many threads this one may use, while it limits itself to one, and how many
#: others share them.
_outside = threading.local()
_forked = False


def _remember_the_fork():
    global _forked
    _forked = True


if hasattr(os, "register_at_fork"):
    # torch would wait for threads of the parent, for good
    os.register_at_fork(after_in_child=_remember_the_fork)


@contextmanager
def single_thread():
    """Compute on one thread of the CPU; restore the number of threads on exit.

    Sums that are split over threads round differently. Where every thread computes on
    its own, a search with ``n_jobs=2``, whose workers have one thread each, reproduces
    the one with ``n_jobs=1``.
    """
    n_threads = torch.get_num_threads()
    if n_threads == 1:
        yield
        return
    before, _outside.n_threads = getattr(_outside, "n_threads", None), n_threads
    try:
        torch.set_num_threads(1)
        yield
    finally:
        torch.set_num_threads(n_threads)
        _outside.n_threads = before


@contextmanager
def all_threads():
    """Compute on all threads again, inside of ``single_thread``."""
    n_threads = available_threads()
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(n_threads)
        yield
    finally:
        torch.set_num_threads(before)


def available_threads():
    """Count the threads that may be used here, inside of ``single_thread`` or not."""
    if _forked:
        return 1
    return getattr(_outside, "n_threads", None) or torch.get_num_threads()


@contextmanager
def side_by_side(n):
    """Start n threads that share those which may be used here; yields their pool."""
    n_threads = available_threads()

    def limit():
        torch.set_num_threads(1)
        _outside.n_threads, _outside.n_sharing = n_threads, n

    with ThreadPoolExecutor(n, initializer=limit) as pool:
        yield pool


@contextmanager
def workers(n):
    """Start threads that compute with one thread each, and limit this one to one.

    There are n of them, but no more than may be used here. Yields their pool.
    """
    n_threads = available_threads() // getattr(_outside, "n_sharing", 1)
    n_threads = max(1, min(n, n_threads))
    limit = partial(torch.set_num_threads, 1)  # each thread has its own setting
    with single_thread(), ThreadPoolExecutor(n_threads, initializer=limit) as pool:
        yield pool


def map_chunks(compute, prepare, images, chunks, cost):
    """Compute one chunk of images after the other.

    Each is computed by one thread, and only the time tells how many threads there are:
    they are started for much work alone. Beside another busy process, two threads that
    share a layer wait for each other at its end (one image of 28x28: 48 ms, and 0.9 ms
    on one thread; one of 224x224 in a ResNet-50: 680 and 86 ms).

    Parameters
    ----------
    compute : callable
        Takes the images of a chunk as they were loaded, in new memory.
    prepare : Preparation
        Loads them.
    images : array-like of shape (n_samples, ...)
        All images.
    chunks : list of ndarray of int or of slice
        Their rows.
    cost : int or None
        Multiply-adds of all together, 0 where chunks must not be computed at the same
        time; None leaves threads to torch.

    Yields
    ------
    result : object
        Of every chunk, in order.
    """
    pays = cost is not None and len(chunks) > 1 and cost >= _POOL_COST
    if not pays or available_threads() == 1:
        limit = all_threads() if cost is None else single_thread()
        with limit, closing(loaded_ahead(prepare, images, chunks)) as parts:
            yield from map(compute, parts)
        return

    images = in_turn(images, chunks)

    def run(chunk):
        return compute(prepare.load(take_rows(images, chunk)))

    with workers(len(chunks)) as pool:
        yield from pool.map(run, chunks)
