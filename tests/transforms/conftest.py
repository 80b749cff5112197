import numpy as np
import pytest
from sklearn.datasets import load_sample_images


@pytest.fixture(scope="session")
def photos():
    """A temple and a flower of 107x160 pixels: shape (2, 107, 160, 3), uint8."""
    return np.stack(load_sample_images().images)[:, ::4, ::4]
