"""Compare the speed of fits with that of others: prints one table.

Run from the root of the repository::

    python tests/benchmarks/speed.py --mnist PATH

PATH is a file with the arrays ``X_train`` (60000, 28, 28) and ``y_train``; without it
the images come from ``sklearn.datasets.fetch_openml("mnist_784")``.
"""

import argparse
from functools import partial

import numpy as np
from _contenders import eager_fit, reference_cnn, skorch_fit
from _measure import interleaved, machine, rows, show
from sklearn.datasets import fetch_openml, load_digits


def mnist(path):
    """MNIST's training images and labels."""
    if path:
        data = np.load(path)
        return data["X_train"], data["y_train"]
    X, y = fetch_openml("mnist_784", return_X_y=True, as_frame=False)
    return X[:60_000].reshape(-1, 28, 28).astype(np.uint8), y[:60_000].astype(int)


def fits(X, y, *, epochs, batch_size):
    """Ours and theirs, on the same data."""
    budget = {"max_iter": epochs, "batch_size": batch_size}
    others = {"epochs": epochs, "batch_size": batch_size}
    return {
        "ours": lambda: reference_cnn(**budget).fit(X, y),
        "ours, float32": lambda: reference_cnn(**budget, precision="float32").fit(X, y),
        "skorch": partial(skorch_fit, X, y, **others),
        "eager loop": partial(eager_fit, X, y, **others),
    }


def main():
    """Run all comparisons."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", help="file with MNIST's arrays")
    parser.add_argument("--pairs", type=int, default=5, help="rounds that count")
    arguments = parser.parse_args()
    print(machine())
    digits = load_digits()
    X, y = mnist(arguments.mnist)
    tasks = {
        "digits, 30 epochs": fits(
            digits.images, digits.target, epochs=30, batch_size=64
        ),
        "MNIST 20,000 x 1 epoch": fits(
            X[:20_000], y[:20_000], epochs=1, batch_size=128
        ),
    }
    goals = {
        "digits, 30 epochs": {"skorch": 0.9},
        "MNIST 20,000 x 1 epoch": {"skorch": 0.95},
    }
    table = []
    for task, contenders in tasks.items():
        table += rows(task, interleaved(contenders, arguments.pairs), goals[task])
    show(table)


if __name__ == "__main__":
    main()
