"""In bfloat16, kernels that reach beyond the map get the gradients of float64."""

import random
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sklearn_cnn import CNNClassifier
from sklearn_cnn.architectures import EverythingWritten

CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
FORMATS = {2: torch.channels_last, 3: torch.channels_last_3d}


def spoil_freed_memory():
    """Leave NaN in what is allocated next: what is never written then shows."""
    sizes = [4**i for i in range(2, 9)] * 3
    spoiled = [torch.full((size,), torch.nan) for size in sizes]
    del spoiled


def results(convolve, x, weight, options, *, bfloat16):
    dtype = torch.float32 if bfloat16 else torch.float64
    x, weight = (t.to(dtype, copy=True).requires_grad_() for t in (x, weight))
    bias = torch.ones(32, dtype=dtype, requires_grad=True)
    spoil_freed_memory()
    with (
        EverythingWritten(),
        torch.autocast("cpu", torch.bfloat16, enabled=bfloat16),
    ):
        y = convolve(x, weight, bias, **options)
    assert y.dtype == (torch.bfloat16 if bfloat16 else torch.float64)
    gradient = torch.randn(y.shape, generator=torch.Generator().manual_seed(0))
    spoil_freed_memory()
    y.backward(gradient.to(y.dtype))
    return y.detach(), x.grad, weight.grad, bias.grad


def assert_close_to_float64(convolve, x, weight, **options):
    found = results(convolve, x, weight, options, bfloat16=True)
    expected = results(convolve, x, weight, options, bfloat16=False)
    for a, b in zip(found, expected, strict=True):
        error = (a.double() - b).norm()
        assert error <= 0.02 * b.norm() + 1e-6, (x.shape, weight.shape, options)


def drawn_case(rng, n_dims):
    shape = [rng.randint(1, 6) for _ in range(n_dims)]
    kernel = [rng.randint(1, 6) for _ in range(n_dims)]
    dilation = [rng.choice([1, 1, 1, 2]) for _ in range(n_dims)]
    padding = [
        rng.randint(0, d * (k // 2) + 1) for k, d in zip(kernel, dilation, strict=True)
    ]
    options = {
        "stride": tuple(rng.randint(1, 4) for _ in range(n_dims)),
        "padding": tuple(padding),
        "dilation": tuple(dilation),
        "groups": rng.choice([1, 1, 2, 32]),
    }
    torch.manual_seed(rng.randint(0, 1000))
    x = torch.randn(4, 32, *shape)
    weight = torch.randn(32, 32 // options["groups"], *kernel)
    if n_dims > 1 and rng.random() < 0.5:
        x = x.contiguous(memory_format=FORMATS[n_dims])
    return x, weight, options


@pytest.mark.parametrize("n_dims", [1, 2, 3])
def test_gradients_of_convolutions_are_those_of_float64(n_dims):
    rng = random.Random(n_dims)
    n_tried = 0
    while n_tried < 150:
        x, weight, options = drawn_case(rng, n_dims)
        sizes = zip(
            x.shape[2:],
            weight.shape[2:],
            options["padding"],
            options["dilation"],
            strict=True,
        )
        if all(n + 2 * p > d * (k - 1) for n, k, p, d in sizes):
            assert_close_to_float64(CONVOLUTIONS[n_dims], x, weight, **options)
            n_tried += 1


def test_outputs_are_written_where_there_is_one_along_an_axis():
    torch.manual_seed(0)
    for shape, kernel, stride, padding in [
        ((7, 4), (1, 3), (1, 2), 0),
        ((5, 6), (2, 5), (1, 5), (1, 0)),
        ((1, 4, 8), (2, 3, 5), (3, 4, 1), 1),
        ((4, 4, 3), (2, 2, 3), (2, 2, 2), 0),
    ]:
        x, weight = torch.randn(16, 32, *shape), torch.randn(32, 32, *kernel)
        assert_close_to_float64(
            CONVOLUTIONS[len(shape)], x, weight, stride=stride, padding=padding
        )


_STRIDING_THROUGH_VOLUMES = """
import torch
from torch.nn import functional as F
from sklearn_cnn.architectures import EverythingWritten

for shape, kernel, stride in [
    ((16, 15, 6), (1, 4, 3), (3, 4, 3)),
    ((16, 12, 14), (1, 2, 1), (4, 5, 2)),
    ((11, 14, 5), (1, 3, 4), (5, 5, 1)),
]:
    for memory in (torch.contiguous_format, torch.channels_last_3d):
        x = torch.randn(2, 16, *shape).contiguous(memory_format=memory)
        weight = torch.randn(32, 16, *kernel, requires_grad=True)
        for _ in range(10):
            with EverythingWritten(), torch.autocast("cpu", torch.bfloat16):
                y = F.conv3d(x.requires_grad_(), weight, stride=stride)
            y.float().square().sum().backward()
            freed = [torch.ones(4**i) for i in range(2, 9)]
"""


def test_large_strides_through_volumes_leave_the_memory_of_the_process_whole():
    # without the context it dies within a second: "double free or corruption"
    code = [sys.executable, "-c", _STRIDING_THROUGH_VOLUMES]
    subprocess.run(code, check=True, timeout=120)


def test_predictions_in_bfloat16_are_written_too():
    X = np.random.default_rng(0).normal(size=(64, 9, 5))
    cnn = CNNClassifier(
        filters=(16,),
        kernel_size=3,
        stride=(1, 3),
        padding="valid",
        pooling=None,
        max_iter=1,
        random_state=0,
        precision="bfloat16",
    ).fit(X, np.arange(64) % 3)
    predictions = []
    for _ in range(3):
        spoil_freed_memory()
        predictions.append(cnn.predict_proba(X))
    assert np.isfinite(predictions).all()
    assert (np.ptp(predictions, axis=0) == 0).all()


@pytest.mark.parametrize("n_dims", [1, 2, 3])
def test_gradients_of_transposed_convolutions_are_those_of_float64(n_dims):
    rng = random.Random(n_dims)
    n_tried = 0
    while n_tried < 80:
        x, weight, options = drawn_case(rng, n_dims)
        options["groups"] = 1
        weight = torch.randn(32, 32, *weight.shape[2:])
        sizes = zip(
            x.shape[2:],
            weight.shape[2:],
            options["stride"],
            options["padding"],
            options["dilation"],
            strict=True,
        )
        if all((n - 1) * s - 2 * p + d * (k - 1) >= 0 for n, k, s, p, d in sizes):
            assert_close_to_float64(TRANSPOSED[n_dims], x, weight, **options)
            n_tried += 1


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_padding_in_words(padding):
    torch.manual_seed(0)
    x, weight = torch.randn(4, 32, 2, 7), torch.randn(32, 32, 1, 5)
    assert_close_to_float64(F.conv2d, x, weight, padding=padding)
    if padding == "same":
        weight = torch.randn(32, 32, 5, 3)
        assert_close_to_float64(F.conv2d, x, weight, padding=padding)
        assert_close_to_float64(F.conv2d, x, weight, padding=padding, dilation=2)


def test_numbers_in_place_of_sequences_and_a_sample_without_batch():
    torch.manual_seed(0)
    x, weight = torch.randn(4, 32, 2, 2), torch.randn(32, 32, 3, 3)
    assert_close_to_float64(F.conv2d, x, weight, stride=2, padding=1)
    assert_close_to_float64(F.conv2d, x[0], weight, stride=2, padding=1)
    assert_close_to_float64(F.conv2d, x, weight, stride=(2,), padding=(1,))
    assert_close_to_float64(F.conv_transpose2d, x, weight, stride=2, padding=1)


def test_layers_that_lack_nothing_are_left_alone():
    x = torch.randn(2, 3, 8, 8)
    layer = nn.Conv2d(3, 4, 3, stride=2, padding=1)
    with torch.autocast("cpu", torch.bfloat16):
        expected = layer(x)
        with EverythingWritten():
            found = layer(x)
    assert torch.equal(found, expected)
    assert type(found.grad_fn) is type(expected.grad_fn)


def test_what_the_compiler_makes_of_a_network_too():
    torch.manual_seed(0)
    layer = nn.Conv2d(32, 32, 3, stride=2, padding=1)
    x = torch.randn(4, 32, 2, 2)
    with EverythingWritten(), torch.autocast("cpu", torch.bfloat16):
        torch.compile(layer, backend="aot_eager")(x).sum().backward()
    # the first row and column of the kernel see nothing but padding
    assert not layer.weight.grad[:, :, 0].any()
    assert not layer.weight.grad[:, :, :, 0].any()
    assert layer.weight.grad[:, :, 1:, 1:].all()


def users_network(n_channels, spatial_shape, n_outputs):
    layers, width = [], n_channels
    for _ in range(4):
        layers += [nn.Conv2d(width, 16, 3, stride=2, padding=1), nn.ReLU()]
        width = 16
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, n_outputs)
    )


@pytest.mark.parametrize(
    ("architecture", "parameters", "shape"),
    [
        ("resnet18", {"filters": (8, 16, 16, 16)}, (8, 8)),
        ("resnet18", {}, (60, 3)),
        (users_network, {}, (8, 8)),
        ("torchvision:resnet18", {}, (32, 32)),
    ],
)
def test_two_fits_in_bfloat16_agree_to_the_bit(architecture, parameters, shape):
    X = np.random.default_rng(0).normal(size=(64, *shape))
    y = np.arange(64) % 3
    weights = []
    for _ in range(2):
        spoil_freed_memory()
        cnn = CNNClassifier(
            architecture,
            max_iter=1,
            random_state=0,
            precision="bfloat16",
            **parameters,
        ).fit(X, y)
        weights.append(torch.cat([p.flatten() for p in cnn.module_.parameters()]))
    assert torch.equal(*weights)
    assert weights[0].isfinite().all()
