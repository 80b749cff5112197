"""Stages, global pooling and head are joined in one place."""

import copy
import inspect
import pickle

import pytest
import torch
from torch import nn

from sklearn_cnn.architectures import Network
from sklearn_cnn.architectures.alexnet import alexnet
from sklearn_cnn.architectures.blocks import same_block
from sklearn_cnn.architectures.joining import with_head
from sklearn_cnn.architectures.stages import Stages


@with_head(global_pooling="max", dropout=0.3)
def two_stages(n_channels, spatial_shape, *, filters=(4, 6), activation="relu"):
    stages = Stages(n_channels, spatial_shape, initialize=fill)
    for i, width in enumerate(filters):
        stages.begin(f"stage{i + 1}")
        shape, n_maps = stages.spatial_shape, stages.n_channels
        stages.append(
            same_block(shape, n_maps, width, 3, 2, activation=activation, norm=None)
        )
    return stages


def fill(module):
    for parameter in module.parameters():
        nn.init.ones_(parameter)


def test_a_network_obeys_the_keywords_of_stages_and_head():
    parameters = list(inspect.signature(two_stages).parameters.values())
    assert {p.name: p.default for p in parameters[3:]} == {
        "filters": (4, 6),
        "activation": "relu",
        "global_pooling": "max",
        "hidden_layer_sizes": (),
        "dropout": 0.3,
        "unequal_length": False,
    }
    net = two_stages(
        2, (9, 7), 3, filters=(5,), hidden_layer_sizes=(8,), activation="tanh"
    )
    assert isinstance(net, Network) and net.head.dropout.p == 0.3
    assert net.head.dense0.weight.shape == (8, 5)
    assert [type(m) for m in net.modules()].count(nn.Tanh) == 2
    assert net(torch.zeros(4, 2, 9, 7)).shape == (4, 3)


def test_stages_say_what_they_give():
    net = two_stages(2, (9, 7), 3, global_pooling="flatten")
    assert net.feature_maps(torch.zeros(1, 2, 9, 7)).shape == (1, 6, 3, 2)
    assert net.head.output.in_features == 6 * 3 * 2


def test_weights_of_stages_are_drawn_anew_and_those_of_the_head_are_not():
    net = two_stages(2, (9, 7), 3)
    assert all((p == 1).all() for p in net.stages.parameters())
    assert not (net.head.output.weight == 1).any()


def test_none_leaves_the_head_to_the_size_of_the_images():
    filters = (4,) * 5
    with torch.device("meta"):
        small = alexnet(3, (63, 63), 2, filters=filters).head
        large = alexnet(3, (96, 96), 2, filters=filters).head
        chosen = alexnet(3, (96, 96), 2, filters=filters, hidden_layer_sizes=(7,)).head
    assert small.output.in_features == 4
    assert [large.dense0.out_features, large.dense1.out_features] == [4096, 4096]
    assert large.dense0.in_features == 4 * 2 * 2
    assert chosen.dense0.out_features == chosen.output.in_features == 7


def test_an_unknown_keyword_is_an_error():
    with pytest.raises(TypeError, match="kernel_size"):
        two_stages(2, (9, 7), 3, kernel_size=5)


def test_networks_can_be_copied_and_pickled():
    net = two_stages(2, (9, 7), 3).eval()
    x = torch.randn(2, 2, 9, 7)
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert torch.equal(other(x), net(x))
    assert pickle.loads(pickle.dumps(two_stages)) is two_stages
