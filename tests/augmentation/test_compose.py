"""A sequence of named augmentations."""

import pytest
import torch
from sklearn.base import clone

from sklearn_cnn.augmentation import (
    Compose,
    CutMix,
    GaussianNoise,
    MixUp,
    RandomCrop,
    RandomFlip,
)


def test_steps_act_in_order():
    images = torch.arange(6.0).view(1, 1, 2, 3)
    both = Compose([RandomFlip(p=1.0), lambda batch: batch * 10])
    assert torch.equal(both(images), images.flip(-1) * 10)
    assert torch.equal(Compose([])(images), images)


def test_names():
    flip, crop = RandomFlip(), RandomCrop()
    named = Compose([("mirror", flip), crop, RandomFlip(p=0.1), RandomFlip(p=0.2)])
    assert list(named.named_steps) == [
        "mirror",
        "randomcrop",
        "randomflip-1",
        "randomflip-2",
    ]
    parameters = named.get_params()
    assert parameters["mirror"] is flip and parameters["randomflip-2__p"] == 0.2
    assert named.get_params(deep=False) == {"steps": named.steps}


def test_set_params_reaches_steps_and_leaves_clones_alone():
    original = Compose([("flip", RandomFlip()), RandomCrop()])
    copied = clone(original).set_params(flip__p=0.1, randomcrop__padding=3)
    assert copied.get_params()["flip__p"] == 0.1
    assert original.get_params()["flip__p"] == 0.5
    copied.set_params(flip=GaussianNoise(1.0), randomcrop="passthrough")
    assert repr(copied) == (
        "Compose(steps=[('flip', GaussianNoise(std=1.0)), 'passthrough'])"
    )


def test_steps_and_parameters_of_new_steps_at_once():
    changed = Compose([]).set_params(steps=[("crop", RandomCrop())], crop__padding=2)
    assert changed.get_params()["crop__padding"] == 2


def test_mixing_passes_through():
    images = torch.rand(8, 1, 4, 4)
    generator = torch.Generator().manual_seed(0)
    _, mixing = Compose([MixUp(), RandomFlip()]).augment(images, generator)
    assert mixing is not None
    _, mixing = Compose([Compose([RandomFlip()])]).augment(images, generator)
    assert mixing is None


@pytest.mark.parametrize(
    "steps, message",
    [
        (RandomFlip(), r"steps=RandomFlip\(\) must be a list"),
        ([RandomFlip], r"an instance, not a class"),
        ([("flip", 3)], r"step 'flip' of Compose is 3"),
        ([("flip", RandomFlip(p=2))], r"step 'flip': p=2 must be a probability"),
        ([("a", RandomFlip()), ("a", RandomCrop())], r"'a' cannot name a step"),
        ([("a__b", RandomFlip())], r"must not contain '__'"),
        ([("steps", RandomFlip())], r"'steps' is taken"),
        ([MixUp(), ("cut", CutMix())], r"step 'cut' mixes samples, as one before"),
    ],
)
def test_bad_steps(steps, message):
    with pytest.raises(ValueError, match=message):
        Compose(steps)(torch.zeros(2, 1, 4, 4))
