"""InceptionTime."""

import pytest
import torch

from sklearn_cnn.architectures.inception_time import InceptionModule, inception_time


def expected_parameters(n_channels, n_outputs, width=32, depth=6):
    total, inputs, block_inputs = 0, n_channels, n_channels
    for i in range(depth):
        bottleneck = inputs * width if inputs > 1 else 0
        branches = (40 + 20 + 10) * width * (width if inputs > 1 else 1)
        pooled = inputs * width
        norm = 2 * 4 * width
        total += bottleneck + branches + pooled + norm
        inputs = 4 * width
        if i % 3 == 2:
            total += block_inputs * inputs + 2 * inputs
            block_inputs = inputs
    return total + inputs * n_outputs + n_outputs


@pytest.mark.parametrize("n_channels", [1, 3])
def test_parameters_are_those_of_the_arithmetic(n_channels):
    net = inception_time(n_channels, (100,), 5)
    found = sum(p.numel() for p in net.parameters())
    assert found == expected_parameters(n_channels, 5)


@pytest.mark.parametrize("kernel_size, lengths", [(40, (40, 20, 10)), (3, (3, 1, 1))])
def test_lengths_of_the_filters(kernel_size, lengths):
    net = inception_time(1, (8,), 2, filters=(2,) * 3, kernel_size=kernel_size)
    module = net.stages.stage1.path[0]
    found = tuple(c.conv.kernel_size[0] for c in module.convolutions)
    assert found == lengths


def test_a_module_is_four_branches_side_by_side():
    torch.manual_seed(0)
    module = InceptionModule(3, 2, 4, "identity", None)
    x = torch.randn(2, 3, 9)
    reduced = module.bottleneck(x)
    y = module(x)
    for i, convolution in enumerate(module.convolutions):
        torch.testing.assert_close(y[:, 2 * i : 2 * i + 2], convolution(reduced))
    torch.testing.assert_close(y[:, 6:], module.pooled(x))


def test_a_shortcut_leads_around_three_modules():
    net = inception_time(1, (8,), 2, filters=(2, 2, 2, 3))
    assert hasattr(net.stages.stage1, "shortcut")
    assert [len(net.stages.stage1.path), len(net.stages.stage2)] == [3, 1]
