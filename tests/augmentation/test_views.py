"""What of an image is seen at prediction: the views that augmentations imply."""

from dataclasses import dataclass

import pytest
import torch

from sklearn_cnn.augmentation import (
    Augmentation,
    ColorJitter,
    Compose,
    CutMix,
    GaussianNoise,
    MixUp,
    RandomAffine,
    RandomCrop,
    RandomErasing,
    RandomFlip,
    RandomRotation,
)

IMAGES = torch.arange(2 * 3 * 6 * 8, dtype=torch.uint8).view(2, 3, 6, 8)
VOLUMES = torch.arange(2 * 4 * 5 * 6).view(2, 1, 4, 5, 6)


def same(views, expected):
    assert len(views) == len(expected)
    for view, wanted in zip(views, expected, strict=True):
        assert view.dtype == wanted.dtype and torch.equal(view, wanted)


def test_mirror_images():
    same(RandomFlip().views(IMAGES), [IMAGES, IMAGES.flip(-1)])
    both = [IMAGES, IMAGES.flip(-1), IMAGES.flip(-2), IMAGES.flip(-2, -1)]
    views = RandomFlip(axis=(-1, -2)).views(IMAGES)
    same(views, both)
    assert len(RandomFlip(axis=(-1, -2, -3)).views(VOLUMES)) == 8
    same(RandomFlip(p=0).views(IMAGES), [IMAGES])


def test_moved_images():
    images = torch.ones(1, 1, 2, 6)
    views = RandomCrop((0, 3), fill=7).views(images)
    right = torch.tensor([7.0, 7, 1, 1, 1, 1]).expand(1, 1, 2, 6)
    same(views, [images, right, right.flip(-1)])
    # half of the largest move, rounded up, both ways along each axis
    assert len(RandomCrop(1).views(IMAGES)) == 5
    assert len(RandomCrop(1).views(VOLUMES)) == 7
    down = torch.cat([IMAGES[:, :, :1], IMAGES[:, :, :-1]], dim=2)
    same(RandomCrop((2, 0), padding_mode="edge").views(IMAGES)[1:2], [down])
    same(RandomCrop(0).views(IMAGES), [IMAGES])


def test_an_affine_map_moves_alone():
    affine = RandomAffine(30, translate=(0, 0.25), scale=0.5, padding_mode="edge")
    same(affine.views(IMAGES), RandomCrop((0, 2), padding_mode="edge").views(IMAGES))
    same(RandomAffine(translate=0).views(IMAGES), [IMAGES])


@pytest.mark.parametrize(
    "augmentation",
    [
        RandomRotation(),
        ColorJitter(),
        GaussianNoise(0.1),
        RandomErasing(),
        MixUp(),
        CutMix(),
    ],
)
def test_others_have_none(augmentation):
    same(augmentation.views(IMAGES), [IMAGES])


def test_steps_are_combined_up_to_a_number():
    both = Compose([RandomFlip(), MixUp(), RandomCrop(1), "passthrough", torch.neg])
    views = both.views(IMAGES)
    crops = RandomCrop(1).views
    same(views, [*crops(IMAGES), *crops(IMAGES.flip(-1))])
    # 8 mirror images, of which 7 moved ones each would be too many
    many = Compose([RandomFlip(axis=(0, 1, 2)), RandomCrop(1)]).views(VOLUMES)
    mirrored = RandomFlip(axis=(0, 1, 2)).views(VOLUMES)
    same(many, [*mirrored, *RandomCrop(1).views(VOLUMES)[1:]])


def test_nothing_is_drawn_and_nothing_changed():
    before, state = IMAGES.clone(), torch.get_rng_state()
    both = Compose([RandomFlip(), RandomCrop(2)])
    same(both.views(IMAGES), both.views(IMAGES))
    assert torch.equal(IMAGES, before) and torch.equal(torch.get_rng_state(), state)


def test_bad_parameters():
    with pytest.raises(ValueError, match="padding=9 must be smaller than the image"):
        RandomCrop(9).views(IMAGES)
    with pytest.raises(ValueError, match="step 'randomflip': p=2"):
        Compose([RandomFlip(p=2)]).views(IMAGES)


def test_of_ones_own():
    @dataclass(eq=False, repr=False)
    class Turned(Augmentation):
        def _further_views(self, images):
            return [images.rot90(2, (-2, -1))]

    same(Turned().views(IMAGES), [IMAGES, IMAGES.flip(-2, -1)])
