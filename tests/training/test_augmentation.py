"""Augmentation of training batches, and losses of mixed samples."""

import numpy as np
import pytest
import torch

from sklearn_cnn.augmentation import Compose, MixUp, RandomCrop
from sklearn_cnn.images import ImageLayout
from sklearn_cnn.inference import Preparation
from sklearn_cnn.training import (
    Augmenter,
    Batches,
    BinaryCrossEntropy,
    CrossEntropy,
    RegressionLoss,
)
from sklearn_cnn.training.batches import Batch


def preparation(mean=None, scale=None):
    return Preparation(ImageLayout((4, 4), 1), mean, scale, torch.float32, "cpu")


def batches(X, augment, weights=None, **options):
    return Batches(
        X,
        np.arange(len(X)),
        preparation(**options),
        np.arange(len(X), dtype=float),
        weights,
        batch_size=4,
        augment=augment,
    )


def test_it_sees_the_values_of_the_user_before_they_are_scaled():
    X = np.random.default_rng(0).integers(256, size=(8, 4, 4, 1)).astype(np.uint8)
    seen = []

    def record(images):
        seen.append(images)
        return images

    options = {"mean": np.array([100.0]), "scale": np.array([50.0])}
    found = list(batches(X, Augmenter(record, 0, "cpu"), **options))
    plain = list(batches(X, None, **options))
    (given,) = seen  # small batches are prepared together
    assert given.dtype == torch.uint8
    assert torch.equal(given, torch.from_numpy(X).movedim(-1, 1))
    for batch, expected in zip(found, plain, strict=True):
        assert torch.equal(batch.images, expected.images)


@pytest.mark.parametrize("wrap", [lambda keep: keep, lambda keep: Compose([keep])])
def test_what_a_callable_keeps_is_not_overwritten(wrap):
    X = np.ones((4, 4, 4, 1), np.float32)
    kept = []

    def keep(images):
        kept.append(images + 1)
        return kept[-1]

    options = {"mean": np.array([5.0]), "scale": np.array([3.0])}
    list(batches(X, Augmenter(wrap(keep), 0, "cpu"), **options))
    assert torch.equal(kept[0], torch.full((4, 1, 4, 4), 2.0))


@pytest.mark.parametrize("wrap", [lambda module: module, lambda m: Compose([m])])
def test_weights_of_a_module_get_no_gradients(wrap):
    X = np.ones((4, 4, 4, 1), np.float32)
    blur = wrap(torch.nn.Conv2d(1, 1, 3, padding=1))
    (batch,) = batches(X, Augmenter(blur, 0, "cpu"))
    assert not batch.images.requires_grad


def test_every_epoch_draws_anew_from_the_seed():
    X = np.random.default_rng(0).normal(size=(8, 4, 4, 1)).astype(np.float32)

    def epochs(seed):
        one = batches(X, Augmenter(RandomCrop(1), seed, "cpu"))
        return [torch.cat([batch.images for batch in one]) for _ in range(2)]

    first, second = epochs(0)
    assert not torch.equal(first, second)
    assert torch.equal(second, epochs(0)[1])
    assert not torch.equal(first, epochs(1)[0])


def mixed_batch(targets, weights):
    shares = torch.tensor([0.25, 1.0, 0.6])
    batch = Batch(torch.zeros(3, 1, 4, 4), targets, weights)
    return batch.mixed((torch.tensor([2, 0, 1]), shares)), shares


@pytest.mark.parametrize("weights", [None, torch.tensor([1.0, 3.0, 0.5])])
@pytest.mark.parametrize(
    "loss, targets",
    [
        (CrossEntropy(0.1), torch.tensor([0, 1, 1])),
        (BinaryCrossEntropy(), torch.tensor([[0.0, 1], [1, 1], [1, 0]])),
        (RegressionLoss("huber"), torch.tensor([[0.0, 3], [1, -4], [2, 0]])),
    ],
)
def test_the_loss_of_a_mixed_sample(loss, targets, weights):
    outputs = torch.tensor([[0.3, -1], [2, 0.5], [0.1, 0.2]])
    batch, shares = mixed_batch(targets, weights)
    own = torch.ones(3) if weights is None else weights
    partners = [2, 0, 1]
    expected = (
        shares * own * loss.per_sample(outputs, targets)
        + (1 - shares) * own[partners] * loss.per_sample(outputs, targets[partners])
    ).mean()
    found = loss(outputs, batch.targets, batch.sample_weight) + loss(
        outputs, batch.partner_targets, batch.partner_weight
    )
    torch.testing.assert_close(found, expected)
    pieces = batch.split([1, 2])
    assert [len(piece.partner_targets) for piece in pieces] == [1, 2]
    joined = torch.cat([piece.partner_weight for piece in pieces])
    assert torch.equal(joined, batch.partner_weight)


def test_partners_have_their_own_targets_also_across_batches():
    values = np.arange(1, 9, dtype=np.float32)
    X = np.broadcast_to(values[:, None, None, None], (8, 4, 4, 1))
    augment = Augmenter(MixUp(alpha=1.0), 0, "cpu")
    for batch in batches(X, augment, weights=np.full(8, 2.0)):
        own, partner = batch.sample_weight / 2, batch.partner_weight / 2
        mixed = own * (batch.targets + 1) + partner * (batch.partner_targets + 1)
        torch.testing.assert_close(batch.images[:, 0, 0, 0], mixed)
