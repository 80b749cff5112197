"""What all tests on a GPU share; without a GPU, all are skipped.

SKLEARN_CNN_TEST_DEVICE names another device to run them on, as far as they go there.
"""

import os
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import torch

matplotlib.use("agg")

DEVICE = os.environ.get("SKLEARN_CNN_TEST_DEVICE", "cuda")


def pytest_collection_modifyitems(items):
    if DEVICE != "cuda" or torch.cuda.is_available():
        return
    skip = pytest.mark.skip(reason="no CUDA device")
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def device():
    """Where everything here is computed."""
    return DEVICE


@pytest.fixture
def cuda(device):
    """The functions of torch.cuda, for tests of what only CUDA has."""
    if device != "cuda":
        pytest.skip("needs CUDA")
    return torch.cuda


@pytest.fixture(scope="session")
def photos():
    """Colour pictures of shape (48, 32, 32, 3), uint8, of three kinds."""
    rng = np.random.default_rng(0)
    y = np.arange(48) % 3
    X = rng.integers(0, 160, size=(48, 32, 32, 3), dtype=np.uint8)
    for image, kind in zip(X, y, strict=True):
        image[..., kind] += 90
    return X, y
