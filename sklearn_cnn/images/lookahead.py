"""Arrays stored in chunks: what is read with a row is kept for those that follow."""

import threading

import numpy as np

from sklearn_cnn.images.cache import ImageCache

_NEVER = np.iinfo(np.int64).max


class WholeChunks(ImageCache):
    """An ImageCache for all images, which keeps whole chunks as they are read."""

    def __init__(self, max_bytes, n_images, image_shape, dtype, neighbours):
        super().__init__(max_bytes, n_images, image_shape, dtype)
        self._arguments = (*self._arguments, neighbours)
        self._neighbours = neighbours

    def read(self, indices, read):
        """Look images up; of those that are not there, read the whole chunks."""
        with self._lock:
            missing = indices[self._slots[indices] < 0]
        if len(missing):
            rows = self._neighbours(missing)
            self.keep(rows, read(rows))
        return self._pixels[self._slots[indices]]


class Lookahead:
    """Images in an order that is known: those that are needed soonest are kept.

    A chunk that is read for one row holds others, which the order asks for later. As
    many as ``capacity`` of them are kept, the soonest, each until it was given. With
    room for a share f of all images, in random order, each chunk is read at most about
    1 / f times, however many rows it has. To keep the chunks that were used last, or
    first, would save no more than that share of one read for each row.

    Parameters
    ----------
    capacity : int
        Most images that wait.
    n_images : int
        Of the whole array.
    order : ndarray of int
        Rows in the order in which they will be asked for.
    image_shape : tuple of int
        Of one image.
    dtype : numpy.dtype
        Of the pixels.
    neighbours : callable
        Gives all rows of the chunks that some rows are in, in increasing order.
    """

    def __init__(self, capacity, n_images, order, image_shape, dtype, neighbours):
        self._capacity = min(len(order), capacity)
        self._image_shape, self._dtype = image_shape, dtype
        self._neighbours = neighbours
        self._use = np.full(n_images, _NEVER)
        # of a row that is asked for twice, the first time counts
        self._use[order[::-1]] = np.arange(len(order))[::-1]
        # the system gives memory only as it is written
        self._pixels = np.empty((self._capacity, *image_shape), dtype)
        self._slots = np.full(n_images, -1)
        self._free = np.arange(self._capacity)
        self._lock = threading.Lock()

    def read(self, indices, read):
        """Give images that were kept, and read the others by ``read(rows)``."""
        with self._lock:
            slots = self._slots[indices]
            found = slots >= 0
            images = np.empty((len(indices), *self._image_shape), self._dtype)
            images[found] = self._pixels[slots[found]]
            self._let_go(np.unique(indices[found]))
            self._use[indices] = _NEVER
            if not found.all():
                missing = np.unique(indices[~found])
                extra = self._soonest(self._neighbours(missing))
                rows = np.union1d(missing, extra)
                fresh = read(rows)
                images[~found] = fresh[np.searchsorted(rows, indices[~found])]
                self._keep(extra, fresh[np.searchsorted(rows, extra)])
            return images

    def _soonest(self, rows):
        """Choose rows that are worth keeping, and make room for them."""
        rows = rows[(self._use[rows] < _NEVER) & (self._slots[rows] < 0)]
        if len(rows) <= len(self._free):
            return rows
        kept = np.flatnonzero(self._slots >= 0)
        both = np.concatenate([kept, rows])
        uses = self._use[both]
        late = np.argpartition(uses, self._capacity)[self._capacity :]
        is_late = np.zeros(len(both), bool)
        is_late[late] = True
        self._let_go(kept[is_late[: len(kept)]])
        return rows[~is_late[len(kept) :]]

    def _keep(self, rows, images):
        slots, self._free = np.split(self._free, [len(rows)])
        self._pixels[slots] = images
        self._slots[rows] = slots

    def _let_go(self, rows):
        self._free = np.concatenate([self._free, self._slots[rows]])
        self._slots[rows] = -1
