import matplotlib
import numpy as np
import pytest

from sklearn_cnn import CNNClassifier

# nothing here needs a display; users keep the backend that they have
matplotlib.use("agg")

SIDE, PATCH = 32, 6


@pytest.fixture(autouse=True)
def closed_figures():
    """Close what a test drew."""
    from matplotlib import pyplot as plt

    yield
    plt.close("all")


@pytest.fixture(scope="session")
def fitted(digits):
    """A small network, and how it was validated."""
    X, y = digits
    cnn = CNNClassifier(filters=(6, 9), max_iter=4, random_state=0)
    return cnn.fit(X[:200], y[:200], X_val=X[200:], y_val=y[200:])


@pytest.fixture(scope="session")
def fitted_signals(signals):
    """A network for signals."""
    X, y = signals
    return CNNClassifier(filters=(4, 6), max_iter=2, random_state=0).fit(X, y)


@pytest.fixture(scope="session")
def fitted_volumes(volumes):
    """A network for volumes."""
    X, y = volumes
    cnn = CNNClassifier(filters=(3, 5), spatial_dims=3, max_iter=2, random_state=0)
    return cnn.fit(X, y)


def planted(n_samples, seed):
    """Noise with a patch of upright or lying stripes, and where its corner is."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, SIDE, SIDE)).astype(np.float32)
    y = np.arange(n_samples) % 2
    corners = rng.integers(SIDE - PATCH + 1, size=(n_samples, 2))
    stripes = np.tile([2.4, -2.4], (PATCH, PATCH // 2))
    for image, label, (row, column) in zip(X, y, corners, strict=True):
        patch = stripes if label else stripes.T
        image[row : row + PATCH, column : column + PATCH] += patch
    return X, y, corners


@pytest.fixture(scope="session")
def patches():
    """Test images, the corners of their patches, and a network that knows patches."""
    X, y, _ = planted(400, seed=0)
    cnn = CNNClassifier(
        filters=(8, 16),
        max_iter=8,
        augmentation=None,
        conv_dropout=0.0,
        label_smoothing=0.0,
        random_state=0,
    ).fit(X, y)
    X, y, corners = planted(70, seed=1)
    assert cnn.score(X, y) == 1
    return cnn, X, y, corners
