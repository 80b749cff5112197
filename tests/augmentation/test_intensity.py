"""Pixels become what they should."""

import colorsys

import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional as F

from sklearn_cnn.augmentation import ColorJitter, GaussianNoise, RandomErasing


def noise(*shape):
    return torch.from_numpy(np.random.default_rng(0).uniform(size=shape)).float()


def jitter(**given):
    neutral = dict.fromkeys(("brightness", "contrast", "saturation", "hue"), 0)
    return ColorJitter(**{**neutral, **given})


def test_brightness_and_saturation_are_those_of_torchvision():
    images = noise(2, 3, 4, 5)
    found = jitter(brightness=(0.6, 0.6))(images)
    torch.testing.assert_close(found, F.adjust_brightness(images, 0.6))
    found = jitter(saturation=(0.3, 0.3))(images)
    expected = F.adjust_saturation(images, 0.3)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-3)


@pytest.mark.parametrize("scale", [1, 255])
def test_hue_turns_in_any_range(scale):
    images = noise(2, 3, 4, 5)
    found = jitter(hue=(0.3, 0.3))(images * scale) / scale
    for before, after in zip(
        images.movedim(1, -1).reshape(-1, 3).tolist(),
        found.movedim(1, -1).reshape(-1, 3).tolist(),
        strict=True,
    ):
        hue, saturation, value = colorsys.rgb_to_hsv(*before)
        expected = colorsys.hsv_to_rgb((hue + 0.3) % 1, saturation, value)
        np.testing.assert_allclose(after, expected, atol=1e-4)
    grey = torch.full((1, 3, 2, 2), 7.0)
    torch.testing.assert_close(jitter(hue=0.5)(grey), grey)


def test_contrast_keeps_the_mean_of_each_channel():
    images = noise(20, 13, 6, 6)
    found = jitter(contrast=(0.5, 0.5))(images)
    means = images.mean(dim=(2, 3))
    torch.testing.assert_close(found.mean(dim=(2, 3)), means)
    torch.testing.assert_close(found.std(dim=(2, 3)), images.std(dim=(2, 3)) / 2)


def test_factors_are_drawn_from_their_range():
    ones = torch.ones(500, 1, 1, 1)
    found = jitter(brightness=0.4)(ones).flatten()
    assert 0.6 <= found.min() < 0.62 and 1.38 < found.max() <= 1.4


def test_integers_stay_in_their_range():
    images = torch.tensor([0, 10, 250], dtype=torch.uint8).view(3, 1, 1, 1)
    assert jitter(brightness=(2, 2))(images).flatten().tolist() == [0, 20, 255]
    noisy = GaussianNoise(std=500)(images.expand(3, 1, 50, 50))
    assert noisy.min() == 0 and noisy.max() == 255


def test_noise_has_its_strength_for_each_sample():
    found = GaussianNoise(std=(1, 3))(torch.zeros(200, 1, 40, 40))
    stds = found.std(dim=(1, 2, 3))
    assert 0.9 < stds.min() < 1.2 and 2.8 < stds.max() < 3.2
    assert abs(found.mean()) < 0.02


def test_noise_is_drawn_alike_for_all_types():
    zeros = torch.zeros(2, 1, 9, 9)
    drawn = [
        GaussianNoise(std=1)(zeros.to(dtype), torch.Generator().manual_seed(0))
        for dtype in (torch.float32, torch.float64)
    ]
    assert drawn[1].dtype == torch.float64
    assert torch.equal(drawn[0].double(), drawn[1])


@pytest.mark.parametrize("shape", [(40,), (30, 50), (12, 20, 16)])
def test_erased_boxes_have_their_size_and_shape(shape):
    images = torch.ones(300, 2, *shape)
    found = RandomErasing(p=0.5, scale=(0.1, 0.3), ratio=2, fill=-1)(images)
    erased = (found == -1)[:, 0]
    assert torch.equal(found == -1, erased[:, None].expand(found.shape))
    shares = erased.flatten(1).float().mean(dim=1)
    hit = shares[shares > 0]
    assert 110 < len(hit) < 190
    assert 0.05 < hit.min() and hit.max() < 0.37 and hit.max() - hit.min() > 0.1
    for mask in erased[shares > 0]:
        places = mask.nonzero()
        sides = places.amax(dim=0) - places.amin(dim=0) + 1
        assert sides.prod() == len(places)  # a box
        parts = sides / torch.tensor(shape)
        assert parts.max() / parts.min() < 2.5


@pytest.mark.parametrize("share", [0.5, 0.8, 1.0])
@pytest.mark.parametrize("shape", [(400,), (100, 100), (60, 150), (40, 50, 60)])
def test_large_boxes_keep_their_share(shape, share):
    images = torch.ones(200, 1, *shape, dtype=torch.uint8)
    found = RandomErasing(p=1, scale=(share, share), ratio=3.3)(images)
    erased = (found == 0)[:, 0]
    shares = erased.flatten(1).float().mean(dim=1)
    assert (shares - share).abs().max() < 0.03  # sides are whole pixels
    if len(shape) > 1 and share < 1:
        lengths = erased.amax(dim=tuple(range(2, erased.ndim))).sum(dim=1) / shape[0]
        assert lengths.min() < share**0.9 and lengths.max() > 0.99
