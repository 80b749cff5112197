"""What many fits cost on Dask and Ray beside joblib's processes: prints the figures.

Run from the root of the repository::

    python tests/benchmarks/many_fits.py                               # 10 minutes
    python tests/benchmarks/many_fits.py --fits 12 --rounds 1 --no-ray # 2 minutes

Two processes of one thread each do the fits everywhere. Needs ``pip install
'sklearn_cnn[dask]'``, and 3 GB of memory; Ray takes part if it is installed. "joblib"
are the backends of joblib and Ray as they come, without those of
``sklearn_cnn.utils.joblib_backends``.
"""

import argparse
import os
import socket
import struct
import time
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec

import joblib
import numpy as np
from _measure import interleaved, machine, rows, show
from dask.distributed import Client, LocalCluster
from joblib._dask import DaskDistributedBackend
from sklearn.model_selection import GridSearchCV, ShuffleSplit

from sklearn_cnn import CNNClassifier
from sklearn_cnn.utils.joblib_backends import register_dask, register_ray

TASKS = ["bytes", "overhead"]


@contextmanager
def dask():
    """A cluster of two processes."""
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    with LocalCluster(**options) as cluster, Client(cluster) as client:
        yield client


@contextmanager
def ray():
    """Ray with two processes."""
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        yield
    finally:
        ray.shutdown()


def received():
    """Count the bytes that came into this process by each of its open connections."""
    total = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            with socket.socket(fileno=os.dup(int(name))) as connection:
                level = socket.IPPROTO_TCP, socket.TCP_INFO
                info = connection.getsockopt(*level, 256)
        except OSError:  # no connection, or closed meanwhile
            continue
        total += struct.unpack_from("Q", info, 128)[0]
    return total


class Counted(np.ndarray):
    """An array that counts how often it is pickled in the process that has it."""

    n_pickled = 0

    def __reduce_ex__(self, protocol):
        Counted.n_pickled += 1
        return np.asarray(self).__reduce_ex__(protocol)


def transfers(mebibytes, with_ray):
    """How often X goes to a worker in a search of 12 fits."""
    X = np.zeros((mebibytes << 10, 16, 16, 1), np.float32)
    y = np.arange(len(X)) % 2
    folds = ShuffleSplit(3, train_size=64, test_size=64, random_state=0)
    cnn = CNNClassifier(filters=(4,), max_iter=1, random_state=0)
    grid = {"dropout": [0.0, 0.1, 0.2, 0.3]}
    search = GridSearchCV(cnn, grid, cv=folds, refit=False)
    print(f"X of {mebibytes} MiB, 12 fits")

    def joblibs_dask():
        joblib.register_parallel_backend("dask", DaskDistributedBackend)

    for name, register in {"joblib": joblibs_dask, "own": register_dask}.items():
        register()
        with dask() as client, joblib.parallel_config(backend="dask"):
            before = client.run(received)
            start = time.perf_counter()
            search.fit(X, y)
            elapsed = time.perf_counter() - start
            after = client.run(received)
        shares = [(after[w] - before[w]) / X.nbytes for w in after]
        by_worker = " and ".join(f"{share:.2f}" for share in shares)
        print(f"dask, {name}: {by_worker} times X, by worker; {elapsed:.1f} s")
    if not with_ray:
        return
    from ray.util.joblib import register_ray as rays_own

    for name, register in {"joblib": rays_own, "own": register_ray}.items():
        register()
        with ray(), joblib.parallel_config(backend="ray", n_jobs=2):
            Counted.n_pickled = 0
            start = time.perf_counter()
            search.fit(X.view(Counted), y)
            elapsed = time.perf_counter() - start
        print(f"ray, {name}: X pickled {Counted.n_pickled} times; {elapsed:.1f} s")


def overhead(n_fits, seconds, rounds, with_ray):
    """Seconds of one search on each, in turn."""
    X = np.random.default_rng(0).random((2000, 28, 28), np.float32)
    y = np.arange(len(X)) % 10
    folds = ShuffleSplit(3, test_size=200, random_state=0)
    cnn = CNNClassifier(filters=(8, 16), max_iter=1, random_state=0)
    start = time.perf_counter()
    cnn.fit(X, y).set_params(max_iter=4).fit(X, y)
    epoch = (time.perf_counter() - start) / 5
    cnn.set_params(max_iter=max(1, round(seconds / epoch)))
    grid = {"dropout": np.linspace(0, 0.5, n_fits // 3).tolist()}
    search = GridSearchCV(cnn, grid, cv=folds, refit=False)
    found = {}

    def run(backend, **options):
        def fit():
            with joblib.parallel_config(backend=backend, **options):
                found[backend] = search.fit(X, y).cv_results_["mean_test_score"]

        return fit

    with ExitStack() as clusters:
        clusters.enter_context(dask())
        register_dask()
        contenders = {"dask": run("dask"), "loky": run("loky", n_jobs=2)}
        if with_ray:
            clusters.enter_context(ray())
            register_ray()
            contenders["ray"] = run("ray", n_jobs=2)
        task = f"{n_fits} fits of about {seconds:g} s, two processes"
        table = rows(task, interleaved(contenders, rounds), {"loky": 1.15})
    show(table)
    same = all(np.array_equal(scores, found["loky"]) for scores in found.values())
    print(f"the same scores, bit by bit: {same}")


def main():
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=TASKS)
    parser.add_argument("--mebibytes", type=int, default=500)
    parser.add_argument("--fits", type=int, default=36)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-ray", action="store_true")
    arguments = parser.parse_args()
    with_ray = not arguments.no_ray and find_spec("ray") is not None
    print(machine())
    if "bytes" in arguments.tasks:
        transfers(arguments.mebibytes, with_ray)
    if "overhead" in arguments.tasks:
        sizes = arguments.fits, arguments.seconds, arguments.rounds
        overhead(*sizes, with_ray)


if __name__ == "__main__":
    main()
