"""Compare recipes of defaults over data sets of all sizes: prints one table.

Run from the root of the repository::

    python tests/benchmarks/recipe.py --mnist PATH --ucr PATH

MNIST's file has the arrays ``X_train``, ``y_train``, ``X_test`` and ``y_test``; without
it ``sklearn.datasets.fetch_openml("mnist_784")`` is asked. The file of UCR problems has
``<name>_X_train`` and so on; without it they are left out. Every row of the table is a
recipe, every column the mean test accuracy on a data set over the seeds.
"""

import argparse
from time import perf_counter
from typing import NamedTuple

import numpy as np
from _data import mnist
from joblib import Parallel, delayed
from sklearn.datasets import load_digits, load_sample_images
from sklearn.model_selection import train_test_split

from sklearn_cnn import CNNClassifier

#: What is tried, as changes of the defaults.
RECIPES = {
    "defaults": {},
    "learning_rate=0.003": {"learning_rate": 0.003},
    "learning_rate=0.03": {"learning_rate": 0.03},
    "lr_schedule='cosine'": {"lr_schedule": "cosine", "learning_rate": 0.003},
    "optimizer='sgd'": {"optimizer": "sgd", "learning_rate": 0.05},
    "weight_decay=0.05": {"weight_decay": 0.05},
    "weight_decay=0": {"weight_decay": 0.0},
    "dropout=0.3": {"dropout": 0.3},
    "conv_dropout=0.1": {"conv_dropout": 0.1},
    "label_smoothing=0.1": {"label_smoothing": 0.1},
    "blocks_per_stage=2": {"blocks_per_stage": 2},
    "normalization=None": {"normalization": None, "learning_rate": 0.001},
    "input_scaling=None": {"input_scaling": None},
    "batch_size=16": {"batch_size": 16},
    "batch_size=128": {"batch_size": 128},
}


class Task(NamedTuple):
    """A data set with its split."""

    X_train: np.ndarray
    X_test: np.ndarray
    y_train: np.ndarray
    y_test: np.ndarray

    def subset(self, n):
        """Keep some of the training rows, stratified."""
        X, _, y, _ = train_test_split(
            self.X_train,
            self.y_train,
            train_size=n,
            stratify=self.y_train,
            random_state=0,
        )
        return self._replace(X_train=X, y_train=y)


def crops(size, n):
    """Squares from the left halves of two photographs; from the right ones to test."""
    rng = np.random.default_rng(0)
    parts = {"train": ([], []), "test": ([], [])}
    for label, photo in enumerate(load_sample_images().images):
        half = photo.shape[1] // 2
        for part, side in (("train", photo[:, :half]), ("test", photo[:, half:])):
            for _ in range(n):
                top = rng.integers(side.shape[0] - size + 1)
                left = rng.integers(side.shape[1] - size + 1)
                crop = side[top : top + size, left : left + size]
                parts[part][0].append(crop)
                parts[part][1].append(label)
    (X, y), (X_test, y_test) = (map(np.array, part) for part in parts.values())
    return Task(X, X_test, y, y_test)


def stretched(task, length):
    """Series resampled to another length."""

    def stretch(X):
        old, new = np.linspace(0, 1, X.shape[1]), np.linspace(0, 1, length)
        return np.stack([np.interp(new, old, x) for x in X[..., 0]])[..., None]

    return task._replace(X_train=stretch(task.X_train), X_test=stretch(task.X_test))


def tasks(mnist_file, ucr_file):
    """All data sets, small ones first."""
    digits = load_digits()
    digits = Task(
        *train_test_split(
            digits.images,
            digits.target,
            test_size=0.4,
            stratify=digits.target,
            random_state=0,
        )
    )
    found = {"digits, 100": digits.subset(100), "digits, 1,078": digits}
    if ucr_file:
        data = np.load(ucr_file)
        for name in ("GunPoint", "ArrowHead", "ItalyPowerDemand"):
            parts = ("X_train", "X_test", "y_train", "y_test")
            found[name] = Task(*(data[f"{name}_{part}"] for part in parts))
        found["ArrowHead, 2,000 steps"] = stretched(found["ArrowHead"], 2_000)
    found["photographs, 32x32x3"] = crops(32, 200)
    found["photographs, 224x224x3"] = crops(224, 14)
    full = Task(*mnist(mnist_file))
    found["MNIST, 1,000"] = full.subset(1_000)
    found["MNIST, 10,000"] = full.subset(10_000)
    found["MNIST, 60,000"] = full
    return found


def accuracy(task, parameters, seed):
    """Test accuracy and seconds of one fit."""
    cnn = CNNClassifier(random_state=seed, **parameters)
    start = perf_counter()
    cnn.fit(task.X_train, task.y_train)
    return perf_counter() - start, cnn.score(task.X_test, task.y_test)


def main():
    """Run every recipe on every data set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", help="file with MNIST's arrays")
    parser.add_argument("--ucr", help="file with UCR problems")
    parser.add_argument("--seeds", type=int, default=3, help="fits of each")
    parser.add_argument("--recipes", nargs="*", help="only these; default all")
    parser.add_argument("--tasks", nargs="*", help="only these; default all")
    parser.add_argument("--jobs", type=int, default=1, help="fits side by side")
    arguments = parser.parse_args()
    chosen = {
        name: task
        for name, task in tasks(arguments.mnist, arguments.ucr).items()
        if not arguments.tasks or name in arguments.tasks
    }
    print("recipe", *chosen, "mean", sep=" | ")
    for recipe, parameters in RECIPES.items():
        if arguments.recipes and recipe not in arguments.recipes:
            continue
        results = Parallel(arguments.jobs)(
            delayed(accuracy)(task, parameters, seed)
            for task in chosen.values()
            for seed in range(arguments.seeds)
        )
        results = np.reshape(results, (len(chosen), arguments.seeds, 2)).mean(axis=1)
        cells = [f"{score:.4f} ({seconds:.1f} s)" for seconds, score in results]
        print(recipe, *cells, f"{results[:, 1].mean():.4f}", sep=" | ", flush=True)


if __name__ == "__main__":
    main()
