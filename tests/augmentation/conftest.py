import pytest
import torch


@pytest.fixture(autouse=True)
def seeded():
    """The same draws in each run, of what draws from torch's own generator."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
