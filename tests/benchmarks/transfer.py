"""What transfer gains and costs: prints one table.

Run from the root of the repository::

    python tests/benchmarks/transfer.py --mnist PATH

A network learns the digits 0 to 4 of MNIST; its weights then serve 5 to 9, of which
there are 20 images a class. Times are medians over rounds in which the alternatives
take turns.
"""

import argparse
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from _data import mnist
from _measure import machine
from sklearn.model_selection import GridSearchCV
from torch.nn import functional as F

from sklearn_cnn import CNNClassifier
from sklearn_cnn.inference import features

#: A slim ResNet: it needs more than a hundred images to learn from scratch.
NETWORK = {"architecture": "resnet18", "filters": (16, 32, 64, 128)}
#: So many epochs for each way to learn the new digits ...
BUDGET = 30
#: ... and how fine-tuning spends them.
TUNED = {"freeze_epochs": 6, "backbone_learning_rate": 0.3}
HEADS = {"dropout": [0.0, 0.2, 0.5], "learning_rate": [0.003, 0.01, 0.03, 0.1]}


def few(X, y, n, rng):
    """So many rows of each class."""
    rows = [rng.choice(np.flatnonzero(y == c), n, replace=False) for c in np.unique(y)]
    rows = np.concatenate(rows)
    return X[rows], y[rows]


def saved_weights(cnn, folder):
    """Write the weights of a network to a file."""
    path = Path(folder) / "weights.pt"
    torch.save(cnn.module_.state_dict(), path)
    return path


def gain(data, weights, seeds):
    """Test accuracies from scratch, fine-tuned, and with a frozen backbone."""
    X, y, X_test, y_test = data
    recipes = {
        "from scratch": {},
        "fine-tuned": {"weights": weights, **TUNED},
        "frozen": {"weights": weights, "freeze": "backbone"},
    }
    scores = {name: [] for name in recipes}
    for seed in range(seeds):
        some = few(X, y, 20, np.random.default_rng(seed))
        for name, recipe in recipes.items():
            cnn = CNNClassifier(
                **NETWORK, **recipe, max_iter=BUDGET, random_state=seed
            ).fit(*some)
            scores[name].append(cnn.score(X_test, y_test))
    for name, found in scores.items():
        low, high = min(found), max(found)
        print(f"{name}: accuracy {np.mean(found):.4f} ({low:.4f}-{high:.4f})")


def seconds(function):
    """Time one call, which remembers nothing from the last."""
    features._remembered.clear()
    start = perf_counter()
    function()
    return perf_counter() - start


def epoch_times(X, y, weights, pairs, epochs=5):
    """Seconds of an epoch, frozen and not."""
    cnn = CNNClassifier(**NETWORK, weights=weights, max_iter=epochs, random_state=0)
    times = {None: [], "backbone": []}
    for _ in range(pairs + 1):
        for freeze, found in times.items():
            fit = cnn.set_params(freeze=freeze).fit
            found.append(seconds(lambda fit=fit: fit(X, y)) / epochs)
    full, frozen = (np.median(found[1:]) for found in times.values())
    print(f"an epoch of {len(X)} images in a fit of {epochs}: {full:.3f} s")
    print(
        f"the same with a frozen backbone: {frozen:.3f} s, {full / frozen:.1f}x faster"
    )


def search_times(X, y, pairs):
    """Seconds of a search over heads on ResNet-18, and of one over a single head."""
    X = F.interpolate(torch.from_numpy(X)[:, None].float(), size=(64, 64))
    X = X[:, 0].byte().numpy()
    cnn = CNNClassifier("resnet18", max_iter=2, random_state=0).fit(X[:100], y[:100])
    with tempfile.TemporaryDirectory() as folder:
        cnn = CNNClassifier(
            "resnet18",
            weights=saved_weights(cnn, folder),
            freeze="backbone",
            random_state=0,
        )
        searches = {
            "one head": GridSearchCV(cnn, {"dropout": [0.2]}, cv=3),
            "12 heads": GridSearchCV(cnn, HEADS, cv=3),
        }
        times = {name: [] for name in searches}
        for _ in range(pairs):
            for name, search in searches.items():
                times[name].append(seconds(lambda s=search: s.fit(X, y)))
    one, all_heads = map(np.array, times.values())
    print(f"search over one head x 3 folds, {len(X)} images: {np.median(one):.2f} s")
    print(f"over 12 heads: {np.median(all_heads):.2f} s", end=", ")
    print(f"{np.median(all_heads / one):.2f}x ({pairs} pairs)")


def main():
    """Measure all of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", help="file with MNIST's arrays")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--pairs", type=int, default=5)
    arguments = parser.parse_args()
    print(machine())
    X, X_test, y, y_test = mnist(arguments.mnist)
    known, new, test = y < 5, y >= 5, y_test >= 5
    start = perf_counter()
    cnn = CNNClassifier(**NETWORK, max_iter=3, random_state=0)
    cnn.fit(X[known], y[known])
    print(f"pretrained on 0 to 4 in {perf_counter() - start:.0f} s")
    with tempfile.TemporaryDirectory() as folder:
        weights = saved_weights(cnn, folder)
        data = (X[new], y[new], X_test[test], y_test[test])
        gain(data, weights, arguments.seeds)
        some = (X[new][:5000], y[new][:5000])
        epoch_times(*some, weights, arguments.pairs)
    for n in (2_000, 4_000):
        search_times(X[:n], y[:n], arguments.pairs)


if __name__ == "__main__":
    main()
