"""Decoded images, kept up to a number of bytes."""

import threading

import numpy as np


class ImageCache:
    """The first images that were read, as many as fit into ``max_bytes``.

    None is ever dropped for another one: where all images are read once in each epoch,
    in changing order, that finds more of them than dropping the least recently used
    would, and costs nothing.
    """

    def __init__(self, max_bytes, n_images, image_shape, dtype):
        self._arguments = (max_bytes, n_images, image_shape, dtype)
        image_bytes = int(np.prod(image_shape)) * dtype.itemsize
        capacity = min(n_images, max_bytes // image_bytes)
        # the system gives memory only as it is written
        self._pixels = np.empty((capacity, *image_shape), dtype)
        self._slots = np.full(n_images, -1)
        self._n_kept = 0
        self._lock = threading.Lock()

    def __reduce__(self):
        # another process, or a copy, begins with an empty one
        return type(self), self._arguments

    def read(self, indices, read):
        """Look images up, and read those that are not there by ``read(indices)``.

        The result is new memory.
        """
        with self._lock:
            slots = self._slots[indices]
        found = slots >= 0
        if found.all():
            return self._pixels[slots]
        fresh = read(indices[~found])
        self.keep(indices[~found], fresh)
        if not found.any():
            return fresh
        images = np.empty((len(indices), *fresh.shape[1:]), fresh.dtype)
        images[found] = self._pixels[slots[found]]
        images[~found] = fresh
        return images

    def keep(self, indices, images):
        """Take images that were read, as far as there is room."""
        indices, places = np.unique(indices, return_index=True)
        with self._lock:
            # another thread may have read them meanwhile
            new = np.flatnonzero(self._slots[indices] < 0)
            new = new[: len(self._pixels) - self._n_kept]
            slots = self._n_kept + np.arange(len(new))
            self._pixels[slots] = images[places[new]]
            self._slots[indices[new]] = slots
            self._n_kept += len(new)
