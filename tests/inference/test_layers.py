"""Layers by their names."""

import pytest
import torch
from torch import nn

from sklearn_cnn.inference import find_layer, layer_outputs


@pytest.fixture
def network():
    return nn.Sequential(nn.Linear(2, 3), nn.ReLU(inplace=True), nn.Identity())


def test_outputs_are_those_before_a_layer_that_works_in_place(network):
    batch = torch.tensor([[1.0, -1.0]])
    expected = nn.functional.linear(batch, network[0].weight, network[0].bias)
    found = layer_outputs(network, ["0", "1"], batch)
    torch.testing.assert_close(found["0"], expected)
    torch.testing.assert_close(found["1"], expected.relu())
    assert not any(layer._forward_hooks for layer in network.modules())


@pytest.mark.parametrize("name", ["", "3", None])
def test_unknown_layers_are_named(network, name):
    with pytest.raises(ValueError, match=r"is not in the network.* Available: 0, 1, 2"):
        find_layer(network, name)


class Skipping(nn.Module):
    def __init__(self):
        super().__init__()
        self.used, self.unused = nn.LSTM(2, 3), nn.Linear(2, 3)

    def forward(self, x):
        return self.used(x)[0]


@pytest.mark.parametrize(
    "name, problem", [("used", "no tensor"), ("unused", "no part")]
)
def test_layers_that_give_nothing(name, problem):
    with pytest.raises(ValueError, match=f"layer='{name}' (gives|takes) {problem}"):
        layer_outputs(Skipping(), [name], torch.zeros(1, 2))
