"""Building a network from its name."""

import pytest
import torch
from torch import nn

from sklearn_cnn import available_architectures
from sklearn_cnn.architectures import build, probe

DEFAULTS = {"filters": None, "dropout": 0.0, "kernel_size": 3}


def tiny(n_channels, spatial_shape, n_outputs, dropout=0.0):
    return nn.Sequential(
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.Linear(n_channels * spatial_shape[0] * spatial_shape[1], n_outputs),
    )


def test_available_architectures_are_sorted_names():
    assert list(available_architectures()) == sorted(available_architectures())
    assert available_architectures()["simple"]["kernel_size"] == 3


def test_a_callable_gets_the_parameters_that_it_names():
    module = build(tiny, 1, (4, 4), 3, {**DEFAULTS, "dropout": 0.3}, DEFAULTS)
    assert module[1].p == 0.3


def test_none_leaves_the_choice_to_the_callable():
    def own_default(n_channels, spatial_shape, n_outputs, filters=(8,)):
        return nn.Linear(filters[0], n_outputs)

    assert build(own_default, 1, (4, 4), 3, DEFAULTS, DEFAULTS).in_features == 8


def test_a_parameter_without_effect_is_refused():
    with pytest.raises(
        ValueError, match=r"filters=\(8,\) has no effect.*\['dropout'\]"
    ):
        build(tiny, 1, (4, 4), 3, {**DEFAULTS, "filters": (8,)}, DEFAULTS)


def test_unknown_names_list_what_there_is_and_what_is_near():
    with pytest.raises(ValueError, match=r"'simpel'.*Did you mean 'simple'.*Available"):
        build("simpel", 1, (4, 4), 3, DEFAULTS, DEFAULTS)


def test_a_callable_must_return_a_module():
    with pytest.raises(TypeError, match=r"must return a torch.nn.Module, got dict"):
        build(lambda c, s, n: {}, 1, (4, 4), 3, DEFAULTS, DEFAULTS)


def test_probe_counts_multiply_adds():
    module = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Flatten(), nn.Linear(3 * 4 * 4, 5))
    assert probe(module, 2, (6, 6), 5) == 4 * 4 * 3 * 2 * 9 + 48 * 5


def test_probe_refuses_another_number_of_outputs():
    with pytest.raises(ValueError, match=r"n_outputs=3 .*returns \(1, 4\)"):
        probe(tiny(1, (4, 4), 4), 1, (4, 4), 3)


def test_probe_says_what_the_network_could_not_process():
    with pytest.raises(ValueError, match=r"cannot process an input of shape \(1, 2, 5"):
        probe(nn.Conv2d(3, 1, 3), 2, (5, 5), 3)


def test_probe_gives_lazy_layers_weights_that_can_be_trained():
    module = nn.Sequential(nn.Flatten(), nn.LazyLinear(3))
    assert probe(module, 2, (4,), 3) == 24
    module(torch.ones(1, 2, 4)).sum().backward()
    assert module[1].weight.grad.shape == (3, 8)


def test_probe_leaves_random_state_alone():
    module = tiny(1, (4, 4), 3, dropout=0.5)
    before = torch.get_rng_state()
    probe(module, 1, (4, 4), 3)
    assert torch.equal(torch.get_rng_state(), before)
