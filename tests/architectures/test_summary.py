"""The layers of a network, their shapes and what they cost."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from sklearn_cnn.architectures import available_architectures, build, probe
from sklearn_cnn.architectures.registry import _REGISTERED
from sklearn_cnn.architectures.summary import evaluating, summarize

SHAPES = {1: (64,), 2: (40, 33), 3: (9, 8, 10)}
CASES = [
    (name, SHAPES[n])
    for name in available_architectures()
    for n in _REGISTERED[name].spatial_dims
    # the deepest one tells nothing new in three dimensions
    if (name, n) != ("resnet101", 3)
]


def small_network(name, shape):
    defaults = available_architectures()[name]
    width = {"minirocket": 168, "multirocket": 252}.get(name, 4)
    parameters = {"filters": (width,) * len(defaults["filters"] or "123")}
    if "vgg" in name or name == "alexnet":
        parameters["hidden_layer_sizes"] = (8,)
    module = build(name, 3, shape, 5, parameters, dict.fromkeys(parameters))
    return module.eval()


@pytest.mark.parametrize("name, shape", CASES)
def test_summary_of_every_architecture(name, shape):
    module = small_network(name, shape)
    shapes = {}
    hooks = [
        layer.register_forward_hook(
            lambda _, __, y, path=path: shapes.__setitem__(path, tuple(y.shape[1:]))
        )
        for path, layer in module.named_modules()
    ]
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(torch.zeros(1, 3, *shape))
    for hook in hooks:
        hook.remove()

    layers = summarize(module, 3, shape)
    assert {row.layer: row.output_shape for row in layers} == {
        path: shapes[path]
        for path, layer in module.named_modules()
        if not list(layer.children())
    }
    assert sum(row.parameters for row in layers) == sum(
        p.numel() for p in module.parameters()
    )
    multiply_adds = sum(row.multiply_adds for row in layers)
    assert multiply_adds * 2 == counter.get_total_flops()
    others = sum(getattr(layer, "n_operations", 0) for layer in module.modules())
    assert (others > 0) == name.endswith("rocket")
    assert multiply_adds + others == probe(module, 3, shape, 5)
    assert layers[-1].layer == "head.output"
    assert layers[-1].output_shape == (5,)


def seen_pixels(module, layer, shape):
    """Extent of the gradient of a central unit, along every axis."""
    for parameter in module.parameters():
        nn.init.constant_(parameter, 0.01)
    found = []
    hook = layer.register_forward_hook(lambda _, __, output: found.append(output))
    image = torch.rand(1, 1, *shape, dtype=torch.float64, requires_grad=True)
    module.double().eval()(image)
    hook.remove()
    centre = tuple(n // 2 for n in found[0].shape[2:])
    found[0][(0, 0, *centre)].backward()
    nonzero = image.grad[0, 0].nonzero()
    return tuple((nonzero.max(dim=0).values - nonzero.min(dim=0).values + 1).tolist())


@pytest.mark.parametrize(
    "name, shape, parameters, layer, field",
    [
        ("simple", (80, 80), {"filters": (2,) * 3}, "stages.stage3", (18, 18)),
        (
            "simple",
            (90, 90),
            {"filters": (2, 2), "stride": 2, "kernel_size": (4, 5)},
            "stages.stage2",
            (4 + 2 + 3 * 4, 5 + 2 + 4 * 4),
        ),
        ("resnet18", (150, 150), {"filters": (2, 2)}, "stages.stage1", (43, 43)),
        ("mobilenet_v2", (60, 60), {"filters": (2,) * 7}, "stages.stage2", None),
        ("inception_time", (300,), {"filters": (2,) * 3}, "stages.stage1", (118,)),
    ],
)
def test_receptive_field_is_where_the_gradient_is(
    name, shape, parameters, layer, field
):
    parameters = {"activation": "identity", **parameters}
    if name == "simple":
        parameters["pooling"] = "avg"
    module = build(name, 1, shape, 3, parameters, dict.fromkeys(parameters))
    for parent in list(module.modules()):
        for child, part in parent.named_children():
            if isinstance(part, nn.MaxPool1d):  # no gradient but to the maximum
                setattr(parent, child, nn.AvgPool1d(3, stride=1, padding=1))
            if isinstance(part, nn.MaxPool2d):
                setattr(parent, child, nn.AvgPool2d(3, stride=2, padding=1))
    rows = [r for r in summarize(module, 1, shape) if r.layer.startswith(f"{layer}.")]
    assert field is None or rows[-1].receptive_field == field
    assert rows[-1].receptive_field == seen_pixels(
        module, module.get_submodule(layer), shape
    )


class Odd(nn.Module):
    """Attention, a layer that is called twice, one with shared weights, one unused."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv1d(2, 8, 4, stride=4, dilation=2, padding="valid")
        self.twice = nn.Conv1d(8, 8, 3, padding="same")
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.unused = nn.Linear(3, 7)
        self.silent = nn.ReLU()
        self.scale = nn.Parameter(torch.ones(8))
        self.output = nn.Linear(8, 4)
        self.tied = nn.Linear(8, 4)
        self.tied.weight = self.output.weight
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        x = self.twice(self.twice(self.first(x))).movedim(1, 2)
        x, _ = self.attention(x, x, x)
        pooled = self.drop(self.scale * x.mean(dim=1))
        return self.output(pooled) + self.tied(pooled)


def test_networks_of_others():
    module = Odd().train()
    module.twice.eval()
    state = torch.get_rng_state()
    layers = {row.layer: row for row in summarize(module, 2, (40,))}

    assert torch.equal(torch.get_rng_state(), state)
    assert module.drop.training and not module.twice.training
    assert all(p.grad is None for p in module.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in module.modules())

    assert sum(row.parameters for row in layers.values()) == sum(
        p.numel() for p in module.parameters()
    )
    assert layers["tied"].parameters == 4  # its bias
    assert layers[""].parameters == 8
    assert layers["unused"].output_shape is None
    assert layers["unused"].parameters == 3 * 7 + 7
    assert "silent" not in layers
    n = 9
    assert layers["first"].receptive_field == (7,)
    assert layers["twice"].receptive_field == (7 + 2 * 4 + 2 * 4,)
    assert layers["twice"].multiply_adds == 2 * (8 * 8 * 3 * n)
    assert layers["attention"].multiply_adds == n * 8 * 8 * 4 + 2 * n * n * 8
    assert layers["output"].receptive_field == (40,)


class Scores(nn.Module):
    """A layer that multiplies by itself what another one inside gives."""

    def __init__(self):
        super().__init__()
        self.project = nn.Linear(6, 6)

    def forward(self, x):
        x = self.project(x)
        return x.transpose(1, 2) @ x


def test_products_outside_of_layers_count():
    module = nn.Sequential(Scores(), nn.Flatten(), nn.Linear(36, 2))
    found = {row.layer: row.multiply_adds for row in summarize(module, 5, (6,))}
    assert found == {"0.project": 5 * 36, "0": 5 * 36, "1": 0, "2": 72}


def test_the_image_may_be_changed_in_place():
    module = nn.Sequential(nn.ReLU(inplace=True), nn.Conv1d(1, 2, 3))
    assert [row.layer for row in summarize(module, 1, (6,))] == ["0", "1"]


def test_evaluating_restores_every_layer_even_at_an_error():
    module = nn.Sequential(nn.Dropout(), nn.Sequential(nn.Dropout()))
    module[1].eval()
    with pytest.raises(RuntimeError, match="out of luck"), evaluating(module):
        assert not module[0].training
        raise RuntimeError("out of luck")
    assert [m.training for m in module.modules()] == [True, True, False, False]
