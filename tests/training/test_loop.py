"""Steps, epochs and trainings: who hears of them, who computes them, what is kept."""

import pickle
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from skorch.callbacks import EpochScoring

from sklearn_cnn import CNNClassifier, CNNRegressor, training
from sklearn_cnn.training import Observer, loop
from sklearn_cnn.training.execution import Execution
from sklearn_cnn.training.observers import StopTraining

SMALL = {"filters": (4, 8), "random_state": 0, "batch_size": 100}


class Recorder(Observer):
    hears_batches = True

    def __init__(self, name, log, stop_at=None):
        self.name, self.log, self.stop_at = name, log, stop_at

    def _hear(self, event):
        self.log.append((self.name, event))
        if event == self.stop_at:
            raise StopTraining

    def train_begin(self, batches):
        self._hear("train_begin")

    def epoch_begin(self, run):
        self._hear(f"epoch_begin {run.row['epoch']}")

    def batch_begin(self, run, batch):
        self._hear("valid_begin" if run.validates else "batch_begin")

    def gradients_computed(self, run, batch):
        assert all(p.grad is not None for p in run.trained.parameters())
        self._hear("gradients")

    def batch_end(self, run, batch, loss, outputs):
        assert len(outputs) == len(batch.targets) and not loss.requires_grad
        self._hear("batch_end")

    def epoch_end(self, run):
        self._hear("epoch_end")
        return self.stop_at == f"after {run.row['epoch']}"

    def train_end(self, batches):
        self._hear("train_end")

    def close(self):
        self._hear("close")


@pytest.fixture
def observed(monkeypatch, digits):
    """Fit with observers of ours beside those of the estimator."""

    def fit(observers, X=digits[0], y=digits[1], **parameters):
        own = CNNClassifier._observers
        monkeypatch.setattr(
            CNNClassifier, "_observers", lambda *args: [*own(*args), *observers]
        )
        try:
            return CNNClassifier(**{**SMALL, "max_iter": 2, **parameters}).fit(X, y)
        finally:
            monkeypatch.setattr(CNNClassifier, "_observers", own)

    return fit


def test_observers_hear_everything_in_order(observed):
    log = []
    observed([Recorder("a", log)], max_iter=1)
    step = ["batch_begin", "gradients", "batch_end"]
    events = ["train_begin", "epoch_begin 1", *3 * step, "epoch_end", "close"]
    assert [event for _, event in log] == [*events, "train_end"]


def test_the_end_is_told_in_the_reverse_order(observed):
    log = []
    observed([Recorder("a", log), Recorder("b", log)], max_iter=1)
    assert [name for name, event in log if event == "epoch_end"] == ["a", "b"]
    assert [name for name, event in log if event == "train_end"] == ["b", "a"]


@pytest.mark.parametrize("stop_at, n_epochs", [("after 1", 1), ("epoch_begin 2", 2)])
def test_an_observer_ends_the_training(observed, stop_at, n_epochs):
    log = []
    cnn = observed([Recorder("a", log, stop_at), Recorder("b", log)], max_iter=5)
    assert len(cnn._learner.history) == n_epochs
    ends = [name for name, event in log if event == "epoch_end"]
    assert ends == ["a", "b"]  # of the first epoch, whatever the others say
    assert not cnn.module_.training


def test_observers_are_closed_after_an_error(observed, Stumbling):
    log = []
    with pytest.raises(RuntimeError, match="out of luck"):
        observed([Recorder("a", log)], architecture=Stumbling, filters=None)
    assert log[-1] == ("a", "close")


class InHalves(Execution):
    """Another way to compute a batch, of which the loop knows nothing."""

    n_batches = 0

    def backward(self, batch):
        sizes = training.batches.equal_sizes(len(batch.targets), 2)
        losses, outputs = [], []
        for part in batch.split(sizes):
            loss, out = self.objective(self.network, part)
            share = len(part.targets) / len(batch.targets)
            (loss * share).backward()
            losses.append(loss.detach() * share)
            outputs.append(out.detach())
        InHalves.n_batches += 1
        return torch.stack(losses).sum(), torch.cat(outputs)


def test_another_execution_fits_in(digits, monkeypatch):
    X, y = digits
    parameters = {**SMALL, "max_iter": 2, "normalization": None, "conv_dropout": 0.0}
    whole = CNNClassifier(**parameters).fit(X, y)
    monkeypatch.setattr(
        loop,
        "choose_execution",
        lambda run, obj: InHalves(run.trained, obj, nullcontext()),
    )
    halves = CNNClassifier(**parameters).fit(X, y)
    assert InHalves.n_batches == 6
    np.testing.assert_allclose(
        halves.decision_function(X), whole.decision_function(X), atol=1e-4
    )


@pytest.mark.parametrize("optimizer", training.OPTIMIZERS)
def test_an_unpickled_estimator_learns_on_to_the_bit(digits, optimizer):
    X, y = digits
    cnn = CNNClassifier(**SMALL, max_iter=2, optimizer=optimizer, learning_rate=0.001)
    cnn.partial_fit(X, y, classes=np.arange(10)).partial_fit(X, y)
    again = pickle.loads(pickle.dumps(cnn))
    for _ in range(2):
        cnn.partial_fit(X[::-1], y[::-1])
        again.partial_fit(X[::-1], y[::-1])
    np.testing.assert_array_equal(again.decision_function(X), cnn.decision_function(X))
    assert again.loss_curve_ == cnn.loss_curve_
    states = [list(e.net_.optimizer_.state.values()) for e in (cnn, again)]
    for one, other in zip(*states, strict=True):
        assert one.keys() == other.keys()
        assert all(torch.equal(*map(torch.as_tensor, (one[k], other[k]))) for k in one)


def accuracy(net, dataset, y_true):
    return (net.predict(dataset) == np.asarray(y_true)).mean()


def test_the_net_of_skorch_is_made_when_it_is_asked_for(digits):
    X, y = digits
    scoring = EpochScoring(accuracy, name="acc", lower_is_better=False, on_train=True)
    silent = CNNClassifier(**SMALL, max_iter=2).fit(X, y)
    heard = CNNClassifier(**SMALL, max_iter=2, callbacks=[scoring]).fit(X, y)
    for cnn in (silent, pickle.loads(pickle.dumps(silent))):
        net = cnn.net_
        assert net is cnn.net_ and net.module_ is cnn.module_
        assert net.prepare(X[:2].copy()).shape == (2, 1, 8, 8)
        assert net.history[:, "train_loss"] == cnn.loss_curve_
        np.testing.assert_array_equal(net.predict(X), cnn.predict(X))
        np.testing.assert_allclose(net.predict_proba(X), cnn.predict_proba(X))
        assert net.optimizer_.param_groups[0]["lr"] < 0.01
    again = pickle.loads(pickle.dumps(heard))
    ((name, callback),) = again.net_.callbacks_
    assert name == "EpochScoring" and callback.best_score_ > 0
    assert again.net_.history[:, "acc"] == heard.net_.history[:, "acc"]


def test_the_net_of_a_regressor_predicts_standardised_values(digits):
    X, y = digits
    cnn = CNNRegressor(**SMALL, max_iter=2).fit(X, y)
    standardised = cnn.net_.predict(X)[:, 0]
    predicted = standardised * cnn.target_scale_ + cnn.target_mean_
    np.testing.assert_array_equal(predicted, cnn.predict(X))
