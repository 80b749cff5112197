"""Bytes that an epoch in random order reads of arrays in chunks: prints the figures.

Run from the root of the repository (two minutes, 20 MB of room)::

    python tests/benchmarks/chunks.py

A zarr array of 20,000 images of 32x32 in chunks of 100 is served over HTTP on this
machine, and two epochs are fitted with each ``cache_bytes``. The server counts what it
sends.
"""

import argparse
import functools
import tempfile
import threading
import time
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import zarr
from _measure import machine

from sklearn_cnn import CNNClassifier
from sklearn_cnn.images import ImageFiles

N, SIDE, CHUNK = 20_000, 32, 100
EPOCHS = 2


class Counting(SimpleHTTPRequestHandler):
    """Count requests for chunks, and the bytes that answer them."""

    requests, sent = 0, 0
    _lock = threading.Lock()

    def copyfile(self, source, outputfile):
        """Send a file."""
        content = source.read()
        with self._lock:
            Counting.requests += "/c/" in self.path
            Counting.sent += len(content) if "/c/" in self.path else 0
        outputfile.write(content)

    def log_message(self, *args):
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """Keeps many requests waiting: those without a place try again after a second."""

    request_queue_size = 100


@contextmanager
def served(folder):
    """Serve a folder; yields its URL."""
    handler = functools.partial(Counting, directory=folder)
    with Server(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def read_by_fit(X, y):
    """Fit; give times that each chunk was read in an epoch, MiB sent, and seconds."""
    requests, sent, start = Counting.requests, Counting.sent, time.perf_counter()
    cnn = CNNClassifier(
        filters=(4,), stride=2, max_iter=EPOCHS, input_scaling=None, random_state=0
    )
    cnn.fit(X, y)
    seconds = time.perf_counter() - start
    times = (Counting.requests - requests) / (N // CHUNK) / EPOCHS
    return cnn, times, (Counting.sent - sent) / 2**20 / EPOCHS, seconds


def main():
    """Print all figures."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    print(machine())
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (N, SIDE, SIDE), dtype=np.uint8)
    y = np.arange(N) % 2
    expected, *_, seconds = read_by_fit(pixels, y)
    expected = expected.predict_proba(pixels[:1000])
    print(
        f"{pixels.nbytes / 2**20:.1f} MiB; {EPOCHS} epochs in memory: {seconds:.1f} s"
    )
    with tempfile.TemporaryDirectory() as folder, served(folder) as url:
        zarr.create_array(f"{folder}/x.zarr", data=pixels, chunks=(CHUNK, SIDE, SIDE))
        print("cache/data  reads of a chunk per epoch  MiB per epoch  seconds")
        for share in (0, 0.05, 0.1, 0.25, 0.5, 1):
            cache_bytes = int(share * pixels.nbytes)
            X = ImageFiles.from_array(f"{url}/x.zarr", cache_bytes=cache_bytes)
            cnn, times, sent, seconds = read_by_fit(X, y)
            same = np.array_equal(cnn.predict_proba(pixels[:1000]), expected)
            print(f"{share:10} {times:27.2f} {sent:14.1f} {seconds:8.1f}  same: {same}")


if __name__ == "__main__":
    main()
