"""What every augmentation promises."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone

from sklearn_cnn.augmentation import (
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

ANY_SHAPE = [
    RandomFlip(),
    RandomCrop(2),
    RandomCrop(0.3, padding_mode="edge"),
    RandomCrop(2, padding_mode="symmetric"),
    RandomAffine(degrees=0),
    RandomAffine(degrees=0, padding_mode="symmetric", interpolation="nearest"),
    ColorJitter(),
    GaussianNoise(std=(0.5, 2)),
    RandomErasing(p=1.0),
    MixUp(alpha=1.0),
    CutMix(),
    Compose([RandomFlip(), RandomCrop(1), MixUp()]),
]
PLANES = [RandomRotation(40), RandomAffine(shear=10)]
RGB = [ColorJitter(saturation=0.5, hue=0.2)]
SHAPES = {1: (9,), 2: (7, 9), 3: (5, 7, 9)}
CASES = [
    *((a, c, d) for a in ANY_SHAPE for c, d in ((1, 1), (3, 2), (13, 2), (2, 3))),
    *((a, c, d) for a in PLANES for c, d in ((1, 2), (13, 2), (2, 3))),
    *((a, 3, d) for a in RGB for d in (1, 2, 3)),
]
DTYPES = [torch.uint8, torch.int16, torch.float32, torch.float64, torch.int32]


def batch(n_channels, n_dims, dtype=torch.uint8, n=16):
    shape = (n, *SHAPES[n_dims], n_channels)
    values = np.random.default_rng(0).integers(0, 120, size=shape)
    # channels last in memory, as batches of images are
    return torch.from_numpy(values).to(dtype).movedim(-1, 1)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 1, 4, 4)),
        None,
        torch.zeros(()),
        torch.zeros(2, 4),
        torch.zeros(0, 1, 4, 4),
        torch.zeros(2, 1, 4, 4, dtype=torch.complex64),
        torch.zeros(2, 1, 4, 4).to(torch.float8_e5m2),
        torch.zeros(2, 1, 4, 4, device="meta"),
        torch.zeros(2, 1, 4, 4).to_sparse(),
    ],
    ids=lambda images: str(getattr(images, "shape", images)),
)
@pytest.mark.parametrize(
    "augmentation", [RandomFlip(), MixUp(), Compose([RandomFlip()])]
)
def test_what_is_no_batch_is_refused_at_the_door(augmentation, images):
    with pytest.raises((TypeError, ValueError), match=r"^images "):
        augmentation(images)


@pytest.mark.parametrize(
    "augmentation, n_channels, n_dims", CASES, ids=lambda value: str(value)
)
def test_samples_change_each_by_itself(augmentation, n_channels, n_dims):
    for dtype in DTYPES:
        images = batch(n_channels, n_dims, dtype)
        before, state = images.clone(), torch.get_rng_state()
        found = augmentation(images, seeded())
        assert found.shape == images.shape and found.dtype == dtype
        assert torch.equal(images, before)
        assert torch.equal(found, augmentation(images, seeded()))
        assert not torch.equal(found, augmentation(images, seeded(1)))
        assert torch.equal(torch.get_rng_state(), state)
    same = images[:1].expand(images.shape)
    mixes = augmentation.augment(images, seeded())[1] is not None
    if not mixes:
        assert len(torch.unique(augmentation(same, seeded()), dim=0)) > 1


@pytest.mark.parametrize("augmentation", [*ANY_SHAPE, *PLANES, *RGB], ids=repr)
def test_parameters_as_in_scikit_learn(augmentation):
    copied = clone(augmentation)
    assert type(copied) is type(augmentation) and copied is not augmentation
    assert repr(copied) == repr(augmentation)
    assert repr(eval(repr(augmentation))) == repr(augmentation)
    assert repr(pickle.loads(pickle.dumps(augmentation))) == repr(augmentation)
    parameters = augmentation.get_params(deep=False)
    assert repr(type(augmentation)(**parameters)) == repr(augmentation)
    with pytest.raises(ValueError, match=r"Invalid parameter 'nonsense' for"):
        augmentation.set_params(nonsense=1)


@pytest.mark.parametrize(
    "augmentation, n_channels, n_dims, message",
    [
        (RandomFlip(p=1.5), 1, 2, r"p=1.5 must be a probability"),
        (RandomFlip(axis=-2), 1, 1, r"axis=-2 .* there are 1 \(length\)"),
        (RandomFlip(axis=(0, -2)), 1, 2, r"names the same axis twice"),
        (RandomCrop(-1), 1, 2, r"padding=-1 must be a number of pixels"),
        (RandomCrop(1.5), 1, 2, r"padding=1.5 must be .* a share"),
        (RandomCrop((1, 2, 3)), 1, 2, r"one for each of the 2 spatial axes"),
        (RandomCrop(7), 1, 2, r"padding=7 .* smaller .* axis 0 has a size of 7"),
        (RandomCrop((2, 9)), 1, 2, r"padding=\(2, 9\) .* axis 1 has a size of 9"),
        (RandomCrop(9, padding_mode="edge"), 1, 1, r"smaller than the image"),
        (RandomCrop(5, padding_mode="symmetric"), 1, 3, r"smaller than the image"),
        (RandomCrop(padding_mode="wrap"), 1, 2, r"padding_mode='wrap' must be one of"),
        (RandomCrop(fill=300), 1, 2, r"fill=300 .* integer from 0 to 255"),
        (RandomCrop(fill=0.5), 1, 2, r"fill=0.5 .* integer from 0 to 255"),
        (RandomCrop(fill="mean"), 1, 2, r"fill='mean' must be a number"),
        (RandomRotation(), 1, 1, r"signals, cannot be rotated"),
        (RandomRotation(-5), 1, 2, r"degrees=-5 must not be negative"),
        (RandomRotation(axes=(0,)), 1, 2, r"axes=\(0,\) must name two"),
        (RandomAffine(), 1, 1, r"Pass degrees=0 and shear=0"),
        (RandomAffine(scale=1.0), 1, 2, r"scale=1.0 must stay above"),
        (RandomAffine(translate=1), 1, 2, r"translate=1 must be a share"),
        (RandomAffine(interpolation="cubic"), 1, 2, r"interpolation='cubic'"),
        (ColorJitter(hue=0.1), 13, 2, r"hue=0.1 needs .* these have 13"),
        (ColorJitter(saturation=0.1), 1, 2, r"saturation=0.1 needs .* three"),
        (ColorJitter(hue=0.7), 3, 2, r"hue=0.7 must be .* within \[-0.5, 0.5\]"),
        (ColorJitter(brightness=(2, 1)), 3, 2, r"brightness=\(2, 1\) must be"),
        (ColorJitter(contrast="much"), 3, 2, r"contrast='much' must be"),
        (GaussianNoise(-1), 1, 2, r"std=-1 must be"),
        (GaussianNoise(float("nan")), 1, 2, r"std=nan must be"),
        (RandomErasing(scale=(0, 0.5)), 1, 2, r"scale=\(0, 0.5\) must be above"),
        (RandomErasing(ratio=0.5), 1, 2, r"ratio=0.5 must be a number of at least 1"),
        (MixUp(alpha=0), 1, 2, r"alpha=0 must be a number above 0"),
        (CutMix(p=2), 1, 2, r"p=2 must be a probability"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_bad_parameters_are_named(augmentation, n_channels, n_dims, message):
    with pytest.raises(ValueError, match=message):
        augmentation(batch(n_channels, n_dims))


def test_without_a_generator_torch_s_own_is_used():
    images = batch(1, 2)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        first = RandomCrop()(images)
        torch.manual_seed(0)
        assert torch.equal(first, RandomCrop()(images))
