"""Pixels go where they should."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from sklearn.base import clone
from torchvision.transforms.v2 import functional as F

from sklearn_cnn.augmentation import (
    RandomAffine,
    RandomCrop,
    RandomFlip,
    RandomRotation,
)
from sklearn_cnn.augmentation._functional import pad, warp


def noise(*shape):
    return torch.from_numpy(np.random.default_rng(0).uniform(size=shape)).float()


def seeded():
    return torch.Generator().manual_seed(0)


def test_a_flip_mirrors_about_half_of_the_samples():
    images = noise(200, 3, 4, 5)
    found = RandomFlip(axis=(0, 1))(images, torch.Generator().manual_seed(0))
    kinds = torch.zeros(4, dtype=int)
    for image, flipped in zip(images, found, strict=True):
        versions = [image, image.flip(1), image.flip(2), image.flip(1, 2)]
        kinds += torch.tensor([torch.equal(v, flipped) for v in versions])
    assert kinds.sum() == 200 and kinds.min() > 30


def test_no_flip_and_always_a_flip():
    images = noise(5, 1, 4, 5)
    assert torch.equal(RandomFlip(p=0)(images), images)
    assert torch.equal(RandomFlip(p=1, axis=-2)(images), images.flip(2))


def test_a_crop_is_a_window_of_the_padded_image():
    images = noise(300, 2, 6, 7)
    found = RandomCrop((1, 2), fill=5)(images, torch.Generator().manual_seed(0))
    padded = torch.nn.functional.pad(images, (2, 2, 1, 1), value=5)
    places = np.zeros((3, 5))
    for image, cropped in zip(padded, found, strict=True):
        for i, j in np.ndindex(3, 5):
            places[i, j] += torch.equal(image[:, i : i + 6, j : j + 7], cropped)
    assert places.sum() == 300 and places.min() > 5


def test_a_share_of_the_axis_is_rounded_up():
    assert RandomCrop()._widths(noise(1, 1, 28, 8)) == [4, 1]


def test_something_of_the_image_stays():
    row = torch.ones(50, 1, 1, 8, dtype=torch.uint8)
    for padding in (0.99, (0, 7)):
        found = RandomCrop(padding, fill=0)(row)
        assert found.sum(dim=3).min() == 1


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.float16])
@pytest.mark.parametrize("mode, name", [("edge", "edge"), ("symmetric", "symmetric")])
def test_padding_is_that_of_numpy(mode, name, dtype):
    images = (noise(2, 3, 4, 5) * 2).to(dtype)
    widths = [(0, 0), (0, 0), (3, 3), (7, 7)]
    expected = np.pad(images.numpy(), widths, mode=name)
    np.testing.assert_array_equal(pad(images, (3, 7), mode, 0).numpy(), expected)


@pytest.mark.parametrize(
    "angle, shear, scale", [(30, 0, 1.0), (0, 25, 1.2), (-70, 0, 0.7)]
)
@pytest.mark.parametrize("shape", [(21, 21), (16, 25)])
def test_affine_is_that_of_torchvision(angle, shear, scale, shape):
    images = noise(2, 3, *shape)
    affine = RandomAffine(
        (angle, angle), translate=0, scale=(scale, scale), shear=(shear, shear), fill=0
    )
    expected = F.affine(
        images,
        angle=-angle,
        translate=[0, 0],
        scale=scale,
        shear=[shear, 0],
        interpolation=F.InterpolationMode.BILINEAR,
    )
    torch.testing.assert_close(affine(images), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("mode, name", [("edge", "nearest"), ("symmetric", "reflect")])
def test_outside_is_what_scipy_has_there(mode, name):
    images = noise(1, 1, 8, 11)
    moves = torch.tensor([[-2 / 8, 3 / 11]])
    found = warp(
        images,
        torch.eye(2)[None],
        moves,
        interpolation="bilinear",
        padding_mode=mode,
        fill=0,
    )
    expected = ndimage.shift(images[0, 0].numpy(), (-2, 3), order=1, mode=name)
    np.testing.assert_allclose(found[0, 0].numpy(), expected, atol=1e-5)


def test_moves_and_sizes_stay_in_their_range():
    images = torch.zeros(100, 1, 41, 41)
    images[..., 20, 20] = 1
    found = RandomAffine(0, translate=(0.2, 0), scale=0)(images)
    rows, columns = np.indices((41, 41))
    centers = [(image * rows).sum() - 20 for image in found[:, 0].numpy()]
    assert 6 < np.max(centers) <= 8.2 and -6 > np.min(centers) >= -8.2
    assert np.allclose([(im * columns).sum() for im in found[:, 0].numpy()], 20)


#: What stands at the middle of each image, and how far it may move.
MOVES = [
    ((41,), {"degrees": 0, "scale": (2, 2)}),
    ((41, 41), {"degrees": (90, 90), "scale": 0}),
    ((41, 41), {"degrees": 0, "scale": (2, 2)}),
    ((31, 61), {"degrees": (30, 30), "scale": (0.7, 0.7), "shear": (20, 20)}),
    ((21, 31, 41), {"degrees": (90, 90), "scale": (1.5, 1.5), "axes": (0, 2)}),
    ((21, 31, 41), {"degrees": 180, "scale": 0.3, "axes": (1, 0), "shear": 10}),
]


@pytest.mark.parametrize("shares", [0.2, (0.25, 0, 0.1)], ids=str)
@pytest.mark.parametrize("shape, parameters", MOVES, ids=str)
def test_other_changes_do_not_change_the_move(shape, parameters, shares):
    # of a blob, which other changes leave around its middle
    places = torch.stack(torch.meshgrid(*map(torch.arange, shape), indexing="ij"))
    middles = (torch.tensor(shape) - 1) / 2
    offsets = places - middles.view(-1, *[1] * len(shape))
    blob = torch.exp(-offsets.square().sum(dim=0) / 4)
    images = blob.expand(200, 1, *shape)
    if isinstance(shares, tuple):
        shares = shares[: len(shape)]
    found = RandomAffine(translate=shares, **parameters)(images, seeded())
    weights = (found / found.sum(dim=tuple(range(2, found.ndim)), keepdim=True))[:, 0]
    moved = (weights.unsqueeze(1) * offsets).flatten(2).sum(dim=2)
    farthest = torch.as_tensor(shares) * torch.tensor(shape)
    assert (moved.abs() <= farthest + 0.1).all()
    assert (moved.amax(dim=0) >= 0.9 * farthest - 0.1).all()
    assert (moved.amin(dim=0) <= 0.1 - 0.9 * farthest).all()


def test_moves_are_those_of_torchvision():
    images = noise(5, 2, 24, 33)
    affine = RandomAffine(
        (25, 25), translate=0.2, scale=(1.3, 1.3), shear=(15, 15), fill=0
    )
    generator = seeded()
    found = affine(images, generator)
    # angle, shear and size are drawn before the moves
    generator.manual_seed(0)
    drawn = torch.rand(5, 5, generator=generator)[3:]
    moves = (0.4 * drawn - 0.2) * torch.tensor([[24], [33]])
    for image, moved, (down, right) in zip(images, found, moves.T, strict=True):
        expected = F.affine(
            image,
            angle=-25,
            translate=[right.item(), down.item()],
            scale=1.3,
            shear=[15, 0],
            interpolation=F.InterpolationMode.BILINEAR,
        )
        torch.testing.assert_close(moved, expected, rtol=0, atol=1e-4)


def test_volumes_turn_slice_by_slice_and_signals_move():
    volumes = noise(3, 1, 4, 9, 9)
    turned = RandomAffine((90, 90), translate=0, scale=0)(volumes)
    torch.testing.assert_close(turned, volumes.rot90(1, (3, 4)), rtol=0, atol=1e-5)
    signals = torch.arange(8.0).view(1, 1, 8)
    doubled = RandomAffine(0, translate=0, scale=(2, 2), padding_mode="edge")(signals)
    np.testing.assert_allclose(doubled[0, 0], np.arange(8) / 2 + 1.75, atol=1e-5)


def test_fill_and_rounding_of_integers():
    images = torch.full((50, 1, 9, 9), 200, dtype=torch.uint8)
    found = RandomAffine(45, fill=200)(images)
    assert torch.equal(found, images)
    found = RandomAffine(45, fill=255)(images)
    assert found.min() == 200 and found.max() == 255


@pytest.mark.parametrize("shape", [(1001,), (97, 101), (11, 13, 17)], ids=str)
def test_no_change_keeps_every_digit_of_wide_types(shape):
    still = RandomAffine(0, translate=0, scale=0)
    bounds = np.iinfo(np.int32)
    values = np.random.default_rng(0).integers(
        bounds.min, bounds.max, size=(3, 2, *shape), dtype=np.int32, endpoint=True
    )
    images = torch.from_numpy(values)
    assert torch.equal(still(images), images)
    torch.testing.assert_close(
        still(images.double()), images.double(), rtol=0, atol=1e-3
    )


MOVES = [
    RandomCrop(0.4),
    RandomAffine(40, translate=0.3, scale=(0.5, 0.9), shear=20),
    RandomAffine(40, translate=0.3, interpolation="nearest"),
    RandomRotation((20, 70)),
]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float64])
@pytest.mark.parametrize("move", MOVES, ids=str)
def test_gaps_are_filled_like_the_border(move, dtype):
    white = torch.full((6, 3, 12, 15), 250).to(dtype)
    white[:, 1], white[3:] = 7, white[3:] - 5  # by image and channel
    assert torch.equal(move(white, seeded()), white)
    white[:, :, 5:8, 6:9] = 0
    white[:, :, 0, :10] = 1  # less than half of the border
    found = move(white, seeded())
    filled = set(found.flatten(2)[3, 0].tolist())
    assert 245 in filled
    assert all(torch.equal(view[:, :, -1, -1], white[:, :, -1, -1])
               for view in move.views(white))  # fmt: skip


@pytest.mark.parametrize("move", MOVES, ids=str)
def test_on_black_that_changes_no_bit(move):
    images = noise(8, 2, 9, 11)
    images[:, :, ::8] = images[:, :, :, ::10] = 0
    black = clone(move).set_params(fill=0)
    found, expected = move(images, seeded()), black(images, seeded())
    assert torch.equal(found, expected)
    for view, other in zip(move.views(images), black.views(images), strict=True):
        assert torch.equal(view, other)


def test_signals_and_volumes_are_filled_too():
    signals = torch.full((4, 2, 20), 3.5)
    assert torch.equal(RandomAffine(0, translate=0.4)(signals, seeded()), signals)
    volumes = torch.full((4, 2, 5, 6, 7), 3.5)
    for move in (RandomCrop(2), RandomRotation(30)):
        assert torch.equal(move(volumes, seeded()), volumes)


def test_fill_is_a_number_or_auto():
    for fill in ("white", None, float("nan")):
        with pytest.raises(ValueError, match="must be a number, or 'auto'"):
            RandomCrop(1, fill=fill)(noise(1, 1, 4, 4))
