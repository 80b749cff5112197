"""Features of fixed kernels."""

from itertools import combinations

import numpy as np
import pytest
import torch

from sklearn_cnn.architectures.kernel_features import longest_above
from sklearn_cnn.architectures.minirocket import minirocket, multirocket


def series(n=6, n_channels=1, length=40, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, n_channels, length, generator=generator)


def learned(build, x, **options):
    torch.manual_seed(0)
    network = build(x.shape[1], (x.shape[2],), 3, **options)
    network.learn_from(x, torch.Generator().manual_seed(1))
    return network.eval()


def expected(x, stage):
    """What the paper says, kernel by kernel, in numpy."""
    columns = []
    for place, half, chosen in stage._halves():
        dilation = stage.dilations[place]
        reach = 4 * dilation
        for kernel in range(84)[half]:
            weights = np.full(9, -1.0)
            weights[list(list(combinations(range(9), 3))[kernel])] = 2
            seen = [c for c in stage.channels[place, kernel].tolist() if c < x.shape[1]]
            padded = np.pad(x.numpy()[:, seen].sum(axis=1), ((0, 0), (reach, reach)))
            n = x.shape[2]
            taps = [padded[:, i * dilation :][:, :n] for i in range(9)]
            maps = np.tensordot(weights, taps, axes=1)
            if kernel % 2 != place % 2:
                maps = maps[:, reach : n - reach]
            for bias in stage.biases[kernel, chosen].tolist():
                columns.append((maps > bias).mean(axis=1))
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("n_channels", [1, 3])
def test_features_are_those_of_the_paper(n_channels):
    x = series(n_channels=n_channels)
    network = learned(minirocket, x, filters=(420,))
    features = network.features(x)
    assert features.shape == (6, 420)
    # a value that is a bias itself may be rounded to the other side of it
    assert np.mean(np.abs(features.numpy() - expected(x, network.stages[0])) > 1e-6) < (
        0.02
    )


@pytest.mark.parametrize("build", [minirocket, multirocket])
def test_a_series_alone_has_the_features_that_it_has_among_others(build):
    x = series(50)
    network = learned(build, x, filters=(672,))
    assert torch.equal(network.features(x)[7:8], network.features(x[7:8]))


def test_longest_stretches():
    maps = torch.tensor([[[1.0, 2, 0, 3, 3, 3, 0, 0, 1, 1]]])
    found = longest_above(maps, torch.tensor([[0.5, 2.5, 9]]))
    torch.testing.assert_close(found, torch.tensor([[0.3, 0.3, 0.0]]))


@pytest.mark.parametrize("build", [minirocket, multirocket])
@pytest.mark.parametrize("n_channels", [1, 3])
@pytest.mark.parametrize("unequal_length", [False, True])
def test_features_at_once_are_the_same(build, n_channels, unequal_length):
    """As a graph of ONNX computes them, also where values are biases themselves."""
    x = series(20, n_channels, 50).mul(3).round()
    if unequal_length:
        x[3:9, :, 31:] = torch.nan
    network = learned(build, x, filters=(672,), unequal_length=unequal_length)
    for stage in network.stages:
        at_once = stage._at_once(x.diff(n=stage.order))
        assert torch.equal(at_once, stage(x))


@pytest.mark.parametrize("build", [minirocket, multirocket])
@pytest.mark.parametrize("n_channels", [1, 2])
def test_what_is_behind_the_end_has_no_effect(build, n_channels):
    x = series(4, n_channels, 60)
    long = torch.cat([x, torch.full((4, n_channels, 30), torch.nan)], dim=2)
    network = learned(build, long, filters=(672,), unequal_length=True)
    features = network.features(long)
    assert features.isfinite().all() and (features <= 1).all()
    cut = long.clone()
    cut[0, :, 45:] = torch.nan
    changed = network.features(cut)
    assert torch.equal(changed[1:], features[1:])
    assert not torch.equal(changed[0], features[0])


def test_few_weights_learn():
    network = minirocket(1, (30,), 2)
    assert {name for name, _ in network.named_parameters()} == {
        "head.output.weight",
        "head.output.bias",
    }
    assert network.head.output.in_features == 9_996
    assert multirocket(1, (30,), 2).head.output.in_features == 15_120


@pytest.mark.parametrize(
    "build, length, filters, message",
    [
        (minirocket, 8, (84,), "at least 9 values, but X has series of 8"),
        (multirocket, 9, (252,), "at least 10 values, but X has series of 9"),
        (minirocket, 20, (83,), r"filters=\(83,\) must be .* at least 84"),
        (multirocket, 20, (252, 252), r"filters=\(252, 252\) must be .* one entry"),
    ],
)
def test_what_cannot_be_built(build, length, filters, message):
    with pytest.raises(ValueError, match=message):
        build(1, (length,), 2, filters=filters)
