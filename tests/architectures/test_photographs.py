"""Networks made for ImageNet beside those of torchvision."""

import pytest
import torch
import torchvision
from torch import nn

from sklearn_cnn.architectures import build
from sklearn_cnn.architectures.blocks import he_initialize
from sklearn_cnn.architectures.pooling import OverlappingMaxPool
from sklearn_cnn.architectures.resnet import Residual

PARAMETERS = {
    "alexnet": 61_100_840,
    "vgg11": 132_863_336,
    "vgg13": 133_047_848,
    "vgg16": 138_357_544,
    "vgg19": 143_667_240,
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "mobilenet_v2": 3_504_872,
}
PLAIN = ("alexnet", "vgg11", "vgg13", "vgg16", "vgg19")


def make(name, shape=(224, 224), n_channels=3, n_outputs=1000, **parameters):
    defaults = dict.fromkeys(parameters, "estimator's default")
    return build(name, n_channels, shape, n_outputs, parameters, defaults)


@pytest.mark.parametrize("name, n_parameters", PARAMETERS.items())
def test_parameters_are_those_of_torchvision(name, n_parameters):
    with torch.device("meta"):
        net = make(name, normalization=None if name in PLAIN else "batch")
        reference = torchvision.models.get_model(name, weights=None)
    assert sum(p.numel() for p in net.parameters()) == n_parameters
    shapes, expected = (
        [tuple(t.shape) for t in m.state_dict().values()] for m in (net, reference)
    )
    assert shapes == expected


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "mobilenet_v2"])
def test_outputs_are_those_of_torchvision(name):
    torch.manual_seed(0)
    reference = torchvision.models.get_model(name, weights=None).eval()
    for layer in reference.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.running_mean, -0.1, 0.1)
            nn.init.uniform_(layer.running_var, 0.5, 2)
    activation = "relu6" if name == "mobilenet_v2" else "relu"
    net = make(name, (96, 65), activation=activation).eval()
    tensors = zip(net.state_dict(), reference.state_dict().values(), strict=True)
    net.load_state_dict(dict(tensors))
    images = torch.randn(2, 3, 96, 65)
    with torch.no_grad():
        expected = reference(images)
        torch.testing.assert_close(net(images), expected, rtol=1e-5, atol=1e-5)


def positions(net, shape):
    with torch.device("meta"):
        maps = net.to("meta").eval().feature_maps(torch.zeros(1, 3, *shape))
    return tuple(maps.shape[2:])


@pytest.mark.parametrize(
    "name, large, small",
    [
        ("alexnet", (6, 6), (4, 4)),
        ("vgg16", (7, 7), (1, 1)),
        ("resnet18", (7, 7), (4, 4)),
        ("resnet50", (7, 7), (4, 4)),
        ("mobilenet_v2", (7, 7), (4, 4)),
    ],
)
def test_small_images_keep_their_resolution_for_longer(name, large, small):
    with torch.device("meta"):
        assert positions(make(name), (224, 224)) == large
        assert positions(make(name, (32, 32)), (32, 32)) == small
        # the longest axis decides
        first, second = (
            next(make(name, shape).parameters()).shape for shape in [(63, 1), (64, 1)]
        )
    assert (first != second) == (name in ("alexnet", "resnet18", "resnet50"))


@pytest.mark.parametrize("name", ["alexnet", "vgg11"])
def test_the_head_depends_on_the_size_unless_it_is_given(name):
    with torch.device("meta"):
        large, small = make(name), make(name, (32, 32), n_outputs=10)
        given = make(name, (32, 32), hidden_layer_sizes=(7,), global_pooling="flatten")
    assert large.head.dense1.weight.shape == (4096, 4096)
    assert [type(layer).__name__ for layer in small.head] == ["ValueDropout", "Dense"]
    assert small.head.output.in_features == small.pool.n_features < 1000
    assert given.head.output.in_features == 7
    assert hasattr(small.pool, "mean") and not hasattr(given.pool, "mean")


def test_widths_follow_from_filters():
    mobile = make("mobilenet_v2", (32, 32), filters=(3, 4, 5, 6, 7, 8, 9))
    assert mobile.stages.stem.conv.conv.out_channels == 2 * 3
    assert mobile.head.output.in_features == 4 * 9
    residual = make("resnet50", (32, 32), filters=(3, 4, 5, 6))
    assert residual.stages.stem[0].conv.conv.out_channels == 3
    assert residual.head.output.in_features == 4 * 6


@pytest.mark.parametrize("pooling", ["max", "avg", "stride", None])
def test_vgg_halves_as_it_is_told(pooling):
    net = make(
        "vgg11", (8, 9), filters=(3, 4, 5), blocks_per_stage=(1, 1, 2), pooling=pooling
    )
    expected = {"stride": (1, 2), None: (8, 9)}.get(pooling, (1, 1))
    assert tuple(net.feature_maps(torch.zeros(2, 3, 8, 9)).shape[2:]) == expected


@pytest.mark.parametrize("shape", [(1,), (2,), (7, 1), (2, 8), (5, 6, 7)])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_overlapping_pooling_leaves_something(shape, padding):
    pool = OverlappingMaxPool(shape, padding)
    found = tuple(pool(torch.zeros(1, 1, *shape)).shape[2:])
    same = tuple(-(-n // 2) for n in shape)
    valid = tuple(max(1, (n - 1) // 2) for n in shape)
    assert found == pool.output_shape == (same if padding == "same" else valid)


@pytest.mark.parametrize("groups", [1, 64])
def test_initial_filters_pass_gradients_on_as_they_are(groups):
    torch.manual_seed(0)
    layer = nn.Conv2d(64, 64, 5, groups=groups)
    he_initialize(layer)
    fan_out = 25 * 64 // groups
    assert layer.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.1)
    assert not layer.bias.any()


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "mobilenet_v2"])
@pytest.mark.parametrize("normalization", ["batch", "layer", None])
def test_normalised_blocks_begin_as_their_shortcuts(name, normalization):
    net = make(name, (8, 8), blocks_per_stage=2, normalization=normalization)
    block = net.stages.stage3[1]
    residual = block if isinstance(block, Residual) else block[0]
    width = residual.path[0].conv.conv.in_channels
    x = torch.rand(2, width, 4, 4)
    assert torch.equal(residual(x), x) == (normalization is not None)


def test_deep_plain_networks_keep_the_scale_of_their_input():
    torch.manual_seed(0)
    net = make("vgg19", (32, 32), filters=(32,) * 5, normalization=None)
    scale = net.feature_maps(torch.randn(4, 3, 32, 32)).std()
    assert 0.1 < scale < 10
