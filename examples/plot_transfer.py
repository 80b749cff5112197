"""
What a network learned about some digits, put to use for others
===============================================================

A network that has learned one task can be the start of another, for which there are
few images. Here a small network learns the digits 0 to 4 of scikit-learn's handwritten
digits. Then 5 to 9 are to be learned from 5, 10, 20 or 40 images of each, in all the
ways that the library offers: from scratch, by fine-tuning, with a frozen backbone, and
with the network as a feature extractor for an :class:`~sklearn.svm.SVC`.
"""

# %%
# The first task
# --------------
#
# The weights of the trained network go into a file, from which the other estimators
# start.

import tempfile
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits

from sklearn_cnn import CNNClassifier

X, y = load_digits(return_X_y=True)
X = X.reshape(-1, 8, 8)
first_task = y < 5

pretrained = CNNClassifier(max_iter=15, random_state=0)
pretrained.fit(X[first_task], y[first_task])

weights = Path(tempfile.mkdtemp()) / "digits_0_to_4.pt"
torch.save(pretrained.module_.state_dict(), weights)
print("Stages:", list(pretrained.module_.stage_modules()))

# %%
# The second task, in six ways
# ----------------------------
#
# All networks train for ten epochs. The first two change all weights. ``freeze`` leaves
# everything before the head as it came from the file. :class:`~sklearn_cnn.CNNFeatures`
# gives an SVC what goes into the head, or what any other layer computes: here the first
# stage, with its 4x4 positions kept apart. An SVC on the pixels needs no network.

from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

from sklearn_cnn import CNNFeatures

seeds = np.random.RandomState(0)  # another seed for every fit
flat_pixels = FunctionTransformer(lambda images: images.reshape(len(images), -1))
first_stage = CNNFeatures(
    weights=weights, layer="stages.stage1", global_pooling="flatten"
)
models = {
    "CNN from scratch": CNNClassifier(max_iter=10, random_state=seeds),
    "CNN fine-tuned": CNNClassifier(
        weights=weights,
        freeze_epochs=2,
        backbone_learning_rate=0.5,
        max_iter=10,
        random_state=seeds,
    ),
    "CNN with a frozen backbone": CNNClassifier(
        weights=weights, freeze="backbone", max_iter=10, random_state=seeds
    ),
    "SVC on the last features": make_pipeline(CNNFeatures(weights=weights), SVC()),
    "SVC on the first stage": make_pipeline(first_stage, SVC()),
    "SVC on pixels": make_pipeline(flat_pixels, SVC()),
}

# %%
# In each of five draws, 40 images of each digit are the pool for training, from which
# the smaller sets are taken, and all others are the test images.

SIZES = (5, 10, 20, 40)
N_DRAWS = 5


def draw(n_per_class, draw_number):
    """Rows of training and of test images of the second task."""
    rng = np.random.default_rng(draw_number)
    train, test = [], []
    for digit in range(5, 10):
        rows = rng.permutation(np.flatnonzero(y == digit))
        train.append(rows[:n_per_class])
        test.append(rows[max(SIZES) :])
    return np.concatenate(train), np.concatenate(test)


def accuracy(model, n_per_class, draw_number):
    """Train on a draw of images, and test on the others."""
    train, test = draw(n_per_class, draw_number)
    return model.fit(X[train], y[train]).score(X[test], y[test])


accuracies = {
    name: np.array([[accuracy(model, n, i) for n in SIZES] for i in range(N_DRAWS)])
    for name, model in models.items()
}
print(f"{'images of each digit':27s}", *(f"{n:>6d}" for n in SIZES))
for name, values in accuracies.items():
    print(f"{name:27s}", *(f"{mean:6.3f}" for mean in values.mean(axis=0)))

# %%
import matplotlib.pyplot as plt

STYLES = {
    "SVC on the first stage": ("#009E73", "D", "-"),
    "SVC on pixels": ("#555555", "x", ":"),
    "CNN fine-tuned": ("#0072B2", "o", "-"),
    "CNN from scratch": ("#D55E00", "s", "-"),
    "SVC on the last features": ("#CC79A7", "^", "--"),
    "CNN with a frozen backbone": ("#56B4E9", "v", "--"),
}

figure, axes = plt.subplots(figsize=(8.5, 4.5), layout="constrained")
for name, (color, marker, line) in STYLES.items():
    mean, spread = accuracies[name].mean(axis=0), accuracies[name].std(axis=0)
    axes.errorbar(
        SIZES,
        mean,
        spread,
        label=name,
        color=color,
        marker=marker,
        linestyle=line,
        capsize=3,
    )
axes.set_xscale("log", base=2)
axes.set_xticks(SIZES, SIZES)
axes.minorticks_off()
axes.grid(axis="y", alpha=0.3)
axes.spines[["top", "right"]].set_visible(False)
axes.set_xlabel("training images of each digit")
axes.set_ylabel("accuracy on held-out digits 5 to 9")
axes.set_title("Digits 5 to 9, after a network has learned 0 to 4")
figure.legend(loc="outside right center", frameon=False)
plt.show()

# %%
# Markers are means over the draws, bars their standard deviations.
#
# - With 5 images of each digit a fine-tuned network is ahead of one that begins with
#   random weights. From 10 images on, the two are within about two points of each
#   other, and neither is always ahead.
# - The last features do not carry over. They were trained to tell 0 to 4 apart, and
#   what only tells a 5 from a 9 is lost on the way: a frozen backbone is worse than no
#   pretraining at all.
# - The first stage does carry over. Its filters find strokes, which all digits have. An
#   SVC on it is the best of all with few images, and ahead of the SVC on pixels with
#   any number of them.
#
# Five digits of 8x8 pixels are little to learn from. A backbone that was trained on a
# million photographs has seen far more kinds of things, and nothing here says how well
# its features would do.
#
# Details of fine-tuning
# ----------------------
#
# ``backbone_learning_rate`` is a factor on the learning rate of everything before the
# head, and ``freeze_epochs`` trains the head alone at first. Both protect what was
# learned before. All of these train on ten images of each digit:

for parameters in [
    {"backbone_learning_rate": 0.1},
    {"backbone_learning_rate": 1.0},
    {"backbone_learning_rate": 0.1, "freeze_epochs": 2},
    {"backbone_learning_rate": 1.0, "freeze_epochs": 2},
    {"backbone_learning_rate": 1.0, "freeze": "stage1"},
]:
    model = CNNClassifier(
        weights=weights, max_iter=10, random_state=seeds, **parameters
    )
    mean = np.mean([accuracy(model, 10, i) for i in range(N_DRAWS)])
    print(f"{mean:.3f} with {parameters}")

# %%
# Here there is little to protect: the smaller the factor, the worse, and the epochs for
# the head alone do not help either. To keep the first stage as it is costs next to
# nothing. Backbones of torchvision and timm, which were trained for days, learn slowly
# by default, and keep the statistics of their batch normalisation
# (``freeze_batch_norm``).
#
# What freezing saves
# -------------------
#
# With ``freeze="backbone"`` the features are computed once, before the first epoch, and
# an epoch trains the head alone.

from time import perf_counter

train, _ = draw(max(SIZES), 0)
for name in ("CNN fine-tuned", "CNN with a frozen backbone"):
    start = perf_counter()
    model = models[name].fit(X[train], y[train])
    seconds = perf_counter() - start
    epoch = model.history_["seconds"].iloc[2:].median()
    print(f"{name}: {1000 * epoch:.1f} ms an epoch, {seconds:.2f} s in all")
