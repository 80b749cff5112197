"""Mixed images are what the mixing says."""

import numpy as np
import pytest
import torch

from sklearn_cnn.augmentation import CutMix, MixUp


def noise(*shape):
    return torch.from_numpy(np.random.default_rng(0).uniform(size=shape)).float()


def seeded():
    return torch.Generator().manual_seed(0)


def test_mixup_averages():
    images = noise(50, 2, 4, 5)
    found, (partners, shares) = MixUp(alpha=1.0).augment(images, seeded())
    for i, image in enumerate(found):
        expected = shares[i] * images[i] + (1 - shares[i]) * images[partners[i]]
        torch.testing.assert_close(image, expected)
    assert sorted(partners.tolist()) == list(range(50))
    assert 0 < shares.min() < 0.2 and 0.8 < shares.max() < 1


@pytest.mark.parametrize("shape", [(40,), (10, 12), (5, 6, 7)])
def test_cutmix_pastes_a_box_and_counts_its_pixels(shape):
    images = noise(60, 2, *shape)
    found, (partners, shares) = CutMix().augment(images, seeded())
    assert shares.min() < 0.4 and shares.max() > 0.9
    for i, image in enumerate(found):
        own = (image == images[i]).all(dim=0)
        pasted = (image == images[partners[i]]).all(dim=0)
        assert (own | pasted).all()
        if partners[i] != i:
            assert own.float().mean() == pytest.approx(shares[i].item(), abs=1e-6)
            places = (~own).nonzero()
            if len(places):
                sides = places.amax(dim=0) - places.amin(dim=0) + 1
                assert sides.prod() == len(places)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_shares_follow_a_beta_distribution(alpha):
    _, (_, shares) = MixUp(alpha).augment(torch.zeros(20_000, 1, 1), seeded())
    assert shares.mean() == pytest.approx(0.5, abs=0.01)
    variance = 1 / (4 * (2 * alpha + 1))
    assert shares.var().item() == pytest.approx(variance, rel=0.03)


@pytest.mark.parametrize("Mix", [MixUp, CutMix])
def test_only_a_part_of_the_samples_may_be_mixed(Mix):
    images = noise(400, 1, 4, 4)
    found, (_, shares) = Mix(p=0.25).augment(images, seeded())
    untouched = shares == 1
    assert untouched.sum() > 250
    torch.testing.assert_close(found[untouched], images[untouched])


def test_integers_are_rounded():
    images = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1)
    for _ in range(5):
        found, (partners, shares) = MixUp(1.0).augment(images, torch.default_generator)
        exact = shares * images.flatten() + (1 - shares) * images.flatten()[partners]
        assert (found.flatten() - exact).abs().max() <= 0.5
