"""Estimators on images that stay on disk."""

import os
import signal
import subprocess
import sys
import threading
from textwrap import dedent

import h5py
import numpy as np
import pytest
import zarr
from PIL import Image
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from skorch.callbacks import Callback

from sklearn_cnn import CNNClassifier, CNNFeatures
from sklearn_cnn.augmentation import MixUp, RandomFlip
from sklearn_cnn.images import ImageFiles
from sklearn_cnn.inference import predictor, threads
from sklearn_cnn.inspection import FeatureMapDisplay
from sklearn_cnn.transforms import Resize

SMALL = {"filters": (4, 8), "max_iter": 2, "batch_size": 16, "random_state": 0}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Paths, pixels and labels of 60 JPEG files."""
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    paths = [folder / f"{i}.jpg" for i in range(60)]
    for path, label in zip(paths, y, strict=True):
        image = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        image[..., label] //= 2
        Image.fromarray(image).save(path)
    return paths, np.asarray(ImageFiles(paths)), y


def all_kinds(paths):
    yield ImageFiles(paths)
    yield ImageFiles(paths, n_workers=2)
    yield ImageFiles(paths, cache_bytes=20 * 768)
    pixels = np.asarray(ImageFiles(paths))
    yield ImageFiles.from_array(pixels)
    yield ImageFiles.from_shards(np.array_split(pixels, 3))
    store = zarr.storage.MemoryStore()
    chunks = zarr.create_array(store, data=pixels, chunks=(7, 5, 16, 3))
    yield ImageFiles.from_array(chunks)
    yield ImageFiles.from_array(chunks, cache_bytes=20 * 768)


def no_thread_is_left():
    return not [t for t in threading.enumerate() if "prefetch" in t.name]


@pytest.mark.parametrize("parameters", [{}, {"early_stopping": True}])
def test_same_bits_as_from_the_array(data, parameters):
    paths, pixels, y = data
    cnn = CNNClassifier(**SMALL, **parameters)
    expected = cnn.fit(pixels, y).predict_proba(pixels)
    for X in all_kinds(paths):
        cnn.fit(X, y)
        np.testing.assert_array_equal(cnn.predict_proba(X), expected)
        np.testing.assert_array_equal(cnn.predict_proba(pixels), expected)
        assert cnn.input_shape_ == (16, 16, 3) and cnn.n_features_in_ == 768
    assert no_thread_is_left()


@pytest.mark.parametrize("cost", [0, 1 << 60])
def test_same_predictions_on_one_thread_and_on_several(data, monkeypatch, cost):
    paths, pixels, y = data
    monkeypatch.setattr(threads, "_POOL_COST", cost)
    monkeypatch.setattr(predictor, "_PREDICTION_VALUES", 5 * 768)
    cnn = CNNClassifier(**SMALL).fit(pixels, y)
    expected = cnn.predict_proba(pixels)
    np.testing.assert_array_equal(cnn.predict_proba(ImageFiles(paths)), expected)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_search(data, n_jobs):
    paths, pixels, y = data
    search = GridSearchCV(
        CNNClassifier(**SMALL), {"dropout": [0, 0.3]}, cv=2, n_jobs=n_jobs
    )
    expected = search.fit(pixels, y).cv_results_["mean_test_score"]
    found = search.fit(ImageFiles(paths, cache_bytes=10**6), y)
    np.testing.assert_array_equal(found.cv_results_["mean_test_score"], expected)


def test_search_over_hdf5_in_two_processes(data, tmp_path):
    _, pixels, y = data
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["images"] = pixels
    with h5py.File(tmp_path / "data.h5") as file:
        X = ImageFiles.from_array(file["images"])
        found = cross_val_predict(CNNClassifier(**SMALL), X, y, cv=2, n_jobs=2)
    expected = cross_val_predict(CNNClassifier(**SMALL), pixels, y, cv=2)
    np.testing.assert_array_equal(found, expected)


def test_folds_of_shards_side_by_side_and_behind_a_step(data, tmp_path):
    _, pixels, y = data
    paths = [tmp_path / f"{i}.npy" for i in range(4)]
    for path, part in zip(paths, np.array_split(pixels, 4), strict=True):
        np.save(path, part)
    X = ImageFiles.from_shards(paths)
    pipeline = make_pipeline(Resize(8), CNNClassifier(**SMALL))
    for estimator in (CNNClassifier(**SMALL, n_networks=2), pipeline):
        expected = cross_val_predict(estimator, pixels, y, cv=2, method="predict_proba")
        found = cross_val_predict(estimator, X, y, cv=2, method="predict_proba")
        np.testing.assert_array_equal(found, expected)


class Seen(Callback):
    """Remembers the epochs that end, and stops a fit after one of them."""

    def __init__(self, epochs, last=None):
        self.epochs = epochs
        self.last = last

    def on_epoch_end(self, net, **_):
        self.epochs.append(len(net.history))
        if len(net.history) == self.last:
            raise RuntimeError("stop")


def test_a_fit_on_chunks_goes_on(data, tmp_path):
    _, pixels, y = data
    stored = zarr.create_array(tmp_path / "x.zarr", data=pixels, chunks=(7, 16, 16, 3))
    X = ImageFiles.from_array(tmp_path / "x.zarr", cache_bytes=20 * 768)
    cnn = CNNClassifier(**{**SMALL, "max_iter": 4})
    expected = cnn.fit(pixels, y).predict_proba(pixels)
    cnn.set_params(checkpoint_dir=tmp_path / "states")
    with pytest.raises(RuntimeError, match="stop"):
        clone(cnn).set_params(callbacks=[Seen([], 3)]).fit(X, y)
    epochs = []
    cnn.set_params(callbacks=[Seen(epochs)])
    # the same images, wherever they are
    for same in (ImageFiles.from_shards([stored]), X):
        found = cnn.fit(same, y).predict_proba(same)
        np.testing.assert_array_equal(found, expected)
    assert epochs == [3, 4]


def test_in_a_pipeline_and_as_validation_data(data):
    paths, pixels, y = data
    X = ImageFiles(paths)
    pipeline = make_pipeline(FunctionTransformer(), CNNClassifier(**SMALL))
    assert pipeline.fit(X, y).predict(X).shape == (60,)
    cnn = CNNClassifier(**SMALL)
    found = cnn.fit(X[:40], y[:40], X_val=X[40:], y_val=y[40:]).validation_scores_
    cnn.fit(pixels[:40], y[:40], X_val=pixels[40:], y_val=y[40:])
    assert found == cnn.validation_scores_


def test_features(data, remembered):
    paths, pixels, y = data
    features = CNNFeatures(estimator=CNNClassifier(**SMALL))
    found = features.fit(ImageFiles(paths), y).transform(ImageFiles(paths))
    np.testing.assert_array_equal(found, features.transform(pixels))
    assert len(remembered.arrays) == 1  # files and array are the same images


@pytest.mark.parametrize(
    "parameters",
    [
        {"augmentation": RandomFlip()},
        {"augmentation": MixUp()},
        {"class_weight": "balanced"},
    ],
    ids=str,
)
def test_same_bits_with_what_changes_batches(data, parameters):
    paths, pixels, y = data
    cnn = CNNClassifier(**SMALL, **parameters)
    expected = cnn.fit(pixels, y).predict_proba(pixels)
    found = cnn.fit(ImageFiles(paths), y).predict_proba(ImageFiles(paths))
    np.testing.assert_array_equal(found, expected)


def test_displays_read_what_they_show(data):
    paths, pixels, y = data
    bad = ImageFiles([*paths[:40], *["missing.jpg"] * 20])
    cnn = CNNClassifier(**SMALL).fit(pixels, y)
    found = FeatureMapDisplay.from_estimator(cnn, bad, sample=3)
    expected = FeatureMapDisplay.from_estimator(cnn, pixels, sample=3)
    assert repr(vars(found)) == repr(vars(expected))


def test_signals_on_disk():
    X = np.random.default_rng(0).normal(size=(30, 40))
    y = np.arange(30) % 2
    found = CNNClassifier(**SMALL).fit(ImageFiles.from_array(X), y)
    np.testing.assert_array_equal(
        found.predict_proba(ImageFiles.from_array(X)),
        CNNClassifier(**SMALL).fit(X, y).predict_proba(X),
    )


def test_not_all_images_are_in_memory_at_once(data):
    paths, _, y = data
    X = ImageFiles(paths)
    most, read = 0, X._source.read

    def watched(indices):
        nonlocal most
        most = max(most, len(indices))
        return read(indices)

    X._source.read = watched
    large, targets = X[np.arange(60).repeat(20)], y.repeat(20)
    CNNClassifier(**SMALL, input_scaling=None).fit(large, targets).predict(large)
    # several small batches are read together, and several predictions
    assert most < len(large) / 3


@pytest.mark.parametrize("input_scaling", ["standardize", None])
def test_a_bad_file_is_named_by_the_fit(data, tmp_path, input_scaling):
    paths, pixels, y = data
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(paths[7].read_bytes()[:-300])
    X = ImageFiles([*paths[:7], bad, *paths[8:]])
    cnn = CNNClassifier(**SMALL, input_scaling=input_scaling)
    with pytest.raises(ValueError, match=r"bad\.jpg.*[Tt]runcated"):
        cnn.fit(X, y)
    assert not hasattr(cnn, "net_") and no_thread_is_left()
    cnn.fit(pixels, y)
    with pytest.raises(ValueError, match=r"bad\.jpg.*[Tt]runcated"):
        cnn.predict(X)


def test_too_few_and_no_images(data):
    paths, pixels, y = data
    X = ImageFiles(paths)
    with pytest.raises(ValueError, match="minimum of 2 is required"):
        CNNClassifier(**SMALL).fit(X[:1], y[:1])
    with pytest.raises(ValueError, match="at least one sample"):
        CNNClassifier(**SMALL).fit(pixels, y).predict(X[:0])
    objects = ImageFiles.from_array(np.full((9, 4, 4), "a", dtype=object))
    with pytest.raises(ValueError, match="dtype object"):
        CNNClassifier(**SMALL).fit(objects, y[:9])


def test_other_shapes_at_predict(data):
    paths, pixels, y = data
    cnn = CNNClassifier(**SMALL).fit(pixels, y)
    with pytest.raises(ValueError, match=r"\(16, 16, 1\)"):
        cnn.predict(ImageFiles(paths, mode="L"))


_INTERRUPTED = """
    import os, signal, sys, threading, time
    from pathlib import Path
    from sklearn_cnn import CNNClassifier
    from sklearn_cnn.images import ImageFiles
    from skorch.callbacks import Callback

    class Begun(Callback):
        def on_batch_end(self, net, **kwargs):
            if len(net.history) == 2:
                print("training", flush=True)

    if __name__ == "__main__":
        signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored
        paths = sorted(Path(sys.argv[1]).iterdir())
        X, y = ImageFiles(paths, n_workers=2), [i % 3 for i in range(len(paths))]
        cnn = CNNClassifier(max_iter=10**6, batch_size=8, callbacks=[Begun()])
        try:
            cnn.fit(X, y)
        except KeyboardInterrupt as interrupt:  # kept, as a notebook keeps it
            names = [thread.name for thread in threading.enumerate()]
            children = Path(f"/proc/self/task/{os.getpid()}/children")
            left = children.read_text() if children.exists() else ""
            print("left", names, repr(left), hasattr(cnn, "net_"), flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="sends a signal to a process")
def test_ctrl_c_leaves_nothing_behind(data, tmp_path):
    script = tmp_path / "fit.py"
    script.write_text(dedent(_INTERRUPTED))
    command = [sys.executable, str(script), str(data[0][0].parent)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout.readline() == "training\n"
        process.send_signal(signal.SIGINT)
        lines = process.communicate(timeout=60)[0].splitlines()
    assert process.returncode == 0
    assert lines[-1] == "left ['MainThread'] '' False"
