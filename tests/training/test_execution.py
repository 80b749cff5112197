"""Ghost batches give the gradients of whole ones, on any number of threads."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_cnn import CNNClassifier
from sklearn_cnn.images import ImageLayout
from sklearn_cnn.inference import Preparation
from sklearn_cnn.inference.threads import map_chunks, side_by_side, workers
from sklearn_cnn.training.batches import Batch
from sklearn_cnn.training.execution import (
    GhostBatches,
    Objective,
    WholeBatches,
    draws_numbers,
    n_ghosts,
)
from sklearn_cnn.training.losses import CrossEntropy


@pytest.fixture(params=[1, 2])
def n_threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def network(norm=False, dropout=None):
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 4, 3), *([nn.BatchNorm2d(4)] if norm else []), nn.ReLU()]
    if dropout:
        layers.append(dropout)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(4 * 36, 3)).train()


def batch(n=21, weighted=False):
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(n, 1, 8, 8, generator=generator)
    weights = torch.rand(n, generator=generator) if weighted else None
    return Batch(images, torch.arange(n) % 3, weights)


def compute(net, part):
    outputs = net(part.images)
    return CrossEntropy()(outputs, part.targets, part.sample_weight), outputs


def test_trainings_side_by_side_share_the_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        with side_by_side(2) as outer:
            found = outer.submit(_count_workers, 8).result()
        assert found == (2, 1) and _count_workers(8) == (4, 4)
    finally:
        torch.set_num_threads(before)


def _count_workers(n):
    n_threads = torch.get_num_threads()
    with workers(n) as pool:
        return pool._max_workers, n_threads


def test_n_ghosts_depends_on_the_work_alone():
    assert n_ghosts((1 << 28) - 1, 64, 1000) == 1
    assert n_ghosts(1 << 28, 64, 1000) == 2
    assert n_ghosts(7 << 28, 128, 1000) == 4
    assert n_ghosts(1 << 40, 128, 1000) == 8
    assert n_ghosts(1 << 40, 31, 1000) == 2
    assert n_ghosts(1 << 40, 3, 1000) == 1
    assert n_ghosts(1 << 40, 128, 1 << 26) == 4
    assert n_ghosts(1 << 40, 128, 1 << 29) == 1


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n", [2, 4])
def test_gradients_are_those_of_the_whole_batch(n, weighted, n_threads):
    net, whole = network(), batch(weighted=weighted)
    loss, outputs = compute(net, whole)
    loss.backward()
    expected = [p.grad for p in net.parameters()]
    net.zero_grad()
    with GhostBatches(net, compute, n) as ghosts:
        ghosts.begin_epoch()
        found = ghosts.backward(whole)
    assert found[0].item() == pytest.approx(loss.item(), rel=1e-6)
    torch.testing.assert_close(found[1], outputs.detach())
    for parameter, gradient in zip(net.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


def test_copies_share_weights_and_what_is_frozen():
    net = network()
    net[0].weight.requires_grad_(False)
    with GhostBatches(net, compute, 2) as ghosts:
        ghosts.begin_epoch()
        ghosts.backward(batch())
        assert net[0].weight.grad is None
        assert net[0].bias.grad is not None
        with torch.no_grad():
            net[-1].weight.fill_(0.5)
        assert all((copied[-1].weight == 0.5).all() for copied in ghosts.copies)
        # the next step starts from no gradients
        assert all(p.grad is None for c in ghosts.copies for p in c.parameters())


def test_statistics_that_are_frozen_are_not_rounded():
    net = network(norm=True)
    net[1].running_mean.copy_(torch.randn(4))
    net[1].eval()
    before = net[1].running_mean.clone()
    with GhostBatches(net, compute, 8) as ghosts:
        ghosts.begin_epoch()
        ghosts.backward(batch(40))
        ghosts.end_epoch()
    assert torch.equal(net[1].running_mean, before)


def test_running_statistics_are_the_mean_of_the_ghosts():
    net, whole = network(norm=True), batch(20)
    parts = []
    for images in whole.images.tensor_split(2):
        alone = copy.deepcopy(net)
        alone(images)
        parts.append(alone[1])
    with GhostBatches(net, compute, 2) as ghosts:
        ghosts.begin_epoch()
        ghosts.backward(whole)
        ghosts.end_epoch()
    for name in ("running_mean", "running_var"):
        mean = torch.stack([getattr(part, name) for part in parts]).mean(dim=0)
        torch.testing.assert_close(getattr(net[1], name), mean)
    assert net[1].num_batches_tracked == 1


@pytest.mark.parametrize("dropout", [nn.Dropout(0.5), nn.Dropout2d(0.5)])
def test_every_ghost_draws_its_own_numbers(dropout):
    net = network(dropout=dropout)
    one = batch(8)
    twice = Batch(one.images.repeat(2, 1, 1, 1), one.targets.repeat(2), None)
    found = []
    for _ in range(2):
        torch.manual_seed(3)
        with GhostBatches(net, compute, 2) as ghosts:
            ghosts.begin_epoch()
            found.append(ghosts.backward(twice)[1])
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=0)
    assert not torch.equal(found[0][:8], found[0][8:])
    assert isinstance(net[2], type(dropout))  # the network keeps its own layer


class Noisy(nn.Module):
    def forward(self, x):
        return x + torch.randn_like(x)


def test_networks_that_draw_by_themselves_are_noticed():
    images = torch.zeros(2, 1, 8, 8)
    dropping, noisy = network(dropout=nn.Dropout(0.5)), network(dropout=Noisy())
    before = torch.get_rng_state()
    assert not draws_numbers(dropping, images)
    assert draws_numbers(noisy, images)
    assert torch.equal(torch.get_rng_state(), before)


def test_threads_of_the_pool_compute_alone(n_threads):
    with workers(2) as pool:
        assert list(pool.map(lambda _: torch.get_num_threads(), range(4))) == [1] * 4
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == n_threads


def test_chunks_come_back_in_order(n_threads):
    for cost in (0, 1 << 40):
        chunks = [np.array([i, i + 1]) for i in range(0, 18, 2)]
        rows = np.arange(18, dtype=np.int16)
        prepare = Preparation(ImageLayout((), 1), None, None, torch.float32, "cpu")
        parts = map_chunks(lambda loaded: 2 * loaded[:, 0], prepare, rows, chunks, cost)
        assert np.concatenate(list(parts)).tolist() == list(range(0, 36, 2))
    assert torch.get_num_threads() == n_threads


def large(n=64):
    """So much work per step that it is split."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % 2
    X = (rng.random((n, 32, 32)) * 100 + 80 * y[:, None, None]).astype(np.uint8)
    return X, y


def fitted_bytes(**parameters):
    X, y = large()
    cnn = CNNClassifier(
        filters=(64, 128, 128),
        conv_dropout=0.2,
        dropout=0.3,
        batch_size=32,
        max_iter=2,
        random_state=0,
        **parameters,
    ).fit(X, y, X_val=X, y_val=y)
    state = [t.numpy().tobytes() for t in cnn.module_.state_dict().values()]
    return state, cnn.predict_proba(X).tobytes(), cnn.history_["valid_loss"].tolist()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_large_steps_give_the_same_bits_on_any_number_of_threads(precision):
    before, found = torch.get_num_threads(), []
    try:
        for n in (1, 2, 3):
            torch.set_num_threads(n)
            found.append(fitted_bytes(precision=precision))
            assert torch.get_num_threads() == n
    finally:
        torch.set_num_threads(before)
    assert found[0] == found[1] == found[2]


class Stumbling(nn.Sequential):
    def __init__(self, n_channels, spatial_shape, n_outputs):
        width = 1024
        super().__init__(
            nn.Conv2d(n_channels, width, 3, padding=1),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(width, n_outputs),
        )

    def forward(self, x):
        if self.training and len(x) > 2:
            raise RuntimeError("out of luck")
        return super().forward(x)


def test_a_failure_in_a_ghost_ends_the_fit(n_threads):
    with pytest.raises(RuntimeError, match="out of luck"):
        CNNClassifier(Stumbling, batch_size=32, max_iter=1).fit(*large())
    assert torch.get_num_threads() == n_threads


class Crowded(nn.Module):
    """A network that has room for some samples only, as a GPU may have."""

    def __init__(self, room, n_channels=1):
        super().__init__()
        torch.manual_seed(0)
        self.room, self.seen = room, []
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64 * n_channels, 3))

    def forward(self, x):
        if len(x) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        self.seen.append(len(x))
        return self.layers(x)


def whole_batches(module):
    loss = CrossEntropy(label_smoothing=0.1)
    return WholeBatches(module, Objective(loss, "float32", "float32", "cuda"))


def weighted_batch(n=10):
    torch.manual_seed(1)
    weight, targets = torch.linspace(0.5, 2, n), torch.arange(n) % 3
    return Batch(torch.randn(n, 1, 8, 8), targets, weight)


def test_a_batch_without_room_goes_in_parts_to_the_same_gradients():
    batch, roomy, crowded = weighted_batch(), Crowded(10), Crowded(3)
    expected = whole_batches(roomy).backward(batch)
    execution = whole_batches(crowded)
    with pytest.warns(UserWarning, match="has no room for a step") as caught:
        found = execution.backward(batch)
    assert ["in 4 parts" in str(w.message) for w in caught] == [False, True]
    assert crowded.seen == [3, 3, 2, 2]
    for one, other in zip(expected, found, strict=True):
        torch.testing.assert_close(one, other)
    for one, other in zip(roomy.parameters(), crowded.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)
    crowded.seen.clear()
    for parameter in crowded.parameters():
        parameter.grad = None
    execution.backward(batch)  # without a word or an attempt
    assert crowded.seen == [3, 3, 2, 2]


def test_gradients_of_an_attempt_without_room_are_forgotten():
    batch, roomy, crowded = weighted_batch(), Crowded(10), Crowded(5)
    whole_batches(roomy).backward(batch)
    execution = whole_batches(crowded)
    execution.n_parts = 2

    def full_at_the_second_part(layer, _):
        if len(layer.seen) == 1:
            hook.remove()
            raise torch.OutOfMemoryError("CUDA out of memory.")

    hook = crowded.register_forward_pre_hook(full_at_the_second_part)
    with pytest.warns(UserWarning, match="in 4 parts"):
        execution.backward(batch)
    for one, other in zip(roomy.parameters(), crowded.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)


@pytest.mark.filterwarnings("ignore:device='cuda' has no room")
def test_no_room_for_a_single_sample_is_an_error():
    with pytest.raises(torch.OutOfMemoryError):
        whole_batches(Crowded(0)).backward(weighted_batch())


def test_predictions_without_room_go_by_halves(digits):
    module = Crowded(7)

    def network(n_channels, spatial_shape, n_outputs):
        module.layers[1] = nn.Linear(64, n_outputs)
        return module

    X, y = digits
    cnn = CNNClassifier(network, batch_size=5, max_iter=1, random_state=0).fit(X, y)
    found = cnn.predict_proba(X)
    assert max(cnn.module_.seen) <= 7
    cnn.module_.room = 1000
    np.testing.assert_allclose(found, cnn.predict_proba(X), atol=1e-6)


def test_a_fit_without_room_keeps_the_effective_batch(digits):
    X, y = digits

    def fitted(room):
        def network(n_channels, spatial_shape, n_outputs):
            module = Crowded(room)
            module.layers[1] = nn.Linear(64, n_outputs)
            return module

        parameters = {"batch_size": 50, "max_iter": 2, "random_state": 0}
        return CNNClassifier(network, **parameters).fit(X, y).predict_proba(X)

    expected = fitted(1000)
    with pytest.warns(UserWarning, match="has no room for a step with a batch of 50"):
        found = fitted(13)
    np.testing.assert_allclose(found, expected, atol=1e-5)
