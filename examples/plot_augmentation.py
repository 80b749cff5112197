"""
Augmentation: more from a few images
====================================

A network that has seen a hundred digits has seen few ways to write a seven. Random
changes of the training images show it more of them, if they are changes that leave a
seven a seven. Here small moves and turns help, and a mirror hurts.

The same works for MNIST: if the environment variable ``SKLEARN_CNN_MNIST`` holds the
path of a file with its arrays ``X_train``, ``y_train``, ``X_test`` and ``y_test``, the
script runs on them, with 1,000 training images.
"""

# %%
# Moves, and a trap
# -----------------
#
# ``RandomCrop`` moves an image by whole pixels, ``RandomAffine`` turns, moves and
# scales it. ``RandomFlip`` mirrors it, which suits photographs; but a mirrored 2 is no
# 2.

import os

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits, load_sample_images
from sklearn.pipeline import make_pipeline

from sklearn_cnn import CNNClassifier
from sklearn_cnn.augmentation import (
    ColorJitter,
    Compose,
    RandomAffine,
    RandomCrop,
    RandomErasing,
    RandomFlip,
)
from sklearn_cnn.inspection import AugmentationDisplay
from sklearn_cnn.transforms import CenterCrop, Resize

path = os.environ.get("SKLEARN_CNN_MNIST")
if path:
    data = np.load(path)
    X = np.concatenate([data["X_train"], data["X_test"]])
    y = np.concatenate([data["y_train"], data["y_test"]])
    n_train, n_test = 1000, len(data["y_test"])
    moves = Compose([("crop", RandomCrop()), ("affine", RandomAffine())])
    name = "crop + affine"
else:
    digits = load_digits()
    X, y = digits.images, digits.target
    n_train, n_test = 100, 797
    moves = Compose([("affine", RandomAffine())])
    name = "affine"

# %%
# What the network will see: the original beside five variants. A person would still
# read all of them.

display = AugmentationDisplay.from_augmentation(moves, X[[2, 4, 7]])
display.figure_.suptitle(name)
plt.show()

# %%
# Accuracy
# --------
#
# Three times, another part of the data trains a network with all defaults, and all are
# tested on the same images at the end, which are never augmented.

augmentations = {"none": None, name: moves, "mirror": RandomFlip()}
accuracies = {label: [] for label in augmentations}
for seed in range(3):
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(X) - n_test, n_train, replace=False)
    for label, augmentation in augmentations.items():
        cnn = CNNClassifier(augmentation=augmentation, random_state=seed)
        cnn.fit(X[chosen], y[chosen])
        accuracies[label].append(cnn.score(X[-n_test:], y[-n_test:]))

means = {label: np.mean(values) for label, values in accuracies.items()}
for label, mean in means.items():
    print(f"{label:>14}: {100 * mean:.1f} % of {n_test} test images are right")
print(f"Gain of {name}: {100 * (means[name] - means['none']):+.1f} points")

# %%
# Every dot is one of the three trainings.

figure, axis = plt.subplots(figsize=(7, 2.8), layout="constrained")
for row, (label, color) in enumerate(
    zip(accuracies, ("0.4", "#0072B2", "#D55E00"), strict=True)
):
    axis.plot(accuracies[label], [row] * 3, "o", color=color, alpha=0.8)
    axis.plot(means[label], row, "|", color=color, markersize=24, markeredgewidth=2)
axis.set_yticks(range(3), labels=list(accuracies))
axis.set_ylim(2.5, -0.5)
axis.grid(axis="x", alpha=0.3)
axis.spines[["top", "right"]].set_visible(False)
axis.set_xlabel("test accuracy (bar: mean)")
axis.set_title(f"{n_train} training images: moves help, a mirror does not")
plt.show()

# %%
# The strength is worth a search, by the names of the steps: ``GridSearchCV(cnn,
# {"augmentation__affine__degrees": [0, 10, 20]})``.
#
# Photographs bear more
# ---------------------
#
# A flower that is mirrored, cut off, darker or half hidden is a flower still.

photos = np.stack(load_sample_images().images)
small = make_pipeline(CenterCrop(384), Resize(96)).fit_transform(photos)
stronger = Compose(
    [
        ("flip", RandomFlip()),
        ("crop", RandomCrop(padding=12, padding_mode="symmetric")),
        ("colour", ColorJitter(brightness=0.3, contrast=0.3, saturation=0.3)),
        ("erase", RandomErasing(p=0.5)),
    ]
)
display = AugmentationDisplay.from_augmentation(stronger, small)
display.figure_.suptitle("flip + crop + colour + erase")
plt.show()
