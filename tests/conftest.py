import os
import random
import signal

# before scipy is imported: scikit-learn's array API check is skipped without it
os.environ.setdefault("SCIPY_ARRAY_API", "1")
# before torch is imported: workers side by side, and what they start, share the cores
if "PYTEST_XDIST_WORKER_COUNT" in os.environ:
    os.environ.setdefault(
        "OMP_NUM_THREADS",
        str(-(-os.cpu_count() // int(os.environ["PYTEST_XDIST_WORKER_COUNT"]))),
    )

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from sklearn_cnn.inference import features


@pytest.fixture(scope="session", autouse=True)
def interrupts():
    """Ctrl-C interrupts, also where the tests were started with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def global_random_state():
    """What a test seeds, no other test finds: each may run after any other."""
    before = random.getstate(), np.random.get_state(), torch.get_rng_state()
    yield
    random.setstate(before[0])
    np.random.set_state(before[1])
    torch.set_rng_state(before[2])


@pytest.fixture(scope="session")
def digits():
    """300 of the digits: images of shape (300, 8, 8, 1) and labels."""
    X, y = load_digits(return_X_y=True)
    return X[:300].reshape(-1, 8, 8, 1), y[:300]


@pytest.fixture(scope="session")
def zeros_and_ones(digits):
    """The zeros and ones among them."""
    X, y = digits
    return X[y < 2], y[y < 2]


@pytest.fixture(scope="session")
def volumes():
    """Bright corners in noisy volumes of shape (60, 4, 6, 6)."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4, 6, 6)).astype(np.float32)
    y = np.arange(60) % 2
    X[y == 1, :2, :3, :3] += 2
    return X, y


@pytest.fixture(scope="session")
def signals():
    """Sine waves of two frequencies, of shape (80, 32)."""
    rng = np.random.default_rng(0)
    y = np.arange(80) % 2
    phase = rng.uniform(0, 2 * np.pi, size=(80, 1))
    time = np.linspace(0, 1, 32)
    X = np.sin(2 * np.pi * (2 + 3 * y[:, None]) * time + phase)
    return X + 0.1 * rng.normal(size=X.shape), y


@pytest.fixture
def remembered(monkeypatch):
    """What is remembered of features, from nothing on, and even of little work."""
    monkeypatch.setattr(features, "_WORTH", 0)
    monkeypatch.setattr(features, "_WORTH_PER_WEIGHT", 0)
    memory = features._Memory(1 << 20)
    monkeypatch.setattr(features, "_remembered", memory)
    return memory


class _Stumbling(torch.nn.Module):
    def __init__(self, n_channels, spatial_shape, n_outputs):
        super().__init__()
        self.layer = torch.nn.Linear(64, n_outputs)

    def forward(self, x):
        if self.training:
            raise RuntimeError("out of luck")
        return self.layer(x.flatten(1))


@pytest.fixture
def Stumbling():
    """An architecture for 8x8 images that fails in its first training step."""
    return _Stumbling
