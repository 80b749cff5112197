"""ONNX files beside ONNX Runtime's own loop, and integers of 8 bits: prints one table.

Run from the root of the repository::

    python tests/benchmarks/onnx_files.py --mnist PATH

The default network learns MNIST for a few epochs. Its graph is computed by
``OnnxClassifier``, by ``CNNClassifier`` and by a plain loop over batches in ONNX
Runtime; of the batch sizes of that loop the fastest counts. Times are medians over
rounds in which all take turns.
"""

import argparse
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np
import onnxruntime
import torch
from _contenders import OnnxModel
from _data import mnist
from _measure import interleaved, machine, rows, show
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_cnn import CNNClassifier
from sklearn_cnn.export import load_onnx, to_onnx

#: Of ONNX Runtime's own loop.
BATCH_SIZES = (32, 64, 128, 256, 1000)
_IMPORT = """
from time import perf_counter
start = perf_counter()
{first}
middle = perf_counter()
from sklearn_cnn.export import load_onnx
load_onnx({path!r})
print(middle - start, perf_counter() - middle)
"""


def own_loop(session, X, size):
    """Compute labels and probabilities of a file batch by batch, with all threads."""
    parts = [
        session.run(None, {"X": X[start : start + size]})
        for start in range(0, len(X), size)
    ]
    return [np.concatenate(part) for part in zip(*parts, strict=True)]


def many_images(cnn, path, X, pairs):
    """Compare the ways to predict for all images."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(path, options)
    network = OnnxModel(cnn)
    loops = {
        **{f"own loop, {n}": partial(own_loop, session, X, n) for n in BATCH_SIZES},
        **{f"network alone, {n}": partial(network.predict, X, n) for n in BATCH_SIZES},
    }
    timed = interleaved(
        {
            "OnnxClassifier": partial(load_onnx(path).predict_proba, X),
            "CNNClassifier": partial(cnn.predict_proba, X),
            **loops,
        },
        pairs,
    )
    table = []
    for ours, goal in (("OnnxClassifier", 1.05), ("CNNClassifier", 1.0)):
        fastest = {
            kind: min(
                (k for k in loops if k.startswith(kind)),
                key=lambda k: np.median(timed[k]),
            )
            for kind in ("own loop", "network alone")
        }
        chosen = {k: timed[k] for k in (ours, *fastest.values())}
        table += rows("10,000 images", chosen, dict.fromkeys(chosen, goal))
    return table


def one_image(cnn, path, X, pairs):
    """Median milliseconds of a prediction for one image, in float32 and in int8."""
    contenders = {"CNNClassifier": cnn, "OnnxClassifier": load_onnx(path)}
    for name, model in contenders.items():
        times = []
        for i in range(100 * pairs):
            start = perf_counter()
            model.predict_proba(X[i : i + 1])
            times.append(perf_counter() - start)
        print(f"one image, {name}: {1e3 * np.median(times):.3f} ms")


def eight_bits(task, path, quantized, X, y, pairs):
    """Compare times, and print accuracies."""
    models = {"int8": load_onnx(quantized), "float32": load_onnx(path)}
    for name, model in models.items():
        print(f"accuracy, {task}, {name}: {model.score(X, y):.4f}")
    timed = interleaved({k: partial(m.predict, X) for k, m in models.items()}, pairs)
    return rows(f"{len(X):,} images, {task}", timed, {"float32": 0.6})


def loading(path, pairs):
    """Seconds of a process to import scikit-learn, then all else and load."""
    code = _IMPORT.format(first="import sklearn.base", path=str(path))
    found = []
    for _ in range(pairs):
        output = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True
        )
        found.append([float(n) for n in output.stdout.split()])
    before, ours = np.median(found, axis=0)
    print(
        f"import and load: {before + ours:.2f} s, of which scikit-learn's own import "
        f"{before:.2f} s"
    )


def main():
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", help="file with MNIST; default: from OpenML")
    parser.add_argument("--pairs", type=int, default=5, help="rounds that count")
    parser.add_argument("--epochs", type=int, default=2)
    arguments = parser.parse_args()
    print(machine())
    X, X_test, y, y_test = mnist(arguments.mnist)
    cnn = CNNClassifier(max_iter=arguments.epochs, precision="float32", random_state=0)
    cnn.fit(X, y)
    with tempfile.TemporaryDirectory() as name:
        path, small = (Path(name) / f"{kind}.onnx" for kind in ("float32", "int8"))
        to_onnx(cnn, path)
        to_onnx(cnn, small, quantize=X[:512])
        loading(path, arguments.pairs)
        one_image(cnn, path, X_test, arguments.pairs)
        table = many_images(cnn, path, X_test, arguments.pairs)
        table += eight_bits("MNIST", path, small, X_test, y_test, arguments.pairs)

        digits = load_digits()
        X, X_test, y, y_test = train_test_split(
            digits.images, digits.target, random_state=0
        )
        cnn = CNNClassifier(max_iter=20, random_state=0).fit(X, y)
        to_onnx(cnn, path)
        to_onnx(cnn, small, quantize=X[:512])
        table += eight_bits("digits", path, small, X_test, y_test, arguments.pairs)
    show(table)


if __name__ == "__main__":
    main()
