"""Hashes of images, by which the same ones are known again."""

import hashlib
import os
from math import prod

import numpy as np

from sklearn_cnn.images.arrays import in_turn, take_rows

#: Bytes of images that are hashed at a time.
_CHUNK = 1 << 24


def add_pixels(key, images, rows=None):
    """Add the pixels of some rows, or all, to a hash."""
    rows = np.arange(len(images)) if rows is None else rows
    for taken in _chunks(images, rows):
        key.update(f"{taken.dtype}{taken.shape}".encode())
        key.update(taken)


def _chunks(images, rows):
    row_bytes = max(1, images.dtype.itemsize * prod(images.shape[1:]))
    step = max(1, _CHUNK // row_bytes)
    chunks = [rows[start : start + step] for start in range(0, len(rows), step)]
    images = in_turn(images, chunks)
    for chunk in chunks:
        yield take_rows(images, chunk)


def row_digests(images, rows):
    """Hash the pixels of each row by itself."""
    digests = []
    for chunk in _chunks(images, rows):
        for image in chunk:
            key = hashlib.sha256(f"{image.dtype}{image.shape}".encode())
            key.update(image)
            digests.append(key.digest())
    return digests


def digest(images):
    """Hash images; files by their paths, sizes and times, which takes no decoding."""
    key = hashlib.sha256()
    paths = getattr(images, "paths", None)
    if paths is None:
        add_pixels(key, images)
        return key.hexdigest()
    key.update(repr((images, *images._source.reading.of_pixels)).encode())
    for path in paths:
        facts = os.stat(path)
        key.update(repr((path, facts.st_size, facts.st_mtime_ns)).encode())
    return key.hexdigest()
