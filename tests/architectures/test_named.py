"""What all networks with a name have in common."""

import pytest
import torch
from torch import nn

from sklearn_cnn import CNNClassifier
from sklearn_cnn.architectures import build
from sklearn_cnn.inference.folding import fold_batch_norms

TINY = {
    "lenet": {"filters": (3, 4), "hidden_layer_sizes": (6,)},
    "alexnet": {"filters": (3, 4, 5, 4, 4)},
    "vgg11": {"filters": (3, 4, 4, 5, 5)},
    "vgg13": {"filters": (3, 4, 4, 5, 5)},
    "vgg16": {"filters": (3, 4, 4, 5, 5)},
    "vgg19": {"filters": (3, 4, 4, 5, 5)},
    "resnet18": {"filters": (3, 4, 4, 5)},
    "resnet34": {"filters": (3, 4, 4, 5)},
    "resnet50": {"filters": (2, 2, 3, 3)},
    "resnet101": {"filters": (2, 2, 3, 3), "blocks_per_stage": (1, 1, 3, 1)},
    "mobilenet_v2": {"filters": (2, 3, 3, 4, 4, 5, 6)},
    "inception_time": {"filters": (3, 3, 3, 4), "kernel_size": 12},
    "h_inception_time": {"filters": (3, 3, 3, 4), "kernel_size": 12},
    "lite": {"filters": (3, 4, 5), "kernel_size": 12},
}
SERIES = ["inception_time", "h_inception_time", "lite"]
FAMILIES = ["lenet", "alexnet", "vgg11", "resnet18", "resnet50", "mobilenet_v2"]
STAGES = {
    "lenet": ["stage1", "stage2"],
    "alexnet": [f"stage{i}" for i in range(1, 6)],
    "vgg16": [f"stage{i}" for i in range(1, 6)],
    "resnet18": ["stem", "stage1", "stage2", "stage3", "stage4"],
    "resnet50": ["stem", "stage1", "stage2", "stage3", "stage4"],
    "mobilenet_v2": ["stem", *(f"stage{i}" for i in range(1, 8)), "last"],
    "inception_time": ["stage1", "stage2"],
    "h_inception_time": ["stage1", "stage2"],
    "lite": ["stage1", "stage2", "stage3"],
}
DEFAULTS = {
    name: value
    for name, value in CNNClassifier().get_params().items()
    if name
    in {
        "filters",
        "blocks_per_stage",
        "kernel_size",
        "stride",
        "padding",
        "activation",
        "normalization",
        "pooling",
        "global_pooling",
        "hidden_layer_sizes",
        "dropout",
        "conv_dropout",
        "unequal_length",
    }
}


def tiny(name, shape, n_channels=2, n_outputs=3, **parameters):
    torch.manual_seed(0)
    parameters = {**DEFAULTS, **TINY[name], **parameters}
    return build(name, n_channels, shape, n_outputs, parameters, DEFAULTS)


def trained(name, shape, **parameters):
    """A network whose normalisations have seen something."""
    net = tiny(name, shape, **parameters)
    images = torch.randn(8, 2, *shape) * 2 + 1
    for layer in net.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias)
    with torch.no_grad():
        for _ in range(3):
            net.train()(images)
    return net.eval(), images


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize(
    "shape",
    [
        (1,),
        (5,),
        (70,),
        (1, 1),
        (8, 8),
        (28, 28),
        (32, 32),
        (1, 10),
        (64, 1),
        (65, 2),
        (3, 4, 5),
        (1, 1, 64),
    ],
)
def test_images_of_every_shape_are_processed(name, shape):
    small_head = {"hidden_layer_sizes": (5,)} if max(shape) >= 64 else {}
    net = tiny(name, shape, **small_head)
    x = torch.randn(3, 2, *shape)
    outputs = net.train()(x)
    assert outputs.shape == (3, 3)
    outputs.sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    with torch.inference_mode():
        assert net.eval()(x[:1]).shape == (1, 3)


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize("length", [1, 2, 5, 30, 100])
@pytest.mark.parametrize("normalization", ["batch", "layer", None])
def test_signals_may_be_shorter_than_the_filters(name, length, normalization):
    net = tiny(name, (length,), normalization=normalization)
    x = torch.randn(3, 2, length)
    assert net.train()(x).shape == (3, 3)
    assert net.eval()(x[:1]).shape == (1, 3)
    assert net.feature_maps(x).shape == (3, 5 if name == "lite" else 16, length)


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("shape", [(16,), (16, 15), (4, 16, 3)])
@pytest.mark.parametrize("normalization", ["layer", None])
@pytest.mark.parametrize("activation", ["relu6", "gelu"])
def test_normalization_and_activation_are_obeyed(
    name, shape, normalization, activation
):
    if name in SERIES and len(shape) > 1:
        with pytest.raises(ValueError, match="computes 1-D signals only"):
            tiny(name, shape)
        return
    net = tiny(name, shape, normalization=normalization, activation=activation)
    x = torch.randn(1, 2, *shape)
    # a sample alone can be trained on without statistics of the batch
    assert net.train()(x).isfinite().all()
    types = {type(layer) for layer in net.modules()}
    assert (nn.GroupNorm in types) == (normalization == "layer")
    assert nn.ReLU not in types


@pytest.mark.parametrize("name", TINY)
def test_networks_for_predictions_agree(name):
    shapes = [(33,)] if name in SERIES else [(33,), (14, 15), (70, 66)]
    for shape in shapes:
        small_head = {"hidden_layer_sizes": (5,)} if max(shape) >= 64 else {}
        net, images = trained(name, shape, **small_head)
        with torch.inference_mode():
            folded = fold_batch_norms(net)
            torch.testing.assert_close(
                folded(images), net(images), rtol=1e-5, atol=1e-5
            )
        # of "lite" they normalise what several convolutions gave, side by side
        assert (folded is net) == (name == "lite")


@pytest.mark.parametrize("name", [n for n in TINY if n not in SERIES])
def test_all_batch_norms_are_folded(name):
    folded = fold_batch_norms(trained(name, (14, 15))[0])
    types = [type(layer) for layer in folded.modules()]
    assert nn.BatchNorm2d not in types


@pytest.mark.parametrize("name", STAGES)
def test_stages_have_names(name):
    net = tiny(name, (20,))
    assert list(net.stage_modules()) == STAGES[name]


@pytest.mark.parametrize("name", FAMILIES)
def test_channels_last_gives_the_same(name):
    net, images = trained(name, (12, 12))
    last = images.contiguous(memory_format=torch.channels_last)
    expected = net(images)
    net.to(memory_format=torch.channels_last)
    torch.testing.assert_close(net(last), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "name, parameter, value",
    [
        ("lenet", "blocks_per_stage", 2),
        ("lenet", "stride", 2),
        ("alexnet", "kernel_size", 5),
        ("alexnet", "pooling", "avg"),
        ("alexnet", "conv_dropout", 0.1),
        ("vgg16", "padding", "valid"),
        ("vgg16", "stride", 2),
        ("resnet18", "kernel_size", 5),
        ("resnet50", "pooling", None),
        ("resnet50", "conv_dropout", 0.1),
        ("mobilenet_v2", "padding", "valid"),
        ("inception_time", "blocks_per_stage", 2),
        ("inception_time", "pooling", "avg"),
        ("lite", "stride", 2),
    ],
)
def test_parameters_without_effect_are_refused(name, parameter, value):
    with pytest.raises(ValueError, match=rf"{parameter}=.* has no effect .*'{name}'"):
        tiny(name, (16,), **{parameter: value})


@pytest.mark.parametrize(
    "name, parameters, message",
    [
        ("alexnet", {"filters": (4, 4)}, r"filters=\(4, 4\) has 2 .* 5 stages"),
        ("mobilenet_v2", {"filters": (4,) * 6}, r"filters=.* has 6 .* 7 stages"),
        ("vgg16", {"filters": (4, 4)}, r"filters=\(4, 4\) has 2 .*blocks.* has 5"),
        ("resnet34", {"filters": (4,)}, r"filters=\(4,\) has 1 .*blocks.* has 4"),
        ("resnet18", {"blocks_per_stage": (1, 1)}, r"filters=.* has 4 .* has 2"),
    ],
)
def test_a_wrong_number_of_stages_is_an_error(name, parameters, message):
    with pytest.raises(ValueError, match=message):
        tiny(name, (16, 16), **parameters)


@pytest.mark.parametrize("name", ["vgg16", "resnet18", "resnet50"])
@pytest.mark.parametrize("blocks", [1, (2, 1)])
def test_the_number_of_stages_is_free_where_it_can_be(name, blocks):
    net = tiny(name, (16, 16), filters=(3, 4), blocks_per_stage=blocks)
    stages = [s for n, s in net.stages.named_children() if n != "stem"]
    assert [len(s) for s in stages] == [1, 1] if blocks == 1 else [2, 1]


@pytest.mark.parametrize("name", ["lenet", "resnet18", "mobilenet_v2", "vgg11"])
def test_classifiers_fit(digits, name):
    X, y = digits
    classifier = CNNClassifier(
        name, filters=TINY[name]["filters"], max_iter=2, random_state=0
    )
    classifier.fit(X[:100], y[:100])
    assert classifier.predict_proba(X[:5]).shape == (5, 10)
    assert classifier.n_iter_ == 2


def test_a_classifier_of_signals_fits(signals):
    X, y = signals
    classifier = CNNClassifier(
        "inception_time", filters=(4, 4, 4), kernel_size=9, max_iter=8, random_state=0
    )
    assert classifier.fit(X, y).score(X, y) > 0.9
