"""Layers do what their arithmetic says."""

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_cnn.architectures.blocks import (
    ConvBlock,
    Convolution,
    Dense,
)
from sklearn_cnn.architectures.dropout import FeatureDropout, ValueDropout
from sklearn_cnn.architectures.pooling import POOLS
from sklearn_cnn.architectures.sizes import convolved_shape
from sklearn_cnn.utils._axes import per_axis


def sliding_window_sum(image, kernel, stride):
    """Convolution of one channel as plain loops, without padding."""
    (h, w), (kh, kw) = image.shape, kernel.shape
    rows, columns = (h - kh) // stride + 1, (w - kw) // stride + 1
    result = np.zeros((rows, columns))
    for i in range(rows):
        for j in range(columns):
            top, left = i * stride, j * stride
            result[i, j] = (image[top : top + kh, left : left + kw] * kernel).sum()
    return result


@pytest.mark.parametrize("kernel_size", [(3, 3), (2, 2), (5, 3)])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_convolution_is_a_sliding_window_sum(kernel_size, stride, padding):
    torch.manual_seed(0)
    layer = Convolution(2, 3, kernel_size, (stride, stride), padding, bias=True)
    image = np.random.default_rng(0).normal(size=(2, 9, 8)).astype(np.float32)
    found = layer(torch.from_numpy(image)[None])[0].detach().numpy()

    weight, bias = (p.detach().numpy() for p in layer.parameters())
    if padding == "same":
        widths = [((k - 1) // 2, k // 2) for k in kernel_size]
        image = np.pad(image, [(0, 0), *widths])
    expected = [
        sum(sliding_window_sum(image[c], weight[f, c], stride) for c in range(2)) + b
        for f, b in enumerate(bias)
    ]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    shape = convolved_shape((9, 8), kernel_size, (stride, stride), padding)
    assert found.shape[1:] == shape


@pytest.mark.parametrize("n_dims", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4])
@pytest.mark.parametrize("stride", [1, 2])
def test_same_padding_gives_ceil_of_n_over_stride(n_dims, kernel, stride):
    layer = Convolution(
        1, 1, (kernel,) * n_dims, (stride,) * n_dims, "same", bias=False
    )
    for n in (4, 5, 7):
        found = layer(torch.zeros(1, 1, *(n,) * n_dims)).shape[2:]
        assert tuple(found) == (-(-n // stride),) * n_dims


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "elu", "tanh", "gelu"])
@pytest.mark.parametrize("pooling", ["max", "avg"])
def test_pooling_early_does_not_change_the_function(activation, pooling):
    torch.manual_seed(0)
    block = ConvBlock(
        (6, 6),
        1,
        4,
        kernel_size=(3, 3),
        stride=(1, 1),
        padding="same",
        activation=activation,
        norm=None,
        pooling=pooling,
    )
    x = torch.randn(2, 1, 6, 6)
    pool = (nn.MaxPool2d if pooling == "max" else nn.AvgPool2d)(2)
    textbook = pool(block.activation(block.conv(x)))
    torch.testing.assert_close(block(x), textbook)


def test_pooling_leaves_axes_of_length_one_alone():
    def block(shape):
        return ConvBlock(
            shape,
            1,
            1,
            kernel_size=(3, 3),
            stride=(1, 1),
            padding="same",
            activation="relu",
            norm=None,
            pooling="max",
        )

    assert block((1, 8)).output_shape == (1, 4)
    assert tuple(block((1, 8))(torch.zeros(1, 1, 1, 8)).shape) == (1, 1, 1, 4)
    assert block((1, 1)).output_shape == (0, 0)


@pytest.mark.parametrize("n_features", [3, 128, 200])
def test_dense_predicts_a_row_alone_as_among_others(n_features):
    torch.manual_seed(0)
    layer = Dense(n_features, 7).eval()
    x = torch.randn(33, n_features)
    together = layer(x)
    alone = torch.cat([layer(row[None]) for row in x])
    torch.testing.assert_close(alone, together, rtol=1e-13, atol=1e-13)
    assert together.dtype == torch.float64
    expected = nn.functional.linear(x, layer.weight, layer.bias)
    torch.testing.assert_close(together.float(), expected)


def test_dense_trains_in_the_dtype_of_its_weights():
    layer = Dense(4, 2).train()
    assert layer(torch.randn(3, 4)).dtype == torch.float32


def test_dense_of_many_weights_keeps_float32():
    layer = Dense(1024, 512).eval()
    assert layer(torch.randn(1, 1024)).dtype == torch.float32


def test_dropout_keeps_the_mean_and_scales_what_is_left():
    torch.manual_seed(0)
    layer, x = ValueDropout(0.3), torch.ones(200, 500)
    dropped = layer.train()(x)
    assert dropped.unique().tolist() == [0, pytest.approx(1 / 0.7)]
    assert (dropped == 0).float().mean().item() == pytest.approx(0.3, abs=0.01)
    assert layer.eval()(x) is x
    again = layer.train()(x)
    assert not torch.equal(again, dropped)
    assert layer(x.double()).max().item() == 1 / (1 - 0.3)


def test_feature_dropout_drops_whole_maps():
    torch.manual_seed(0)
    dropped = FeatureDropout(0.5).train()(torch.ones(50, 20, 3, 4)).flatten(2)
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(dropped.amin(dim=2), dropped.amax(dim=2))
    assert 0.4 < (dropped[..., 0] == 0).float().mean() < 0.6


def test_per_axis():
    assert per_axis(3, 2, "kernel_size", minimum=1) == (3, 3)
    assert per_axis([3, 5], 2, "kernel_size", minimum=1) == (3, 5)
    with pytest.raises(ValueError, match=r"kernel_size=\(3, 3\).* 3 of them"):
        per_axis((3, 3), 3, "kernel_size", minimum=1)
    with pytest.raises(ValueError, match="stride=0"):
        per_axis((0, 1), 2, "stride=0", minimum=1)


@pytest.mark.parametrize("shape", [(7,), (8, 5), (1, 6), (4, 5, 6)])
def test_maxima_of_pairs_are_those_of_the_windows(shape):
    size = tuple(1 if n == 1 else 2 for n in shape)
    layer = POOLS["max"][len(shape)](size)
    x = torch.randn(3, 4, *shape)
    x[0, 0] = torch.nan
    expected = layer(x)
    with torch.inference_mode():
        torch.testing.assert_close(layer(x), expected, rtol=0, atol=0, equal_nan=True)
    assert expected[1:].isfinite().all()
