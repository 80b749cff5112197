"""Convolutions of small maps learn what plain convolutions learn."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from sklearn_cnn.architectures import small_maps

PLAIN = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
OURS = {1: small_maps.Conv1d, 2: small_maps.Conv2d, 3: small_maps.Conv3d}


def results(layer, x, autocast=False):
    x = x.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        y = layer(x)
    y.float().square().sum().backward()
    gradients = [x.grad, *(p.grad for p in layer.parameters())]
    return [y, *gradients], type(y.grad_fn).__name__


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("kernel_size", "shape", "dense"),
    [
        ((3,), (2,), True),
        ((3,), (3,), False),
        ((3, 3), (1, 1), True),
        ((3, 3), (2, 2), True),
        ((3, 3), (1, 2), True),
        ((3, 3), (2, 3), False),
        ((5, 3), (3, 2), True),
        ((1, 1), (1, 1), True),
        ((3, 3, 3), (2, 1, 2), True),
    ],
)
def test_outputs_and_gradients_are_those_of_torch(kernel_size, shape, dense, bias):
    torch.manual_seed(0)
    n_dims, padding = len(shape), tuple(k // 2 for k in kernel_size)
    ours = OURS[n_dims](3, 5, kernel_size, padding=padding, bias=bias)
    plain = PLAIN[n_dims](3, 5, kernel_size, padding=padding, bias=bias)
    plain.load_state_dict(ours.state_dict())
    x = torch.randn(4, 3, *shape)
    found, how = results(ours, x)
    expected, usual = results(plain, x)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-5)
    assert (how != usual) == dense
    with torch.no_grad():
        assert torch.equal(ours.eval()(x), plain(x))


@pytest.mark.parametrize(
    "parameters", [{"stride": 2}, {"groups": 2}, {"padding": 0}, {"dilation": 2}]
)
def test_other_convolutions_stay_as_they_are(parameters):
    ours = small_maps.Conv2d(4, 4, 3, **{"padding": 1} | parameters)
    plain = nn.Conv2d(4, 4, 3, **{"padding": 1} | parameters)
    plain.load_state_dict(ours.state_dict())
    size = 5 if parameters.keys() & {"padding", "dilation"} else 2
    x = torch.randn(2, 4, size, size)
    for a, b in zip(results(ours, x)[0], results(plain, x)[0], strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("bias", [True, False])
def test_bfloat16_under_autocast(bias):
    torch.manual_seed(0)
    ours = small_maps.Conv2d(16, 32, 3, padding=1, bias=bias)
    plain = nn.Conv2d(16, 32, 3, padding=1, bias=bias)
    plain.load_state_dict(ours.state_dict())
    x = torch.randn(8, 16, 2, 2)
    found, _ = results(ours, x, autocast=True)
    expected, _ = results(plain, x, autocast=True)
    assert [t.dtype for t in found] == [t.dtype for t in expected]
    for a, b in zip(found, expected, strict=True):
        error = (a.float() - b.float()).norm() / b.float().norm()
        assert error < 0.01


def test_what_it_cannot_differentiate_is_refused():
    layer = small_maps.Conv2d(3, 5, 3, padding=1)
    x = torch.randn(4, 3, 2, 2, requires_grad=True)
    (gradient,) = torch.autograd.grad(layer(x).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="differentiate twice"):
        gradient.sum().backward()
    with pytest.raises(RuntimeError, match="setup_context"):
        torch.func.vmap(lambda one: layer(one[None]))(x)


class Tied(nn.Module):
    def forward(self, weight):
        return weight.mean((2, 3), keepdim=True).expand(-1, -1, 3, 3)


def test_weights_that_share_memory():
    layer = small_maps.Conv2d(2, 3, 3, padding=1)
    nn.utils.parametrize.register_parametrization(layer, "weight", Tied())
    x = torch.randn(4, 2, 2, 2)
    layer(x).square().sum().backward()
    ours = layer.parametrizations.weight.original.grad.clone()
    layer.zero_grad()
    nn.functional.conv2d(
        x, layer.weight, layer.bias, padding=1
    ).square().sum().backward()
    torch.testing.assert_close(ours, layer.parametrizations.weight.original.grad)


def test_memory_formats_stay():
    layer = small_maps.Conv2d(3, 5, 3, padding=1).to(memory_format=torch.channels_last)
    x = torch.randn(4, 3, 2, 2).contiguous(memory_format=torch.channels_last)
    (y, _, weight_gradient, _), _ = results(layer, x)
    for tensor in (y, weight_gradient):
        assert tensor.is_contiguous(memory_format=torch.channels_last)


_STRIDING_BEYOND_THE_MAP = """
import numpy as np
from sklearn_cnn import CNNClassifier

X, y = np.random.default_rng(0).normal(size=(32, 5, 5, 5, 1)), np.arange(32) % 2
cnn = CNNClassifier(
    filters=(16,), kernel_size=7, stride=2, max_iter=20, pooling=None, batch_size=4
)
cnn.fit(X, y).predict(X)
"""


def test_kernels_that_stride_beyond_volumes_leave_the_memory_of_the_process_whole():
    # nn.Conv3d dies here: "malloc(): invalid size"
    code = [sys.executable, "-c", _STRIDING_BEYOND_THE_MAP]
    subprocess.run(code, check=True, timeout=120)


def test_kernels_that_stride_beyond_volumes_learn_what_float64_learns():
    torch.manual_seed(0)
    options = {"stride": (2, 4, 3), "padding": 3}
    ours, plain = OURS[3](3, 5, 7, **options), nn.Conv3d(3, 5, 7, **options).double()
    plain.load_state_dict(ours.state_dict())
    x = torch.randn(4, 3, 5, 5, 5)
    for a, b in zip(results(ours, x)[0], results(plain, x.double())[0], strict=True):
        torch.testing.assert_close(a.double(), b, rtol=1e-4, atol=1e-3)
