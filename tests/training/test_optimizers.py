"""Optimizers are those of torch, without the compiler that torch's load."""

import copy
import pickle
import subprocess
import sys

import pytest
import torch
from torch import nn

from sklearn_cnn.training import OPTIMIZERS, optimizer_factory

TORCH = {
    "adamw": torch.optim.AdamW,
    "adam": torch.optim.Adam,
    "sgd": torch.optim.SGD,
    "rmsprop": torch.optim.RMSprop,
}

FIT = """
import sys
from sklearn.datasets import load_digits
from sklearn_cnn import CNNClassifier

X, y = load_digits(return_X_y=True)
cnn = CNNClassifier(max_iter=1, optimizer=sys.argv[1], early_stopping=True)
cnn.fit(X[:200].reshape(-1, 8, 8), y[:200]).predict(X[:9].reshape(-1, 8, 8))
compiler = {"torch._dynamo", "torch._inductor", "triton", "sympy"}
sys.exit(f"loaded: {loaded}" if (loaded := compiler & set(sys.modules)) else 0)
"""


def steps(net, optimizer, n=5):
    generator = torch.Generator().manual_seed(0)
    for _ in range(n):
        x = torch.rand(8, 6, generator=generator)
        for parameter in net.parameters():
            parameter.grad = None
        net(x).square().mean().backward()
        optimizer.step()
    return [parameter.detach().clone() for parameter in net.parameters()]


@pytest.fixture
def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_are_those_of_torch(net, name):
    other = copy.deepcopy(net)
    ours = optimizer_factory(name, momentum=0.9)(net.parameters(), lr=0.1)
    settings = {key: ours.defaults[key] for key in ours.defaults if key != "lr"}
    settings.pop("decoupled_weight_decay", None)  # AdamW sets it
    theirs = TORCH[name](other.parameters(), lr=0.1, **settings)
    for mine, reference in zip(steps(net, ours), steps(other, theirs), strict=True):
        assert torch.equal(mine, reference)
    assert isinstance(ours, TORCH[name])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_pickled_optimizer_goes_on(net, name):
    optimizer = optimizer_factory(name, momentum=0.9)(net.parameters(), lr=0.1)
    steps(net, optimizer)
    net_2, optimizer_2 = pickle.loads(pickle.dumps((net, optimizer)))
    for a, b in zip(steps(net, optimizer), steps(net_2, optimizer_2), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_fit_does_not_load_the_compiler(name):
    done = subprocess.run(
        [sys.executable, "-c", FIT, name], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
