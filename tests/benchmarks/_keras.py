"""Fits the reference CNN with Keras: one JSON order per line of standard input."""

import json
import os
import sys
from time import perf_counter

import keras
import numpy as np


def reference_cnn():
    """The reference CNN as Keras' guides write it."""
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((None, None, 1)),
            layers.Conv2D(
                32,
                3,
                padding="same",
                activation="relu",
                kernel_regularizer=keras.regularizers.L2(1e-4),
            ),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(128, 3, padding="same", activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax", dtype="float32"),
        ]
    )


def fit(X, y, *, epochs, batch_size, bfloat16):
    """Fit it, preprocessing and building included."""
    policy = "mixed_bfloat16" if bfloat16 else "float32"
    keras.mixed_precision.set_global_policy(policy)
    X = X.astype(np.float64)
    X = ((X - X.mean()) / X.std()).astype(np.float32)[..., None]
    net = reference_cnn()
    net.compile("adam", "sparse_categorical_crossentropy")
    net.fit(X, y, epochs=epochs, batch_size=batch_size, verbose=0)


def main():
    """Answer every order by its seconds."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever the backend prints
    for line in sys.stdin:
        order = json.loads(line)
        data = np.load(order.pop("data"))
        X, y = data["X"], data["y"].astype(np.int64)
        start = perf_counter()
        fit(X, y, **order)
        print(json.dumps({"seconds": perf_counter() - start}), file=answers, flush=True)


if __name__ == "__main__":
    main()
