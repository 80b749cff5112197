"""Frozen stages: what keeps its weights, and what is computed once."""

from typing import ClassVar

import numpy as np
import pytest
import torch
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback
from torch import nn

from sklearn_cnn import CNNClassifier
from sklearn_cnn.architectures.simple import simple_cnn
from sklearn_cnn.inference import features as remembering

SMALL = {"filters": (4, 6, 8), "max_iter": 4, "random_state": 0}
N_STAGES = 3


@pytest.fixture
def weights(digits, tmp_path):
    X, y = digits
    few = y < 5
    cnn = CNNClassifier(**SMALL).fit(X[few], y[few])
    path = tmp_path / "weights.pt"
    torch.save(cnn.module_.state_dict(), path)
    return path


@pytest.fixture
def others(digits):
    X, y = digits
    return X[y >= 5], y[y >= 5]


def state_of(cnn):
    return {k: v.clone() for k, v in cnn.module_.state_dict().items()}


def changed_parts(state, path):
    start = torch.load(path, weights_only=True)
    return {
        ".".join(name.split(".")[:2]) if name.startswith("stages") else "head"
        for name, value in state.items()
        if name.split(".")[0] == "head" or not torch.equal(value, start[name])
    }


@pytest.mark.parametrize(
    "freeze, n_frozen", [(None, 0), (1, 1), ("stage2", 2), ("backbone", 3), (3, 3)]
)
def test_frozen_stages_keep_weights_and_statistics(weights, others, freeze, n_frozen):
    cnn = CNNClassifier(**SMALL, weights=weights, freeze=freeze).fit(*others)
    learned = {f"stages.stage{i + 1}" for i in range(n_frozen, N_STAGES)} | {"head"}
    assert changed_parts(state_of(cnn), weights) == learned


def test_a_head_learns_the_same_from_features_as_from_images(weights, others):
    X, y = others

    class Watching(Callback):
        shapes: ClassVar[list] = []

        def on_batch_end(self, net, batch, **kwargs):
            self.shapes.append(tuple(batch[0].shape[1:]))

    cnn = CNNClassifier(
        **SMALL, weights=weights, freeze="backbone", callbacks=[Watching()]
    ).fit(X, y)
    assert set(Watching.shapes) == {(8,)}

    # by hand, image by image in one batch
    module = cnn.module_
    with torch.no_grad():
        features = module.features(cnn._predictor.prepare(X.copy()))
    np.testing.assert_allclose(
        module.head(features).double().numpy(force=True),
        cnn.decision_function(X),
        rtol=1e-4,
        atol=1e-5,
    )
    assert cnn.history_.train_loss.iloc[-1] < cnn.history_.train_loss.iloc[0]


def test_unfreezing_trains_the_head_first_and_then_all(weights, others):
    class Recording(Callback):
        states: ClassVar[list] = []

        def on_epoch_end(self, net, **kwargs):
            state = net.module_.state_dict()
            self.states.append({k: v.clone() for k, v in state.items()})

    cnn = CNNClassifier(
        **{**SMALL, "max_iter": 5},
        weights=weights,
        freeze_epochs=2,
        callbacks=[Recording()],
    ).fit(*others)
    changed = [changed_parts(state, weights) for state in Recording.states]
    every = {f"stages.stage{i + 1}" for i in range(N_STAGES)} | {"head"}
    assert changed == [{"head"}] * 2 + [every] * 3
    assert cnn.n_iter_ == 5
    rates = cnn.history_.learning_rate
    assert rates[2] < rates[1] or rates[2] < 1e-3  # the first cycle has ended
    assert rates[3:].max() > 1e-3  # and another one begins


def test_the_backbone_learns_at_its_own_rate(weights, others):
    cnn = CNNClassifier(
        **SMALL, weights=weights, backbone_learning_rate=0.1, lr_schedule="constant"
    ).fit(*others)
    head = {id(p) for p in cnn.module_.head.parameters()}
    rates = {
        (id(p) in head): group["lr"]
        for group in cnn.net_.optimizer_.param_groups
        for p in group["params"]
    }
    assert rates == {True: 0.01, False: pytest.approx(0.001)}
    assert cnn.history_.learning_rate.tolist() == [0.01] * 4


def test_fine_tuning_by_warm_start(weights, others):
    cnn = CNNClassifier(**SMALL, weights=weights, freeze="backbone", warm_start=True)
    cnn.fit(*others)
    frozen = state_of(cnn)
    cnn.set_params(freeze=None).fit(*others)
    learned = {k for k, v in state_of(cnn).items() if not torch.equal(v, frozen[k])}
    assert any(name.startswith("stages.stage1") for name in learned)
    assert cnn.n_iter_ == 8


def test_partial_fit_of_a_head(weights, others):
    X, y = others
    cnn = CNNClassifier(**SMALL, weights=weights, freeze="backbone")
    for _ in range(2):
        cnn.partial_fit(X, y, classes=np.unique(y))
    assert changed_parts(state_of(cnn), weights) == {"head"}


def test_early_stopping_judges_the_last_phase(weights, others):
    cnn = CNNClassifier(
        **{**SMALL, "max_iter": 12},
        weights=weights,
        freeze_epochs=6,
        early_stopping=True,
        n_iter_no_change=1,
        tol=10.0,
        lr_schedule="constant",
    ).fit(*others)
    assert cnn.n_iter_ == 8  # six, one that sets the mark, and one without a gain


def test_one_search_computes_the_backbone_once_for_each_fold(
    weights, others, remembered, monkeypatch
):
    X, y = others
    cnn = CNNClassifier(**SMALL, weights=weights, freeze="backbone")
    grid = {"dropout": [0.0, 0.2], "learning_rate": [0.01, 0.03]}
    search = GridSearchCV(cnn, grid, cv=3).fit(X, y)
    # for every fold those of training and of test, and all for the refit
    assert len(remembered.arrays) == 3 * 2 + 1

    monkeypatch.setattr(remembering, "_WORTH", 1 << 60)
    anew = GridSearchCV(cnn, grid, cv=3).fit(X, y)
    for name in ("mean_test_score", "std_test_score"):
        np.testing.assert_array_equal(search.cv_results_[name], anew.cv_results_[name])


class Flat(nn.Sequential):
    def __init__(self, n_channels, spatial_shape, n_outputs):
        super().__init__(nn.Flatten(), nn.Linear(64, n_outputs))


class Wrapped(nn.Module):
    """A network as others write it, in a module around it."""

    def __init__(self, n_channels, spatial_shape, n_outputs):
        super().__init__()
        first = nn.Sequential(nn.Conv2d(n_channels, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        self.net = nn.Sequential()
        self.net.features = nn.Sequential(first, nn.Dropout(0.5), nn.Conv2d(4, 4, 3))
        self.net.pool = nn.AdaptiveAvgPool2d(1)
        self.net.last = nn.Sequential(nn.Flatten(), nn.Linear(4, 8), nn.ReLU())
        self.net.dropout = nn.Dropout(0.2)
        self.net.classifier = nn.Linear(8, n_outputs)

    def forward(self, x):
        return self.net(x)


@pytest.mark.parametrize(
    "freeze, learned",
    [
        ("backbone", {"classifier"}),
        (1, {"last", "classifier"}),
        ("net.features", {"last", "classifier"}),
        ("net.features.0", {"features.2", "last", "classifier"}),
        ("net.features.0.0", {"features.0", "features.2", "last", "classifier"}),
    ],
)
def test_networks_of_others_freeze_by_their_children(others, freeze, learned):
    torch.manual_seed(0)
    module = Wrapped(1, (8, 8), 5)
    module(torch.randn(9, 1, 8, 8))  # gives the normalisation statistics
    cnn = CNNClassifier(module, freeze=freeze, max_iter=2, random_state=0).fit(*others)
    before, after = module.state_dict(), cnn.module_.state_dict()
    changed = {
        name.removeprefix("net.").rpartition(".")[0]
        for name, value in after.items()
        if not torch.equal(value, before[name])
    }
    found = {".".join(c.split(".")[: 2 if c[:8] == "features" else 1]) for c in changed}
    assert found == learned


def test_the_backbone_of_a_network_of_others_learns_at_its_own_rate(others):
    cnn = CNNClassifier(
        Wrapped, backbone_learning_rate=0.1, freeze_epochs=1, max_iter=2, random_state=0
    ).fit(*others)
    head = {id(p) for p in cnn.module_.net.classifier.parameters()}
    rates = {
        (id(p) in head): group["initial_lr"]
        for group in cnn.net_.optimizer_.param_groups
        for p in group["params"]
    }
    assert rates == {True: 0.01, False: pytest.approx(0.001)}


def test_stages_that_a_network_of_others_has_not(others):
    with pytest.raises(ValueError, match=r"It has the stages \['net.features', 'net.l"):
        CNNClassifier(Wrapped, freeze="net.feature").fit(*others)


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"freeze": 4}, r"freeze=4 is beyond the last stage: .* 3 of them"),
        (
            {"freeze": "stage4"},
            r"'stage4' is not a stage.*Did you mean 'stage3'",
        ),
        ({"freeze_epochs": 4}, r"freeze_epochs=4 must be less than max_iter"),
        (
            {"architecture": Flat, "filters": None, "freeze": 1, "weights": None},
            "freeze=1 needs a network with layers before the last one",
        ),
        (
            {
                "architecture": Flat,
                "filters": None,
                "backbone_learning_rate": 0.5,
                "weights": None,
            },
            "backbone_learning_rate=0.5 needs a network with a head",
        ),
    ],
)
def test_bad_parameters(weights, others, parameters, message):
    cnn = CNNClassifier(**{**SMALL, "weights": weights, **parameters})
    with pytest.raises(ValueError, match=message):
        cnn.fit(*others)
    assert not [name for name in vars(cnn) if name.endswith("_")]


def half_constant(n_channels, spatial_shape, n_outputs):
    first = nn.Conv2d(n_channels, 4, 3, padding=1).requires_grad_(False)
    return nn.Sequential(
        first, nn.ReLU(), nn.Flatten(), nn.Linear(4 * 8 * 8, n_outputs)
    )


def constant_scales(n_channels, spatial_shape, n_outputs):
    network = simple_cnn(n_channels, spatial_shape, n_outputs, filters=(4, 6))
    for name, parameter in network.named_parameters():
        parameter.requires_grad_("norm" not in name)
    return network


@pytest.mark.parametrize("network", [half_constant, constant_scales])
def test_what_the_network_keeps_constant_stays_so(others, network):
    cnn = CNNClassifier(network, max_iter=2, random_state=0).fit(*others)
    constant = [p for p in cnn.module_.parameters() if not p.requires_grad]
    assert 2 <= len(constant) < len(list(cnn.module_.parameters()))
    before = [p.clone() for p in constant]
    cnn.set_params(warm_start=True).fit(*others).partial_fit(*others)
    after = [p for p in cnn.module_.parameters() if not p.requires_grad]
    for one, other in zip(before, after, strict=True):
        assert torch.equal(one, other)


def pretrained(n_channels, spatial_shape, n_outputs):
    network = Wrapped(n_channels, spatial_shape, n_outputs)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        trained = Wrapped(1, (8, 8), 2)
    network.net.features.load_state_dict(trained.net.features.state_dict())
    return network


def test_freezing_random_filters_is_warned_of(others):
    with pytest.warns(UserWarning, match="keeps random filters"):
        CNNClassifier(**SMALL, freeze="backbone").fit(*others)
    with pytest.warns(UserWarning, match="keeps random filters"):
        CNNClassifier(pretrained, max_iter=1, freeze="backbone").fit(*others)
    # but those that another seed leaves alone, and those of a module, are trained ones
    CNNClassifier(pretrained, max_iter=1, freeze=1).fit(*others)
    CNNClassifier(Wrapped(1, (8, 8), 5), max_iter=1, freeze="backbone").fit(*others)


@pytest.mark.parametrize("n_samples", [20, 140])
def test_the_number_of_threads_does_not_show(weights, others, n_samples):
    X, y = others
    X, y = np.repeat(np.repeat(X, 3, axis=1), 3, axis=2)[:n_samples], y[:n_samples]
    cnn = CNNClassifier(**SMALL, weights=weights, freeze="backbone")
    n_threads = torch.get_num_threads()
    outputs = []
    try:
        for n in (1, 2, 4):
            torch.set_num_threads(n)
            outputs.append(cnn.fit(X, y).decision_function(X))
    finally:
        torch.set_num_threads(n_threads)
    np.testing.assert_array_equal(outputs[1], outputs[0])
    np.testing.assert_array_equal(outputs[2], outputs[0])


def statistics_of(state):
    return {k: v for k, v in state.items() if "running" in k}


@pytest.mark.parametrize("parameters", [{}, {"freeze_epochs": 2}, {"freeze": 1}])
def test_batch_normalisation_keeps_its_statistics_and_learns(
    weights, others, parameters
):
    cnn = CNNClassifier(**SMALL, weights=weights, freeze_batch_norm=True, **parameters)
    start = torch.load(weights, weights_only=True)
    cnn.fit(*others).partial_fit(*others)
    cnn.set_params(warm_start=True).fit(*others)
    state = state_of(cnn)
    kept = statistics_of(state)
    assert len(kept) == 2 * N_STAGES
    assert all(torch.equal(value, start[name]) for name, value in kept.items())
    last = "stages.stage3.0.norm.weight"
    assert not torch.equal(state[last], start[last])


def test_networks_of_ones_own_learn_statistics(weights, others):
    start = torch.load(weights, weights_only=True)
    state = state_of(CNNClassifier(**SMALL, weights=weights).fit(*others))
    kept = statistics_of(state)
    assert not any(torch.equal(value, start[name]) for name, value in kept.items())


def test_there_have_to_be_statistics_to_keep(others):
    with pytest.raises(ValueError, match="needs batch normalisation with the stat"):
        CNNClassifier(**SMALL, freeze_batch_norm=True).fit(*others)
    cnn = CNNClassifier(**SMALL, warm_start=True).fit(*others)
    before = statistics_of(state_of(cnn))
    after = cnn.set_params(freeze_batch_norm=True).fit(*others).module_.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
