"""Several arrays on disk, one after the other, in the place of one."""

from collections.abc import Iterable
from functools import partial

import numpy as np

from sklearn_cnn.images.naming import as_list, shortened
from sklearn_cnn.images.opening import opened
from sklearn_cnn.images.parallel import in_threads
from sklearn_cnn.images.refusals import refuse_sets
from sklearn_cnn.images.sources import ArraySource

#: Most files that are held open from one batch to the next: a process may have 1,024.
_MOST_OPEN = 128
#: That wait for shards which are not files on this machine.
_N_THREADS = 8


class ShardSource:
    """Rows of several arrays: those of the first, then those of the second, ..."""

    def __init__(self, shards, storage_options):
        shards = _checked_shards(shards)
        open_one = partial(_source, storage_options=storage_options)
        n_threads = _N_THREADS if any(_is_url(shard) for shard in shards) else 1
        self._shards = in_threads(open_one, list(enumerate(shards)), n_threads)
        first = self._shards[0]
        self.image_shape, self.dtype = first.image_shape, first.dtype
        _require_alike(self._shards)
        #: Of the first row of each, and the number of all rows.
        self._starts = np.cumsum([0, *map(len, self._shards)])

    def __len__(self):
        """Count the images."""
        return int(self._starts[-1])

    @property
    def has_chunks(self):
        """Whether some rows are read together in any case."""
        return any(shard.has_chunks for shard in self._shards)

    def check(self, indices):
        """Look whether shards are there; an error lists those that are not."""
        bad = [m for m in self._of_each(_check, indices) if m is not None]
        if len(bad) == 1:
            raise ValueError(bad[0])
        if bad:
            raise ValueError(f"{len(bad)} shards cannot be used:\n{as_list(bad)}")

    def read(self, indices):
        """Read rows into new memory; NaN and infinity are an error."""
        images = np.empty((len(indices), *self.image_shape), self.dtype)

        def read(shard, places, rows):
            images[places] = shard.read(rows)

        self._of_each(read, indices)
        return images

    def neighbours(self, indices):
        """Give all rows of the chunks that these are in, in increasing order."""
        parts = [
            shard.neighbours(rows) + indices[places[0]] - rows[0]
            for shard, places, rows in self._parts(indices)
        ]
        return np.concatenate(parts)

    def _parts(self, indices):
        """Give each shard that has some of the rows, their places, and rows in it."""
        numbers = np.searchsorted(self._starts, indices, side="right") - 1
        for number in np.unique(numbers).tolist():
            places = np.flatnonzero(numbers == number)
            yield self._shards[number], places, indices[places] - self._starts[number]

    def _of_each(self, function, indices):
        def call(part):
            result = function(*part)
            if len(self._shards) > _MOST_OPEN:
                part[0].close()
            return result

        n_threads = 1 if all(s.is_file for s in self._shards) else _N_THREADS
        return in_threads(call, list(self._parts(indices)), n_threads)


def _check(shard, places, rows):
    try:
        shard.check(rows)
    except ValueError as error:
        return str(error)


def _source(numbered, storage_options):
    number, shard = numbered
    try:
        source = ArraySource(opened(shard, storage_options))
    except ValueError as error:
        raise ValueError(f"shards[{number}]: {error}") from error
    if isinstance(source.array, np.memmap) and source.array is not shard:
        source.close()
    return source


def _is_url(shard):
    return isinstance(shard, str) and "://" in shard


def _checked_shards(shards):
    if isinstance(shards, str | bytes) or not isinstance(shards, Iterable):
        raise ValueError(
            f"shards={shortened(shards)} is no list of arrays or paths. Of one array "
            "ImageFiles.from_array makes the like; the paths of a folder are "
            "sorted(pathlib.Path(folder).glob('*.npy'))."
        )
    if hasattr(shards, "shape"):
        raise ValueError(
            f"shards is one array, of shape {tuple(shards.shape)}, but a list of "
            "arrays or paths is needed: pass it to ImageFiles.from_array."
        )
    refuse_sets(shards, "shards")
    shards = list(shards)
    if not shards:
        raise ValueError("shards is empty: at least one array is needed.")
    return shards


def _require_alike(sources):
    first = sources[0]
    bad = [
        f"shards[{i}] holds images of shape {source.image_shape}, {source.dtype}"
        for i, source in enumerate(sources)
        if (source.image_shape, source.dtype) != (first.image_shape, first.dtype)
    ]
    if bad:
        raise ValueError(
            f"shards[0] holds images of shape {first.image_shape}, {first.dtype}, but "
            f"{len(bad)} of {len(sources)} others:\n{as_list(bad)}\n"
            "Store all with one shape and dtype."
        )
