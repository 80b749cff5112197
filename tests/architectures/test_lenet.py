"""LeNet-5 and its relatives."""

import pytest
import torch

from sklearn_cnn.architectures.lenet import lenet


def test_the_network_of_the_paper():
    net = lenet(
        1,
        (32, 32),
        10,
        padding="valid",
        activation="tanh",
        pooling="avg",
        normalization=None,
    )
    assert sum(p.numel() for p in net.parameters()) == 61_706
    shapes = []
    for stage in net.stages:
        stage.register_forward_hook(lambda m, i, o: shapes.append(tuple(o.shape[1:])))
    net(torch.zeros(1, 1, 32, 32))
    assert shapes == [(6, 14, 14), (16, 5, 5)]
    assert {type(m).__name__ for m in net.modules()} >= {"Tanh", "AvgPool2d"}


@pytest.mark.parametrize("pooling", ["max", "avg", "stride", None])
@pytest.mark.parametrize("shape", [(9,), (1, 10), (5, 6, 7)])
def test_every_stage_halves_what_can_be_halved(pooling, shape):
    net = lenet(2, shape, 3, filters=(3, 4, 5), pooling=pooling, conv_dropout=0.2)
    maps = net.feature_maps(torch.zeros(2, 2, *shape))
    expected = shape
    for _ in range(3 if pooling else 0):
        up = pooling == "stride"
        expected = tuple(max(1, (n + up) // 2) for n in expected)
    assert maps.shape == (2, 5, *expected)


def test_valid_convolutions_need_room():
    with pytest.raises(ValueError, match=r"8x8 are too small .*stage 2 .*2x2 is small"):
        lenet(1, (8, 8), 10, padding="valid")
    net = lenet(1, (5, 5), 10, padding="valid", filters=(4,))
    assert net(torch.zeros(2, 1, 5, 5)).shape == (2, 10)


def test_kernels_may_differ_between_axes():
    net = lenet(1, (8, 9), 2, kernel_size=(3, 4))
    assert net.stages[0][0].conv.conv.kernel_size == (3, 4)
    assert net(torch.zeros(2, 1, 8, 9)).shape == (2, 2)
