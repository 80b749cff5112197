"""From arrays to batches."""

import numpy as np
import pytest
import torch

from sklearn_cnn.images import ImageLayout, take_rows
from sklearn_cnn.inference import Preparation
from sklearn_cnn.training import Batches
from sklearn_cnn.training import batches as batches_module
from sklearn_cnn.training.batches import Share, equal_sizes


def preparation(layout, mean=None, scale=None, dtype=torch.float32):
    return Preparation(layout, mean, scale, dtype, "cpu")


@pytest.mark.parametrize(
    "n, batch_size", [(10, 3), (33, 32), (64, 32), (5, 100), (7, 1)]
)
def test_an_epoch_has_every_row_once_in_batches_of_equal_size(n, batch_size):
    X = np.arange(n, dtype=np.float32).reshape(n, 1, 1)
    batches = Batches(
        X,
        np.arange(n),
        preparation(ImageLayout((1, 1), 1)),
        np.arange(n),
        None,
        batch_size=batch_size,
        shuffle=np.random.default_rng(0),
    )
    epochs = [list(batches) for _ in range(2)]
    for epoch in epochs:
        sizes = [len(batch.images) for batch in epoch]
        assert len(sizes) == batches.n_batches == -(-n // batch_size)
        assert max(sizes) <= batch_size and max(sizes) - min(sizes) <= 1
        rows = torch.cat([batch.images.flatten() for batch in epoch])
        assert sorted(rows.tolist()) == list(range(n))
        for batch in epoch:
            assert batch.images.flatten().tolist() == batch.targets.tolist()
    if n > 7:
        orders = [torch.cat([b.targets for b in epoch]).tolist() for epoch in epochs]
        assert orders[0] != orders[1]


def test_only_chosen_rows_with_their_targets_and_weights():
    X = np.arange(6, dtype=np.uint8).reshape(6, 1, 1)
    batches = Batches(
        X,
        np.array([4, 1]),
        preparation(ImageLayout((1, 1), 1)),
        np.arange(6) * 10,
        np.arange(6) / 2,
        batch_size=2,
    )
    (batch,) = batches
    assert batch.images.flatten().tolist() == [4, 1]
    assert batch.targets.tolist() == [40, 10]
    assert batch.sample_weight.tolist() == [2.0, 0.5]


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "int16", "uint16", "int32"])
@pytest.mark.parametrize("channels_first", [True, False])
def test_preparation_scales_and_puts_channels_first(dtype, channels_first):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 2, size=(3, 5, 4, 2)).astype(dtype)
    mean, scale = np.array([0.5, 1.0]), np.array([2.0, 0.25])
    expected = np.moveaxis((images.astype(float) - mean) / scale, -1, 1)
    given = np.moveaxis(images, -1, 1) if channels_first else images
    layout = ImageLayout((5, 4), 2, channels_first)
    found = preparation(layout, mean, scale)(take_rows(given, slice(0, 3)))
    assert found.dtype == torch.float32 and found.shape == (3, 2, 5, 4)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_wide_values_are_scaled_in_float64():
    rows = np.array([[2**40 + 1, 2**40 + 3]])
    layout = ImageLayout((2,), 1)
    found = preparation(layout, np.array([2.0**40 + 2]), np.ones(1))(rows.copy())
    assert found.flatten().tolist() == [-1, 1]


def test_taken_rows_are_new_contiguous_memory():
    X = np.asfortranarray(np.arange(24.0).reshape(6, 4))
    X.flags.writeable = False
    for rows in (slice(1, 3), np.array([1, 2])):
        taken = take_rows(X, rows)
        assert taken.flags.c_contiguous and taken.flags.writeable
        assert not np.shares_memory(taken, X)
        np.testing.assert_array_equal(taken, X[1:3])
    swapped = take_rows(X.astype(">f4"), slice(0, 2))
    assert swapped.dtype.isnative


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float64"])
@pytest.mark.parametrize("shuffle", [True, False])
def test_rows_that_stay_on_a_device_make_the_same_batches(dtype, shuffle, monkeypatch):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 200, size=(50, 4, 3, 2)).astype(dtype)
    rows = rng.permutation(50)[:40]

    def epochs():
        batches = Batches(
            X,
            rows,
            preparation(ImageLayout((4, 3), 2), np.array([9.0, 5.0]), np.ones(2)),
            np.arange(50),
            np.linspace(0, 2, 50),
            batch_size=7,
            shuffle=np.random.default_rng(1) if shuffle else None,
        )
        return batches, [batch for _ in range(2) for batch in batches]

    _, expected = epochs()
    monkeypatch.setattr(batches_module, "free_memory", lambda device: 1 << 30)
    monkeypatch.setattr(batches_module, "_MOVED_BYTES", 16 * X[:1].nbytes)
    batches, found = epochs()
    assert batches._resident is not None
    assert len(batches._resident.images) == len(rows)
    for one, other in zip(expected, found, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one[:3], other[:3], strict=True))
        assert one.images.stride() == other.images.stride()
    batches.leave_device()
    assert batches._resident is None


def test_rows_that_do_not_fit_are_moved_batch_by_batch(monkeypatch):
    X = np.zeros((50, 4, 3), np.uint8)
    prepare = preparation(ImageLayout((4, 3), 1))
    for spare, is_resident in [(-1, False), (0, True)]:
        free = int(X.nbytes / batches_module.RESIDENT_SHARE) + spare
        monkeypatch.setattr(batches_module, "free_memory", lambda _, free=free: free)
        batches = Batches(X, np.arange(50), prepare, np.arange(50), None, batch_size=7)
        assert len(list(batches)) == 8
        assert (batches._resident is not None) is is_resident


def test_a_device_that_is_full_by_then_leaves_them_where_they_are(monkeypatch):
    X = np.zeros((50, 4, 3), np.uint8)
    monkeypatch.setattr(batches_module, "free_memory", lambda _: 1 << 30)
    prepare, tries = preparation(ImageLayout((4, 3), 1)), []

    def moved(batches):
        tries.append(1)
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Batches, "_moved_images", moved)
    batches = Batches(X, np.arange(50), prepare, np.arange(50), None, batch_size=7)
    for _ in range(2):
        assert sum(len(batch.images) for batch in batches) == 50
    assert len(tries) == 1


def test_the_shares_of_several_processes_make_up_the_batches():
    n, n_processes, n_parts = 50, 3, 6
    X = np.arange(n, dtype=np.float32).reshape(n, 1, 1)
    y, weight = np.arange(n), np.arange(n, dtype=np.float64)
    given = X, np.arange(n), preparation(ImageLayout((1, 1), 1)), y, weight

    def epoch(share=None):
        shuffle = np.random.default_rng(0)
        batches = Batches(*given, batch_size=17, shuffle=shuffle)
        batches.share = share
        return list(batches)

    owns = [slice(2 * rank, 2 * rank + 2) for rank in range(n_processes)]
    shares = zip(*(epoch(Share(n_parts, own)) for own in owns), strict=True)
    for whole, parts in zip(epoch(), shares, strict=True):
        for field in ("images", "targets", "sample_weight"):
            joined = torch.cat([getattr(part, field) for part in parts])
            assert torch.equal(joined, getattr(whole, field))
        # each is cut again as all of it would be
        cut = [p for part in parts for p in part.split(equal_sizes(len(part[1]), 2))]
        sizes = [len(part.targets) for part in cut]
        assert sizes == equal_sizes(len(whole.targets), n_parts)
