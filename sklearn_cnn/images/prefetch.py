"""Reading ahead, so that the next images are there when the last are used up."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice

from sklearn_cnn.images.arrays import in_turn, take_rows
from sklearn_cnn.images.files import ImageFiles


def prefetched(function, items, *, depth=2):
    """Call a function for one item after the other, ahead of who takes the results.

    One thread calls it, and ends with the generator: when all is taken, when an error
    is raised, or when the generator is closed before. At most ``depth`` results wait to
    be taken. An error of a call is raised in the place of its result.
    """
    items = iter(items)
    with ThreadPoolExecutor(1, thread_name_prefix="sklearn_cnn-prefetch") as pool:
        ahead = deque(pool.submit(function, item) for item in islice(items, depth))
        try:
            while ahead:
                result = ahead.popleft().result()
                ahead.extend(pool.submit(function, item) for item in islice(items, 1))
                yield result
        finally:
            for future in ahead:
                future.cancel()


def read_ahead(images, chunks):
    """Read chunks of rows one after the other, ahead if they come from disk.

    A chunk is an array of indices or a slice. Who does not take all of the arrays must
    close the generator.
    """
    images = in_turn(images, chunks)
    if isinstance(images, ImageFiles):
        return prefetched(partial(take_rows, images), chunks)
    return (take_rows(images, chunk) for chunk in chunks)
