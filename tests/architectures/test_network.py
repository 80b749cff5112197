"""Stages, pooling and head."""

import pytest
import torch

from sklearn_cnn.architectures.network import Head
from sklearn_cnn.architectures.pooling import GlobalAveragePooling, GlobalPooling
from sklearn_cnn.architectures.simple import simple_cnn


def test_a_network_is_its_stages_its_pooling_and_its_head():
    net = simple_cnn(1, (8, 8), 3, filters=(4, 6)).eval()
    x = torch.randn(2, 1, 8, 8)
    maps = net.feature_maps(x)
    assert maps.shape == (2, 6, 4, 4)
    assert net.features(x).shape == (2, 6)
    torch.testing.assert_close(net.head(net.pool(maps)), net(x))
    assert net.stage_modules() == {
        "stage1": [net.stages[0]],
        "stage2": [net.stages[1]],
    }


@pytest.mark.parametrize("kind, n_features", [("avg", 4), ("max", 4), ("flatten", 24)])
def test_pooling_and_head_summarise_space(kind, n_features):
    pool = GlobalPooling(kind, 4, (2, 3))
    assert pool.n_features == n_features
    head = Head(
        pool.n_features, 5, hidden_layer_sizes=(7,), activation="relu", dropout=0.5
    )
    assert head.dense0.weight.shape == (7, n_features)
    assert head(pool(torch.zeros(2, 4, 2, 3))).shape == (2, 5)
    assert [type(m).__name__ for m in head].count("ValueDropout") == 2


@pytest.mark.parametrize("shape", [(5,), (3, 4), (2, 3, 4)])
def test_global_average_pooling(shape):
    x = torch.randn(2, 6, *shape, requires_grad=True)
    pooled = GlobalAveragePooling()(x)
    torch.testing.assert_close(pooled, x.flatten(2).mean(dim=2))
    pooled.sum().backward()
    torch.testing.assert_close(x.grad, torch.full_like(x, 1 / x[0, 0].numel()))
