"""
Training curves: dropout, and Adam against SGD
==============================================

Two questions about training, each answered by the curves of two fits in one figure.
What does dropout do to a network that is large for its few images? And how do Adam and
stochastic gradient descent with momentum compare, on the way and at the end?
"""

# %%
# The images are scikit-learn's digits, of 8x8 pixels. If the environment variable
# SKLEARN_CNN_MNIST holds the path of a file ``mnist.npz`` with the arrays ``X_train``
# and ``y_train``, they are the first of MNIST's, of 28x28 pixels.

import os

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_cnn import CNNClassifier
from sklearn_cnn.inspection import TrainingCurveDisplay

mnist = os.environ.get("SKLEARN_CNN_MNIST")
if mnist:
    with np.load(mnist) as data:
        X, y = data["X_train"][:1300], data["y_train"][:1300]
    filters = (16, 32, 64, 128)
else:
    X, y = load_digits(return_X_y=True)
    X = X.reshape(-1, 8, 8)
    filters = (16, 32)
X_train, X_val, y_train, y_val = train_test_split(
    X, y, train_size=300, stratify=y, random_state=0
)

# %%
# Dropout against no dropout
# --------------------------
#
# Two hidden dense layers on flattened maps have many more weights than there are
# images, and can learn these by heart.


def fit(**parameters):
    """Train a network, and validate it after every epoch."""
    cnn = CNNClassifier(filters=filters, random_state=0, **parameters)
    return cnn.fit(X_train, y_train, X_val=X_val, y_val=y_val)


dense = {
    "global_pooling": "flatten",
    "hidden_layer_sizes": (256, 256),
    "learning_rate": 0.003,
    "lr_schedule": "constant",
    "max_iter": 30,
}
by_dropout = {
    "no dropout": fit(dropout=0.0, **dense),
    "dropout 0.5": fit(dropout=0.5, **dense),
}


def report(fits):
    """Print the last epoch of each fit."""
    for name, cnn in fits.items():
        last = cnn.history_.iloc[-1]
        print(
            f"{name:22s} training loss {last['train_loss']:.4f}, validation loss "
            f"{last['valid_loss']:.4f}, validation accuracy {last['valid_score']:.3f}"
        )


report(by_dropout)
display = TrainingCurveDisplay.from_estimators(by_dropout)
display.figure_.suptitle("Dropout in the dense layers")
plt.show()

# %%
# Without dropout the training loss falls to almost nothing, far below the validation
# loss: the training images are known by heart. With dropout it stays much higher, since
# half of the inputs of each dense layer are missing while it is computed; validation
# uses all of them. What counts is validation, where the two end close to each other:
# dropout takes longer, and here gains little.
#
# Adam against SGD with momentum
# ------------------------------
#
# Adam scales the step of every weight by the size of its recent gradients. SGD takes
# the same learning rate for all, which therefore has to be another one: here the best
# of a few for each. The schedule is constant, so that the curves show the optimizers
# alone.

best = {}
for optimizer, rates in {
    "adam": (0.003, 0.01, 0.03),
    "sgd": (0.03, 0.1, 0.3),
}.items():
    fits = {
        rate: fit(
            optimizer=optimizer,
            learning_rate=rate,
            lr_schedule="constant",
            max_iter=20,
        )
        for rate in rates
    }
    rate = min(fits, key=lambda rate: fits[rate].best_loss_)
    best[f"{optimizer}, rate {rate}"] = fits[rate]

report(best)
for name, cnn in best.items():
    good = cnn.history_["valid_score"] >= 0.9
    print(f"{name}: 90 % correct after epoch {good.idxmax() if good.any() else '-'}")

display = TrainingCurveDisplay.from_estimators(best)
display.figure_.suptitle("Adam, and SGD with Nesterov momentum 0.9")
plt.show()

# %%
# Each needs a learning rate of its own, ten times as high for SGD. With it, the two
# come to much the same loss here. At a constant rate both curves stay noisy to the end,
# which is what a schedule is for: ``lr_schedule="one_cycle"``, the default, lets the
# rate fall to zero.
