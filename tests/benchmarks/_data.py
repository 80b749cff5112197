"""Data that the benchmarks share."""

import numpy as np
from sklearn.datasets import fetch_openml


def mnist(path=None):
    """MNIST's official split: images and labels to train on and to test on.

    Parameters
    ----------
    path : str or None
        File with the arrays ``X_train``, ``X_test``, ``y_train`` and ``y_test``; None
        asks ``sklearn.datasets.fetch_openml("mnist_784")``.

    Returns
    -------
    X_train, X_test, y_train, y_test : ndarray
    """
    if path:
        data = np.load(path)
        return tuple(data[k] for k in ("X_train", "X_test", "y_train", "y_test"))
    X, y = fetch_openml("mnist_784", return_X_y=True, as_frame=False)
    X, y = X.reshape(-1, 28, 28).astype(np.uint8), y.astype(int)
    return X[:60_000], X[60_000:], y[:60_000], y[60_000:]
