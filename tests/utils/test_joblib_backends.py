"""Searches on a cluster of Dask: two processes of one thread each, on this machine."""

import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading

import joblib
import numpy as np
import pytest
import rich
import torch
from sklearn.base import clone
from sklearn.callback import ProgressBar
from sklearn.datasets import load_digits
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GridSearchCV, cross_validate

from sklearn_cnn import CNNClassifier
from sklearn_cnn.comparison import compare_estimators
from sklearn_cnn.images import ImageFiles
from sklearn_cnn.images.parallel import threads_here, threads_of
from sklearn_cnn.utils.joblib_backends import register_dask, register_ray

distributed = pytest.importorskip("distributed", reason="needs the extra dask")

SMALL = CNNClassifier(filters=(4,), max_iter=2, random_state=0)
SEARCH = GridSearchCV(SMALL, {"dropout": [0.0, 0.2, 0.4]}, cv=2, refit=False)


@pytest.fixture(scope="module")
def client():
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture
def on_dask(client):
    register_dask()
    client.wait_for_workers(2)
    with joblib.parallel_config(backend="dask"):
        yield client


def scores(data, **parameters):
    fitted = clone(SEARCH).set_params(**parameters).fit(*data)
    return fitted.cv_results_["mean_test_score"]


@pytest.fixture(scope="module")
def data():
    X, y = load_digits(return_X_y=True)
    return X[:300].reshape(-1, 8, 8, 1), y[:300]


@pytest.fixture(scope="module")
def alone(data):
    return scores(data)


def test_without_a_cluster_joblib_says_what_to_do(data):
    register_dask()
    with (
        pytest.raises(ValueError, match="first create a Dask Client"),
        joblib.parallel_config(backend="dask"),
    ):
        scores(data)


@pytest.mark.parametrize("name", ["dask", "ray"])
def test_a_backend_that_is_missing_names_its_extra(monkeypatch, name):
    register = {"dask": register_dask, "ray": register_ray}[name]
    module = f"sklearn_cnn.utils.joblib_backends._{name}"
    monkeypatch.delitem(sys.modules, module, raising=False)
    for package in ("distributed", "ray"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"pip install 'sklearn_cnn\[{name}\]'"):
        register()


def test_a_search_gives_the_same_bits(on_dask, data, alone):
    np.testing.assert_array_equal(scores(data), alone)


def test_cross_validate_gives_the_same_networks(on_dask, data):
    def weights():
        found = cross_validate(SMALL, *data, cv=2, return_estimator=True)
        return [e.module_.state_dict() for e in found["estimator"]]

    there = weights()
    with joblib.parallel_config(backend="sequential"):
        here = weights()
    for one, other in zip(here, there, strict=True):
        for name, value in one.items():
            assert torch.equal(value, other[name])


def test_a_comparison_runs_there_and_gives_the_same_table(on_dask, data):
    def process(estimator, X, y):
        return os.getpid()

    def n_threads(estimator, X, y):
        return torch.get_num_threads()

    scoring = {"accuracy": "accuracy", "process": process, "threads": n_threads}
    options = {"cv": 2, "random_state": 0, "scoring": scoring}
    models = {"CNN": SMALL}
    there = compare_estimators(models, *data, **options)
    with joblib.parallel_config(backend="sequential"):
        here = compare_estimators(models, *data, **options)
    assert there.filter(like="accuracy").equals(here.filter(like="accuracy"))
    folds = there.attrs["folds"]
    workers = set(on_dask.run(os.getpid).values())
    assert {fold["test_process"] for fold in folds} <= workers
    assert {fold["test_threads"] for fold in folds} == {1}


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


@pytest.mark.skipif(sys.platform != "linux", reason="counts by /proc and TCP_INFO")
def test_X_comes_to_each_worker_once(on_dask):
    X = np.random.default_rng(0).random((1024, 32, 32), np.float32)
    X, y = np.concatenate([X, X]), np.arange(2048) % 2
    many = GridSearchCV(DummyClassifier(), {"random_state": range(6)}, cv=2)
    before = on_dask.run(received)
    many.fit(X, y)
    after = on_dask.run(received)
    assert X.nbytes == 8 << 20
    for worker, count in after.items():
        assert X.nbytes <= count - before[worker] < 1.1 * X.nbytes


def faults():
    """Count how often the system is asked for memory for 100 arrays in turn."""
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(100):
        np.ones(1 << 20, np.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(sys.platform != "linux", reason="counts by getrusage and glibc")
def test_workers_keep_the_memory_of_arrays(on_dask, data):
    """Dask has them give it back at once, page by page: 256 for each array."""
    scores(data)
    assert max(on_dask.run(faults).values()) < 5000


def test_paths_come_to_each_worker_once_too():
    """What is larger than 1,000 bytes, by its own account, is not sent by task."""
    X = np.zeros((1000, 2, 2), np.uint8)
    assert sys.getsizeof(ImageFiles.from_array(X)) > 1000


def test_each_worker_has_its_share_of_the_threads(client):
    assert set(client.run(torch.get_num_threads).values()) == {1}
    assert set(client.run(threads_here).values()) == {1}


def test_threads_are_not_those_of_the_whole_cluster(on_dask):
    assert joblib.effective_n_jobs(3) == 2
    assert [threads_of(n_jobs) for n_jobs in (None, 1, 3)] == [1, 1, 3]


def test_what_cannot_be_sent_is_named(on_dask, data):
    lock = threading.Lock()

    def locked(estimator, X, y):
        with lock:
            return estimator.score(X, y)

    with pytest.raises(TypeError, match=r"sent to a worker \(cannot pickle.*lock'"):
        scores(data, scoring=locked)


def test_errors_of_fits_are_those_of_the_fit(on_dask, data):
    with pytest.raises(ValueError, match="The 'filters' parameter"):
        scores(data, estimator__filters=0, error_score="raise")


def test_other_versions_are_refused(on_dask, data, tmp_path):
    metadata = tmp_path / "torch-1.0.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: torch\nVersion: 1.0\n")
    command = [sys.executable, "-m", "distributed.cli.dask_worker", "--no-nanny"]
    other = subprocess.Popen(
        [*command, "--no-dashboard", on_dask.scheduler.address],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stderr=subprocess.DEVNULL,
    )
    try:
        on_dask.wait_for_workers(3)
        with pytest.raises(RuntimeError, match=r"has torch 1\.0\. Install these"):
            scores(data)
    finally:
        other.terminate()
        other.wait()


def test_bars_of_epochs_nest_in_those_of_the_search(on_dask, data, capsys, monkeypatch):
    monkeypatch.setattr(rich.get_console(), "width", 100)  # that of all bars
    clone(SEARCH).set_callbacks(ProgressBar()).fit(*data)
    bars = [line for line in capsys.readouterr().out.splitlines() if "100%" in line]
    assert sum("CNNClassifier - fit" in bar for bar in bars) == 6
    assert len(bars) == 8 and all(re.search(r" \d:\d\d:\d\d$", bar) for bar in bars)


def kill_a_lone_holder(client, killed):
    """Kill the first worker that holds an array which no other worker has."""
    pids = client.run(os.getpid)
    while not killed:
        for key, workers in client.who_has().items():
            if key.startswith("ndarray") and len(workers) == 1:
                os.kill(pids[workers[0]], signal.SIGKILL)
                killed.append(key)
                return


def test_a_worker_that_is_killed_costs_time_alone(on_dask, data, alone):
    killer = threading.Thread(target=kill_a_lone_holder, args=(on_dask, killed := []))
    killer.start()
    np.testing.assert_array_equal(scores(data), alone)
    killer.join()
    assert killed
