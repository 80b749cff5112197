"""Arrays in shards and in chunks, on this machine and behind URLs."""

import os
import pickle
import shutil
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import h5py
import joblib
import numpy as np
import pytest
import zarr
from zarr.storage import LocalStore, WrapperStore

from sklearn_cnn import CNNClassifier
from sklearn_cnn.images import ImageFiles, in_turn, sources, take_rows
from sklearn_cnn.images import shards as shards_module

N, CHUNK = 200, 8
SMALL = {"filters": (4,), "max_iter": 2, "batch_size": 16, "random_state": 0}


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(0).integers(1, 256, (N, 6, 5), dtype=np.uint8)


@pytest.fixture
def npy(tmp_path, pixels):
    """Paths of three files, of 90, 1 and 109 rows."""
    paths = [tmp_path / f"{i}.npy" for i in range(3)]
    for path, part in zip(paths, np.split(pixels, [90, 91]), strict=True):
        np.save(path, part)
    return paths


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 100  # those that find no place try again after a second


@contextmanager
def served(folder):
    """A folder of this machine behind HTTP."""
    with Server(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class Counting(WrapperStore):
    """Counts the chunks that are read."""

    n_read = 0

    async def get(self, key, *args, **kwargs):
        Counting.n_read += "c/" in key
        return await super().get(key, *args, **kwargs)


def stored(store, pixels, chunk=CHUNK):
    return zarr.create_array(store, data=pixels, chunks=(chunk, *pixels.shape[1:]))


def read_order(X, seed=0, step=16):
    """Read all in random order, as an epoch does, and give it with that order."""
    order = np.random.default_rng(seed).permutation(len(X))
    chunks = np.split(order, range(step, len(X), step))
    X = in_turn(X, chunks)
    return order, np.concatenate([take_rows(X, chunk) for chunk in chunks])


# --- shards ---------------------------------------------------------------------------


def of_paths(folder, parts, paths):
    return paths


def of_arrays(folder, parts, paths):
    return parts


def of_maps(folder, parts, paths):
    return [np.load(path, mmap_mode="r") for path in paths]


def of_zarr(folder, parts, paths):
    for i, part in enumerate(parts):
        stored(folder / f"{i}.zarr", part)
    return [str(folder / f"{i}.zarr") for i in range(3)]


def of_all_kinds(folder, parts, paths):
    file = h5py.File(folder / "data.h5", "w")
    file.create_dataset("x", data=parts[0], chunks=(7, 6, 5))
    file.close()
    dataset = h5py.File(folder / "data.h5")["x"]
    return dataset, paths[1], stored(folder / "x.zarr", parts[2])


@pytest.mark.parametrize("cache_bytes", [None, 0, 40 * 30])
@pytest.mark.parametrize("kind", [of_paths, of_arrays, of_maps, of_zarr, of_all_kinds])
def test_shards_are_one_array(tmp_path, pixels, npy, kind, cache_bytes):
    parts = np.split(pixels, [90, 91])
    shards = kind(tmp_path, parts, npy)
    X = ImageFiles.from_shards(shards, cache_bytes=cache_bytes)
    assert X.shape == pixels.shape and X.dtype == np.uint8
    for rows in (
        [3, 95, 90, 90, 199, 3],
        slice(80, 120),
        slice(None, None, -7),
        [],
    ):
        np.testing.assert_array_equal(X[rows], pixels[rows])
    for _ in range(2):
        order, found = read_order(X)
        np.testing.assert_array_equal(found, pixels[order])
    order, found = read_order(X[150:20:-1])
    np.testing.assert_array_equal(found, pixels[150:20:-1][order])
    with pytest.raises(AttributeError, match="no paths"):
        _ = X.paths
    if kind is not of_arrays:
        assert len(pickle.dumps(X)) < 6_000
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(X[::-1])), pixels[::-1])
    assert joblib.hash(X) == joblib.hash(pickle.loads(pickle.dumps(X)))


def test_processes_read_shards(tmp_path, pixels, npy):
    X = ImageFiles.from_shards(of_all_kinds(tmp_path, np.split(pixels, [90, 91]), npy))
    (read,) = joblib.Parallel(2)([joblib.delayed(np.asarray)(X[::-1])])
    np.testing.assert_array_equal(read, pixels[::-1])


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts open files")
def test_many_shards_are_not_all_open(tmp_path, pixels, monkeypatch):
    for i in range(50):
        np.save(tmp_path / f"{i:02}.npy", pixels[4 * i : 4 * i + 4])
    before = len(os.listdir("/proc/self/fd"))
    X = ImageFiles.from_shards(sorted(tmp_path.glob("*.npy")))
    assert len(os.listdir("/proc/self/fd")) == before
    monkeypatch.setattr(shards_module, "_MOST_OPEN", 20)
    np.testing.assert_array_equal(X, pixels)
    assert len(os.listdir("/proc/self/fd")) == before
    np.testing.assert_array_equal(X[::-1], pixels[::-1])


def test_a_fit_lists_shards_that_are_gone(npy, pixels, tmp_path):
    y = np.arange(N) % 2
    stored(tmp_path / "x.zarr", pixels[:9])
    X = ImageFiles.from_shards([*npy, tmp_path / "x.zarr"])
    npy[1].unlink()
    np.save(npy[2], pixels[:50])
    shutil.rmtree(tmp_path / "x.zarr")
    with pytest.raises(ValueError, match="3 shards cannot be used") as caught:
        CNNClassifier(**SMALL).fit(X, np.append(y, y[:9]))
    assert all(f"{name}'" in str(caught.value) for name in ("1.npy", "2.npy", "x.zarr"))
    assert "No such file" in str(caught.value) and "Keep" in str(caught.value)
    with pytest.raises(ValueError, match=r"1\.npy' cannot be opened"):
        X[np.arange(91)].check_files()
    X[:90].check_files()


@pytest.mark.parametrize(
    "bad, message",
    [
        ("a.npy", "is no list of arrays or paths.*from_array"),
        (3, "is no list"),
        ({"a.npy"}, "shards is a set, which has no order"),
        (np.zeros((3, 4, 4)), r"one array, of shape \(3, 4, 4\).*from_array"),
        ([], "is empty"),
        (["none.npy"], r"shards\[0\]: .*none\.npy'.*No such file"),
        ([np.zeros((2, 4)), np.zeros(3)], r"shards\[1\]: .*two axes"),
        (
            [np.zeros((2, 4)), np.zeros((2, 5)), np.zeros((9, 4), np.float32)],
            r"(?s)shards\[0\].*2 of 3.*\[1\].*\(5,\).*\[2\].*float32.*one shape",
        ),
    ],
    ids=str,
)
def test_bad_shards(bad, message):
    with pytest.raises(ValueError, match=message):
        ImageFiles.from_shards(bad)


# --- chunks ---------------------------------------------------------------------------


def reads_of_an_epoch(tmp_path, pixels, cache_bytes, epochs=1):
    stored(tmp_path / "x.zarr", pixels)
    store = Counting(LocalStore(tmp_path / "x.zarr", read_only=True))
    X = ImageFiles.from_array(zarr.open_array(store, mode="r"), cache_bytes=cache_bytes)
    Counting.n_read = 0
    for seed in range(epochs):
        order, found = read_order(X, seed)
        np.testing.assert_array_equal(found, pixels[order])
    return Counting.n_read


def test_chunks_are_read_for_many_rows_at_once(tmp_path, pixels, monkeypatch):
    monkeypatch.setattr(sources, "_READ_BYTES", 3 * CHUNK * 30)
    n_chunks = N // CHUNK
    assert reads_of_an_epoch(tmp_path / "0", pixels, 0) > 5 * n_chunks
    for share in (0.25, 0.5):
        n_read = reads_of_an_epoch(tmp_path / str(share), pixels, int(share * N * 30))
        assert n_read <= n_chunks / share + n_chunks
    assert reads_of_an_epoch(tmp_path / "1", pixels, N * 30 - 1) == n_chunks
    # what fits is read once in all
    assert reads_of_an_epoch(tmp_path / "all", pixels, None, epochs=3) == n_chunks


def test_threads_that_take_chunks_out_of_turn_get_their_rows(tmp_path, pixels):
    X = ImageFiles.from_array(stored(tmp_path / "x", pixels), cache_bytes=50 * 30)
    order = np.random.default_rng(0).permutation(N)
    # also rows that are asked for twice
    chunks = [*np.split(order, 20), order[:9], np.array([4, 4])]
    view = in_turn(X, chunks)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(partial(take_rows, view), chunks[::-1]))
    for rows, images in zip(chunks[::-1], found, strict=True):
        np.testing.assert_array_equal(images, pixels[rows])
    np.testing.assert_array_equal(take_rows(view, chunks[0]), pixels[chunks[0]])


# --- behind URLs ----------------------------------------------------------------------


def test_zarr_in_memory_of_fsspec(pixels):
    stored("memory://images.zarr", pixels)
    X = ImageFiles.from_array("memory://images.zarr")
    np.testing.assert_array_equal(X[::-3], pixels[::-3])
    blank = np.zeros((9, 6, 5), np.float32)
    stored("memory://blank.zarr", blank)
    np.testing.assert_array_equal(ImageFiles.from_array("memory://blank.zarr"), blank)
    # the memory of another process holds nothing, which are no black images
    with pytest.raises(ValueError, match=r"images\.zarr' cannot be opened any more"):
        joblib.Parallel(2)([joblib.delayed(np.asarray)(X)])


def test_zarr_over_http(tmp_path, pixels):
    for i in range(2):
        stored(tmp_path / f"{i}.zarr", pixels[100 * i :][:100])
    with served(tmp_path) as url:
        X = ImageFiles.from_shards(
            [f"{url}/0.zarr", f"{url}/1.zarr"], cache_bytes=50 * 30
        )
        order, found = read_order(X)
        np.testing.assert_array_equal(found, pixels[order])
        (read,) = joblib.Parallel(2)([joblib.delayed(np.asarray)(X[::-1])])
        np.testing.assert_array_equal(read, pixels[::-1])
        shutil.rmtree(tmp_path / "1.zarr")
        np.testing.assert_array_equal(X[50], pixels[50])
        with pytest.raises(
            ValueError, match=r"1\.zarr' cannot be opened any more.*Keep"
        ):
            X[150]
        with pytest.raises(ValueError, match=r"1\.zarr' cannot be opened any more"):
            X.check_files()


def test_a_server_that_is_gone(tmp_path, pixels):
    stored(tmp_path / "x.zarr", pixels)
    with served(tmp_path) as url:
        X = ImageFiles.from_array(f"{url}/x.zarr")
    with pytest.raises(ValueError, match=r"x\.zarr' cannot be opened any more: Client"):
        CNNClassifier(**SMALL).fit(X, np.arange(N) % 2)
    with pytest.raises(ValueError, match=r"x\.zarr' cannot be read.*checkpoint_dir"):
        X[0]
    with pytest.raises(ValueError, match=r"cannot be opened: Client.*can be reached"):
        ImageFiles.from_array(f"{url}/x.zarr")


def test_paths_that_lead_to_no_array(tmp_path, npy, monkeypatch):
    (tmp_path / "text.npy").write_text("text")
    np.save(tmp_path / "objects.npy", np.array([[{}], [3]]), allow_pickle=True)
    zarr.create_group(tmp_path / "group.zarr")
    for path, message in (
        (tmp_path / "none.zarr", "none.zarr.*FileNotFoundError"),
        (tmp_path / "group.zarr", "group.zarr' cannot be opened"),
        (tmp_path / "text.npy", "text.npy' cannot be opened"),
        (tmp_path / "objects.npy", "objects.npy' cannot be opened"),
        ("nothing://x.zarr", "Protocol not known"),
        ("http://127.0.0.1:9/x.npy", "npy file on this machine, or"),
    ):
        with pytest.raises(ValueError, match=message):
            ImageFiles.from_array(path)
    with pytest.raises(ValueError, match="are for URLs"):
        ImageFiles.from_array(np.zeros((3, 4)), storage_options={"key": 1})
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(ImportError, match=r"sklearn_cnn\[zarr\]"):
        ImageFiles.from_array("memory://x")
    assert len(ImageFiles.from_array(npy[0])) == 90
