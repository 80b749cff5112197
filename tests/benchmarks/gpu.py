"""What a GPU gives us, compared with what others do with it: prints one table.

Run from the root of the repository, on a machine with a GPU::

    python tests/benchmarks/gpu.py --mnist PATH

PATH is a file with MNIST's arrays ``X_train``, ``y_train``, ``X_test`` and ``y_test``;
without it, scikit-learn's digits are enlarged to as many pixels. Alternatives run in
turn, in rounds; a ratio is the median over the rounds. Takes three minutes on an H100,
and ``--device cpu --quick`` shows elsewhere that it runs.
"""

import argparse
import gc
import sys
import tempfile
import warnings
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from _contenders import eager_fit, reference_cnn, standardized, tuned_fit
from _data import mnist
from _measure import interleaved, machine, rows, show
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from torchvision import models

from sklearn_cnn import CNNClassifier
from sklearn_cnn.training import recording

MIB = 1 << 20


def data(arguments):
    """MNIST, or digits of its size: images and labels to train and to test on."""
    if arguments.mnist:
        return mnist(arguments.mnist)
    digits = load_digits()
    X = np.pad(digits.images.astype(np.uint8) * 15, ((0, 0), (3, 3), (3, 3)))
    X, y = X.repeat(2, axis=1).repeat(2, axis=2), digits.target
    rng = np.random.default_rng(0)
    train, test = rng.integers(1500, size=60_000), rng.integers(1500, 1797, 10_000)
    return X[train], X[test], y[train], y[test]


def synchronized(run):
    """Make a call that ends when the GPU has finished."""

    def timed():
        run()
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    return timed


def fit(arguments, X, y):
    """An epoch of the reference CNN, against the usual loop and the best one."""
    budget = {"epochs": 1, "batch_size": 128}
    on_device = {**budget, "device": arguments.device}
    ours = reference_cnn(max_iter=1, batch_size=128, device=arguments.device)
    precision = clone(ours).fit(X[:1024], y[:1024]).precision_
    bfloat16 = precision == "bfloat16"
    contenders = {
        f"ours ({precision})": lambda: ours.fit(X, y),
        "ours, not recorded": lambda: not_recorded(lambda: ours.fit(X, y)),
        "eager loop": partial(eager_fit, X, y, **on_device),
        "tuned loop": partial(tuned_fit, X, y, **on_device, bfloat16=bfloat16),
    }
    timed = {name: synchronized(run) for name, run in contenders.items()}
    rounds = interleaved(timed, arguments.pairs)
    goals = {"eager loop": 0.25, "tuned loop": 1.1}
    return rows(f"fit {len(X):,} images, 1 epoch", rounds, goals)


def not_recorded(run):
    """Make a call with the kernels of every step launched by Python."""
    before = recording._MIN_STEPS
    recording._MIN_STEPS = float("inf")
    try:
        run()
    finally:
        recording._MIN_STEPS = before


def predict(arguments, X, y):
    """Prediction, against one that has the images there in float32."""
    cnn = reference_cnn(max_iter=1, device=arguments.device).fit(X[:2048], y[:2048])
    there = torch.from_numpy(standardized(X)).to(arguments.device)

    @torch.inference_mode()
    def resident():
        for batch in there.split(1000):
            cnn.module_(batch).argmax(dim=1).cpu()

    contenders = {"ours": lambda: cnn.predict(X), "images on the device": resident}
    rounds = interleaved(contenders, arguments.pairs)
    return rows(f"predict {len(X):,} images", rounds, {})


def accuracy(arguments, X, X_test, y, y_test):
    """The default network in every precision that the device has."""
    found = {}
    for precision in ("float32", "bfloat16", "float16"):
        scores, start = [], perf_counter()
        for seed in range(arguments.seeds):
            cnn = CNNClassifier(
                device=arguments.device, precision=precision, random_state=seed
            )
            if (arguments.device, precision) != ("cpu", "float16"):
                scores.append(cnn.fit(X, y).score(X_test, y_test))
        if scores:
            found[precision] = np.mean(scores), perf_counter() - start
    table = []
    for precision, (mean, elapsed) in found.items():
        less = found["float32"][0] - mean
        goal = "0.002" if precision != "float32" else ""
        task = f"accuracy in {precision}, {arguments.seeds} seeds"
        compared = f"{mean:.4f}, float32 - it"
        table.append((task, compared, f"{elapsed:.4g}", "", f"{less:.4f}", "", goal))
    return table


def waits_and_memory(arguments, X, y):
    """How often the host waits for the GPU in an epoch, and what a fit takes."""
    if arguments.device != "cuda":
        return []
    ours = reference_cnn(batch_size=128, device="cuda")

    def waits(epochs):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")
            clone(ours).set_params(max_iter=epochs).fit(X, y)
            torch.cuda.set_sync_debug_mode("default")
        return sum("called a synchronizing" in str(w.message) for w in caught)

    per_epoch = (waits(3) - waits(1)) / 2
    gc.collect()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    cnn = clone(ours).set_params(max_iter=1).fit(X, y)
    peak = (torch.cuda.max_memory_allocated() - before) / MIB
    kept = (torch.cuda.memory_allocated() - before) / MIB
    del cnn
    gc.collect()
    left = torch.cuda.memory_allocated() - before
    blank = ("", "", "", "")
    return [
        ("host waits in an epoch", f"{per_epoch:g}", *blank, ""),
        ("memory of a fit, MiB", f"peak {peak:.1f}, kept {kept:.1f}", *blank, ""),
        ("memory after it, bytes", f"{left}", *blank, "0"),
    ]


def search(arguments, X, y):
    """Twelve candidates in three folds on one frozen backbone."""
    side = 64 if not arguments.quick else 32
    X, y = X[: arguments.n_search], y[: arguments.n_search]
    X = np.pad(X, ((0, 0), *[((side - 28) // 2,) * 2] * 2))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "resnet18.pth"
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            torch.save(models.resnet18(weights=None).state_dict(), path)
        backbone = CNNClassifier(
            "torchvision:resnet18",
            weights=path,
            freeze="backbone",
            max_iter=5,
            random_state=0,
            device=arguments.device,
        )
        # the first recorded step leaves 32 MiB of cuBLAS, once and for all
        clone(backbone).fit(X, y)
        gc.collect()
        cuda = arguments.device == "cuda"
        before = torch.cuda.memory_allocated() if cuda else 0
        start = perf_counter()
        grid = {"learning_rate": [0.1, 0.03, 0.01, 0.003], "dropout": [0, 0.2, 0.4]}
        GridSearchCV(backbone, grid, cv=3, refit=False).fit(X, y)
        elapsed = perf_counter() - start
        gc.collect()
        left = torch.cuda.memory_allocated() - before if cuda else 0
    task = f"search 12 x 3, frozen backbone, {len(X):,} images"
    return [(task, f"bytes left: {left}", f"{elapsed:.4g}", "", "", "", "0")]


def main():
    """Measure everything and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", help="file with MNIST's arrays")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="little of everything")
    arguments = parser.parse_args()
    X, X_test, y, y_test = data(arguments)
    arguments.n_search = 1_500
    if arguments.quick:
        X, y, X_test, y_test = X[:1500], y[:1500], X_test[:500], y_test[:500]
        arguments.pairs, arguments.seeds, arguments.n_search = 1, 1, 90
    if arguments.device == "cuda":
        print(torch.cuda.get_device_name())
    print(machine())
    table = []

    def add(found):
        table.extend(found)
        for row in found:
            print(*row, sep=" | ", file=sys.stderr, flush=True)

    try:
        add(fit(arguments, X, y))
        add(predict(arguments, X_test, y_test))
        add(waits_and_memory(arguments, X, y))
        add(search(arguments, X, y))
        add(accuracy(arguments, X, X_test, y, y_test))
    finally:  # what an interrupted run has found is shown too
        print(f"medians of {arguments.pairs} rounds")
        show(table)


if __name__ == "__main__":
    main()
