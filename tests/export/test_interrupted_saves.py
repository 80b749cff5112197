"""A save that is killed, or finds no room, leaves the old file and the model whole."""

import os
import subprocess
import sys
import tempfile

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits

from sklearn_cnn import CNNClassifier, save

X, y = load_digits(return_X_y=True)
IMAGES, y = X[:60].reshape(-1, 8, 8), y[:60]
CNN = CNNClassifier(
    filters=(8,),
    hidden_layer_sizes=(2000, 500),
    global_pooling="flatten",
    max_iter=1,
    random_state=0,
)

# forks what saves one of two models after the other, as an import takes seconds
_KILLING = """
import os, pathlib, random, signal, sys, time
import torch
import sklearn_cnn
torch.set_num_threads(1)
first, second, path = map(pathlib.Path, sys.argv[1:])
models = [sklearn_cnn.load(first), sklearn_cnn.load(second)]
weights = [model.module_.head.output.weight for model in models]
sklearn_cnn.save(models[0], path)
begun = time.perf_counter()
sklearn_cnn.save(models[1], path)
seconds = time.perf_counter() - begun
rng, found, cut_off = random.Random(0), set(), 0
for _ in range(20):
    child = os.fork()
    if not child:
        while True:
            for model in models:
                sklearn_cnn.save(model, path)
    time.sleep(seconds * rng.uniform(0.2, 4))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    loaded = sklearn_cnn.load(path).module_.head.output.weight
    same = [torch.equal(loaded, known) for known in weights]
    assert sum(same) == 1
    found.add(same.index(True))
    for leftover in path.parent.glob(".*.tmp"):
        cut_off += 1
        leftover.unlink()
print(len(found), cut_off)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and kill -9")
def test_a_killed_save_leaves_a_whole_file(tmp_path):
    given = [tmp_path / "first", tmp_path / "second"]
    for i, path in enumerate(given):
        save(clone(CNN).set_params(random_state=i).fit(IMAGES, y), path)
    command = [sys.executable, "-c", _KILLING, *given, tmp_path / "model.cnn"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found, cut_off = map(int, done.stdout.split())
    assert found == 2 and cut_off > 0  # some were hit while they wrote


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits of POSIX")
def test_no_room_is_one_clear_error(tmp_path):
    code = """
import errno, os, resource, signal, sys
import numpy as np, sklearn_cnn
path = sys.argv[1]
model = sklearn_cnn.load(path)
images = np.random.default_rng(0).random((5, 8, 8))
before, content = model.predict_proba(images), open(path, "rb").read()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
for limit in (0, 10_000, 1_000_000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        sklearn_cnn.save(model, path)
    except OSError as error:
        assert error.errno == errno.EFBIG, error
        assert "Make room there" in str(error) and "nothing in memory" in str(error)
    else:
        sys.exit("saved")
    assert open(path, "rb").read() == content
    assert (model.predict_proba(images) == before).all()
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
sklearn_cnn.save(model, path)
"""
    save(clone(CNN).fit(IMAGES, y), tmp_path / "model.cnn")
    subprocess.run([sys.executable, "-c", code, tmp_path / "model.cnn"], check=True)
    assert os.listdir(tmp_path) == ["model.cnn"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs users of POSIX")
def test_a_directory_without_permission_is_one_clear_error():
    code = """
import os, sys
from importlib import metadata
import sklearn_cnn
path = sys.argv[1]
model = sklearn_cnn.load(path)
metadata.version("torch")  # loads modules, which another user may not
if os.geteuid() == 0:
    os.setuid(65534)  # root may write anywhere
try:
    sklearn_cnn.save(model, path)
except PermissionError as error:
    assert "Permission denied" in str(error) and "may be written to" in str(error)
else:
    sys.exit("saved")
sklearn_cnn.save(model, sys.argv[2])
"""
    # pytest's own directories are closed to other users
    with tempfile.TemporaryDirectory() as closed, tempfile.TemporaryDirectory() as open:
        os.chmod(open, 0o777)
        path = os.path.join(closed, "model.cnn")
        save(clone(CNN).fit(IMAGES, y), path)
        os.chmod(path, 0o444)
        os.chmod(closed, 0o555)
        command = [sys.executable, "-c", code, path, os.path.join(open, "model.cnn")]
        subprocess.run(command, check=True)
        os.chmod(closed, 0o755)
        assert os.listdir(closed) == ["model.cnn"]


def test_an_interrupt_leaves_no_file(tmp_path, monkeypatch):
    model = clone(CNN).fit(IMAGES, y)
    before = model.predict_proba(IMAGES)

    def interrupt(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save(model, tmp_path / "model.cnn")
    assert os.listdir(tmp_path) == []
    np.testing.assert_array_equal(model.predict_proba(IMAGES), before)
