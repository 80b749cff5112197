"""Optimizers: torch's, without the compiler that those load; what is decayed."""

import copy
import pickle
import subprocess
import sys

import pytest
import torch
from torch import nn

from sklearn_cnn.architectures.simple import simple_cnn
from sklearn_cnn.training.optimizers import (
    OPTIMIZERS,
    make_optimizer,
    parameter_groups,
)

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
compiler = {"torch._dynamo", "torch._inductor", "triton", "sympy"}
for name in sys.argv[1:]:
    cnn = CNNClassifier(max_iter=1, optimizer=name, early_stopping=True)
    cnn.fit(X[:200].reshape(-1, 8, 8), y[:200]).predict(X[:9].reshape(-1, 8, 8))
    if loaded := compiler & set(sys.modules):
        sys.exit(f"{name} loaded: {loaded}")
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
    ours = make_optimizer(net.parameters(), name, 0.9, 0.1)
    settings = {key: ours.defaults[key] for key in ours.defaults if key != "lr"}
    settings.pop("decoupled_weight_decay", None)  # AdamW sets it
    theirs = TORCH[name](other.parameters(), lr=0.1, **settings)
    for mine, reference in zip(steps(net, ours), steps(other, theirs), strict=True):
        assert torch.equal(mine, reference)
    assert isinstance(ours, TORCH[name])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_pickled_optimizer_goes_on(net, name):
    optimizer = make_optimizer(net.parameters(), name, 0.9, 0.1)
    steps(net, optimizer)
    net_2, optimizer_2 = pickle.loads(pickle.dumps((net, optimizer)))
    for a, b in zip(steps(net, optimizer), steps(net_2, optimizer_2), strict=True):
        assert torch.equal(a, b)


def test_a_fit_does_not_load_the_compiler():
    done = subprocess.run(
        [sys.executable, "-c", FIT, *OPTIMIZERS], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def decay_by_name(module, weight_decay):
    groups = parameter_groups(module, weight_decay)
    by_parameter = {id(p): g["weight_decay"] for g in groups for p in g["params"]}
    assert len(by_parameter) == len(list(module.parameters()))
    return {name: by_parameter[id(p)] for name, p in module.named_parameters()}


def test_biases_and_normalisation_are_not_decayed():
    decays = decay_by_name(simple_cnn(1, (8, 8), 2, filters=(4, 4)), 0.1)
    for name, decay in decays.items():
        assert decay == (
            0.1 if name.endswith("conv.weight") or "output.w" in name else 0
        )


def test_a_sequence_decays_stage_by_stage_and_then_the_head():
    module = simple_cnn(1, (8, 8), 2, filters=(4, 4), normalization=None)
    decays = decay_by_name(module, (0.3, 0.2, 0.1))
    weights = {n: d for n, d in decays.items() if n.endswith("weight")}
    assert list(weights.values()) == [0.3, 0.2, 0.1]
    first_only = decay_by_name(module, (0.3,))
    assert [n for n, d in first_only.items() if d] == [
        "stages.stage1.0.conv.conv.weight"
    ]


def test_a_sequence_needs_stages():
    with pytest.raises(ValueError, match="2 entries, but the network has 0 parts"):
        parameter_groups(nn.Linear(2, 2), (0.1, 0.2))


def test_momentum_is_that_of_sgd():
    parameters = [nn.Parameter(torch.ones(2))]
    sgd = make_optimizer(parameters, "sgd", 0.7, 0.1)
    assert sgd.param_groups[0]["momentum"] == 0.7 and sgd.param_groups[0]["nesterov"]
    plain = make_optimizer(parameters, "sgd", 0, 0.1)
    assert not plain.param_groups[0]["nesterov"]
