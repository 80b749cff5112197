"""The default architecture."""

import pytest
import torch

from sklearn_cnn import CNNClassifier
from sklearn_cnn.architectures.simple import default_filters, simple_cnn


def conv_parameters(n_in, n_out, kernel=9, bias=True):
    return n_out * n_in * kernel + bias * n_out


def test_reference_cnn_has_the_shapes_and_parameters_of_the_arithmetic():
    reference = CNNClassifier(
        filters=(32, 64, 128),
        normalization=None,
        dropout=0.5,
        optimizer="adam",
        weight_decay=(1e-4,),
        lr_schedule="constant",
        learning_rate=0.001,
        max_iter=1,
        random_state=0,
    )
    X = torch.rand(20, 28, 28)
    reference.fit(X, torch.arange(20) % 10)

    layers = (
        conv_parameters(1, 32),
        conv_parameters(32, 64),
        conv_parameters(64, 128),
        128 * 10 + 10,
    )
    assert reference.n_parameters_ == sum(layers) == 93_962
    shapes = []
    for stage in reference.module_.stages:
        stage.register_forward_hook(lambda m, i, o: shapes.append(tuple(o.shape[1:])))
    reference.predict(X[:1])
    assert shapes == [(32, 14, 14), (64, 7, 7), (128, 7, 7)]
    dropouts = [m.p for m in reference.module_.modules() if "Dropout" in str(type(m))]
    assert dropouts == [0.5]
    decays = {
        g["weight_decay"]: g["params"] for g in reference.net_.optimizer_.param_groups
    }
    first = reference.module_.stages[0][0].conv.conv.weight
    assert [p is first for p in decays[1e-4]] == [True]


@pytest.mark.parametrize(
    "shape, stages",
    [
        ((2,), 1),
        ((24,), 4),
        ((256,), 5),
        ((257,), 6),
        ((2000,), 8),
        ((8, 8), 3),
        ((1, 10), 3),
    ],
)
def test_default_filters_halve_the_longest_axis(shape, stages):
    assert len(default_filters(shape)) == stages


@pytest.mark.parametrize("shape", [(20,), (12, 9), (6, 5, 4)])
@pytest.mark.parametrize("pooling", ["max", "avg", "stride", None])
@pytest.mark.parametrize("normalization", ["batch", "layer", None])
def test_every_combination_runs_in_every_dimension(shape, pooling, normalization):
    net = simple_cnn(
        3,
        shape,
        4,
        filters=(5, 6),
        blocks_per_stage=2,
        pooling=pooling,
        normalization=normalization,
        conv_dropout=0.1,
        dropout=0.1,
    )
    assert net(torch.zeros(2, 3, *shape)).shape == (2, 4)
    last = net.stages(torch.zeros(2, 3, *shape)).shape[2:]
    expected = (
        shape
        if pooling is None
        else tuple((n + (pooling == "stride")) // 2 for n in shape)
    )
    assert tuple(last) == expected


def test_flatten_keeps_positions_apart():
    net = simple_cnn(1, (8, 8), 2, filters=(4,), global_pooling="flatten")
    assert net.head.output.in_features == 4 * 8 * 8


def test_blocks_per_stage_may_differ():
    net = simple_cnn(1, (8, 8), 2, filters=(4, 4), blocks_per_stage=(1, 3))
    assert [len(stage) for stage in net.stages] == [1, 3]
    with pytest.raises(
        ValueError, match=r"has 2 entries, but blocks_per_stage=\(1,\) has 1"
    ):
        simple_cnn(1, (8, 8), 2, filters=(4, 4), blocks_per_stage=(1,))


@pytest.mark.parametrize(
    "shape, parameters, stage, problem",
    [
        ((8, 8), {"filters": (4,) * 6}, 4, "leaves nothing to pool"),
        (
            (8, 8),
            {"filters": (4,) * 4, "padding": "valid"},
            2,
            "leaves nothing to pool",
        ),
        ((4, 4), {"filters": (4,), "padding": "valid", "kernel_size": 5}, 1, "kernel"),
        ((6,), {"filters": (4,) * 3, "padding": "valid"}, 2, "kernel"),
    ],
)
def test_an_image_that_shrinks_to_nothing_is_an_error(
    shape, parameters, stage, problem
):
    with pytest.raises(
        ValueError, match=rf"at stage {stage} .*{problem}.*fewer stages"
    ):
        simple_cnn(1, shape, 2, **parameters)
