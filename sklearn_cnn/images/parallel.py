"""Work on several threads, which start and end with it."""

from concurrent.futures import ThreadPoolExecutor
from itertools import chain

#: Runs of items that each thread gets, so that none waits long for the others.
_RUNS = 4


def in_threads(function, items, n_threads):
    """Call a function for every item, and give the results in the order of the items.

    The error of the first item that raises one is raised. One thread is this one.
    """
    if min(n_threads, len(items)) < 2:
        return [function(item) for item in items]
    # a task for each item would cost as much as a small image
    length = -(-len(items) // (_RUNS * n_threads))
    runs = [items[i : i + length] for i in range(0, len(items), length)]

    def run(chosen):
        return [function(item) for item in chosen]

    with ThreadPoolExecutor(n_threads) as pool:
        return list(chain.from_iterable(pool.map(run, runs)))
