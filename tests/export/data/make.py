"""Make the files that later versions must load: run once for each format version.

python tests/export/data/make.py
"""

import warnings
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from torch import nn

import sklearn_cnn
from sklearn_cnn.augmentation import Compose, GaussianNoise, RandomFlip
from sklearn_cnn.transforms import ChannelScaler, Resize

FOLDER = Path(__file__).parent


def models(images, labels):
    """Give a classifier in a pipeline, a regressor to go on with, and a module."""
    augmentation = Compose([RandomFlip(p=0.1), ("noise", GaussianNoise(0.1))])
    quick = {"filters": (4, 8), "max_iter": 3, "random_state": 0}
    cnn = sklearn_cnn.CNNClassifier(augmentation=augmentation, **quick)
    layers = [nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    module = nn.Sequential(*layers, nn.Linear(4, 10))
    yield "pipeline", make_pipeline(ChannelScaler(), Resize(12), cnn), labels
    yield "regressor", sklearn_cnn.CNNRegressor(**quick), labels / 2
    own = sklearn_cnn.CNNClassifier(module, max_iter=2, random_state=0)
    yield "module", own, np.array(list("abcdefghij"))[labels]


def main():
    """Write each model, and what it predicts, beside this file."""
    X, y = load_digits(return_X_y=True)
    images, labels = X[:100].reshape(-1, 8, 8), y[:100]
    for name, model, targets in models(images, labels):
        model.fit(images, targets)
        path, goes_on = FOLDER / f"v1_{name}.cnn", name == "regressor"
        sklearn_cnn.save(model, path, include_optimizer=goes_on)
        method = getattr(model, "predict_proba", model.predict)
        np.save(FOLDER / f"v1_{name}.npy", method(images[:10]))


if __name__ == "__main__":
    warnings.simplefilter("error")
    main()
