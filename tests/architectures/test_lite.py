"""LITE, and the filters that nobody trains."""

import torch

from sklearn_cnn.architectures.fixed_filters import FixedFilters, hand_crafted_filters
from sklearn_cnn.architectures.inception_time import h_inception_time
from sklearn_cnn.architectures.lite import lite


def test_it_has_as_many_weights_as_that_of_the_authors():
    assert sum(p.numel() for p in lite(1, (251,), 3).parameters()) == 9_913


def test_fixed_filters_see_rises_falls_and_peaks():
    filters = hand_crafted_filters()
    assert filters.shape == (17, 1, 96)
    torch.testing.assert_close(filters.sum(dim=2), torch.zeros(17, 1))
    x = torch.zeros(1, 1, 200)
    x[..., 100:] = 1  # a step upwards
    up = FixedFilters(1)(x)[0]
    down = FixedFilters(1)(-x)[0]
    assert (
        up[0, 60:140].max() > 0.9 and up[6, 60:140].argmax() == down[0, 60:140].argmax()
    )
    assert (up >= 0).all()


def test_fixed_filters_are_no_weights():
    fixed = FixedFilters(3)
    assert not list(fixed.parameters())
    assert list(fixed.state_dict()) == ["weight"]
    assert fixed(torch.zeros(2, 3, 10)).shape == (2, 17, 10)


def test_the_hybrid_network_has_them_in_its_first_module():
    network = h_inception_time(1, (50,), 2, filters=(4,) * 4)
    kinds = [name for name, m in network.named_modules() if isinstance(m, FixedFilters)]
    assert kinds == ["stages.stage1.path.0.fixed"]
    assert network.feature_maps(torch.zeros(2, 1, 50)).shape == (2, 16, 50)
