"""What several processes do together in tests: each runs this file.

    several_processes.py FOLDER DEVICE TASK...

Each writes what came out of the tasks, and its number, to files in the folder.
"""

import os
import pickle
import signal
import socket
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits
from skorch.callbacks import EpochScoring
from torch import distributed, nn

from sklearn_cnn import CNNClassifier, CNNRegressor
from sklearn_cnn.augmentation import MixUp
from sklearn_cnn.images import ImageFiles

#: Steps of a network that has two ghost batches where one process computes alone.
LARGE = {
    "filters": (32, 256),
    "pooling": None,
    "dropout": 0.3,
    "conv_dropout": 0.1,
    "augmentation": None,
    "batch_size": 63,
    "max_iter": 3,
    "learning_rate": 0.003,
}
#: In a step of which each process has some samples, without anything random.
SMALL = {"normalization": "layer", "augmentation": None, "conv_dropout": 0.0}


def started(folder, device, *names):
    """Start two processes by torchrun."""
    path = os.pathsep.join(
        [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        command += [f"--master-port={free.getsockname()[1]}"]
    command += ["--master-addr=127.0.0.1", __file__, str(folder), device, *names]
    return subprocess.Popen(
        command,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def results(folder):
    """Read what came out in each process."""
    return [pickle.loads((folder / f"{r}.pickle").read_bytes()) for r in "01"]


def digits(n=250):
    X, y = load_digits(return_X_y=True)
    return X[:n].reshape(-1, 8, 8), y[:n]


def classifier(device="cpu", **parameters):
    common = {"filters": (4, 8), "max_iter": 3, "random_state": 0, "device": device}
    return CNNClassifier(**{**common, **parameters})


class CountingFiles(ImageFiles):
    """Counts the files that are read."""

    n_read = 0

    def _read(self, rows):
        CountingFiles.n_read += len(rows)
        return super()._read(rows)


def make_files(folder):
    X, y = digits()
    for i, image in enumerate(X):
        Image.fromarray((16 * image).clip(0, 255).astype(np.uint8)).save(
            folder / f"{i:03}.png"
        )
    return X, y


# --- tasks: each takes the folder and the device, and gives what can be compared ------


def large(folder, device):
    cnn = classifier(device, **LARGE).fit(*digits())
    return cnn.loss_curve_, cnn.decision_function(digits()[0])


def small(folder, device):
    cnn = classifier(device, **SMALL).fit(*digits())
    return cnn.loss_curve_, cnn.decision_function(digits()[0])


def random(folder, device):
    """Random numbers of each process, and a seed that nobody has given."""
    X, y = digits()
    parameters = {"dropout": 0.3, "augmentation": MixUp(), "random_state": None}
    cnn = classifier(device, **parameters, early_stopping=True, n_iter_no_change=1)
    cnn.fit(X, y)
    return cnn.loss_curve_, cnn.validation_scores_, cnn.decision_function(X)


def validation(folder, device):
    X, y = digits()
    cnn = classifier(device, **LARGE).fit(X, y, X_val=X[:101], y_val=y[:101])
    return cnn.history_.valid_loss.to_numpy(), cnn.validation_scores_


def networks(folder, device):
    X, y = digits()
    return classifier(device, n_networks=2).fit(X, y).predict_proba(X)


def head(folder, device):
    X, y = digits()
    cnn = classifier(device, **SMALL).fit(X, y)
    cnn.set_params(freeze="backbone", warm_start=True).fit(X, y)
    return cnn.loss_curve_, cnn.decision_function(X)


def stream(folder, device):
    X, y = digits()
    cnn = classifier(device, **SMALL)
    for part in (slice(100), slice(100, 200)):
        cnn.partial_fit(X[part], y[part], classes=np.arange(10))
    return cnn.decision_function(X)


def weighted_numbers(folder, device):
    X, y = digits()
    parameters = {"augmentation": None, "normalization": "layer", "conv_dropout": 0.0}
    cnn = CNNRegressor(filters=(4, 8), max_iter=2, random_state=0, **parameters)
    return cnn.fit(X, y, sample_weight=1.0 + y % 3).predict(X)


class PartlyUnused(nn.Module):
    """Has a layer whose weights have no part in the outputs."""

    def __init__(self, n_channels, n_outputs):
        super().__init__()
        self.used = nn.Conv2d(n_channels, n_outputs, 3)
        self.unused = nn.Conv2d(1, 1, 3)

    def forward(self, images):
        return self.used(images).mean(dim=(2, 3))


def partly_unused(n_channels, spatial_shape, n_outputs):
    return PartlyUnused(n_channels, n_outputs)


def unused(folder, device):
    common = {"filters": None, "augmentation": None}
    cnn = classifier(device, architecture=partly_unused, **common).fit(*digits())
    weights = cnn.module_.unused.weight.detach().cpu().numpy()
    return weights, cnn.decision_function(digits()[0])


def files(folder, device):
    _, y = digits()
    images = CountingFiles(sorted((folder / "files").iterdir()))
    cnn = classifier(device, **LARGE).fit(images, y)
    n_read = CountingFiles.n_read
    return n_read, cnn.loss_curve_


def verbose(folder, device):
    classifier(device, verbose=1).fit(*digits())


def resumed(folder, device, **parameters):
    checkpoints = {"checkpoint_dir": folder / "begun", "max_iter": 4}
    cnn = classifier(device, **{**LARGE, **checkpoints, **parameters}).fit(*digits())
    return cnn.loss_curve_, cnn.decision_function(digits()[0])


def long(folder, device):
    """Train until one of the processes is killed."""
    # what a launcher then sends to the other is not to be faster than its error
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return resumed(folder, device, checkpoint_dir=folder / "killed", max_iter=9)


def refused(folder, device):
    """The errors of fits that cannot be."""
    X, y = digits()
    rank = distributed.get_rank()
    rocket = {"architecture": "minirocket", "filters": None, "max_iter": "auto"}
    rocket["spatial_dims"] = 1
    fits = {
        "rows": lambda: classifier().partial_fit(X[:1], y[:1], classes=range(10)),
        "batches": lambda: classifier(batch_size=1).fit(X, y),
        "solved": lambda: classifier(**rocket).fit(X.reshape(-1, 64), y),
        "max_time": lambda: classifier(max_time=3.0, max_iter="auto").fit(X, y),
        "callbacks": lambda: classifier(callbacks=[EpochScoring("accuracy")]).fit(X, y),
        "data": lambda: classifier().fit(X[rank:200], y[rank:200]),
        "pixels": lambda: classifier().fit(X + rank, y),
        "parameters": lambda: classifier(max_iter=2 + rank).fit(X, y),
        "device": lambda: classifier("cuda:77").fit(X, y),
        "directory": lambda: classifier(checkpoint_dir="\0").fit(X, y),
    }
    messages = {}
    for name, fit in fits.items():
        try:
            fit()
        except ValueError as error:
            messages[name] = str(error)
    return messages


if __name__ == "__main__":
    warnings.simplefilter("error")
    folder, device, *tasks = sys.argv[1:]
    folder, rank = Path(folder), os.environ["RANK"]
    (folder / f"{rank}.pid").write_text(str(os.getpid()))
    distributed.init_process_group("gloo")
    found = {}
    for task in tasks:
        found[task] = globals()[task](folder, device)
        (folder / f"{rank}.pickle").write_bytes(pickle.dumps(found))
    distributed.destroy_process_group()
