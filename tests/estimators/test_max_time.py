"""Time in place of a number of epochs, which then gives the same bits by itself."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback

from sklearn_cnn import CNNClassifier, CNNRegressor
from sklearn_cnn.augmentation import Compose, MixUp, RandomCrop


@pytest.fixture(scope="module")
def digits(digits):
    """So few that an epoch ends in time on any machine."""
    X, y = digits
    return X[:100], y[:100]


def cnn(**parameters):
    parameters = {"filters": (4, 8), "max_time": 0.7, "random_state": 0} | parameters
    return CNNClassifier(**parameters)


def states(estimator):
    return [learner.module.state_dict() for learner in estimator._learners]


def assert_same(first, second):
    for ours, theirs in zip(states(first), states(second), strict=True):
        for name, tensor in ours.items():
            assert torch.equal(tensor, theirs[name]), name
    assert first.loss_curve_ == second.loss_curve_


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"augmentation": Compose([RandomCrop(1), MixUp()]), "dropout": 0.5},
        {"freeze_epochs": 2},
        {"early_stopping": True, "n_iter_no_change": 2, "tol": 0.1},
        {"n_networks": 2},
        {"n_networks": 3, "callbacks": []},
        {"batch_size": 300, "lr_schedule": "constant"},
    ],
    ids=str,
)
def test_the_number_of_epochs_repeats_the_result(digits, parameters):
    timed = cnn(**parameters).fit(*digits)
    epochs = timed.max_iter_ if timed.early_stopping else timed.n_iter_
    repeated = clone(timed).set_params(max_time=None, max_iter=epochs).fit(*digits)
    assert_same(timed, repeated)
    assert timed.n_iter_ <= timed.max_iter_ == repeated.max_iter_


@pytest.mark.filterwarnings("ignore:freeze='backbone' keeps random filters")
def test_a_frozen_backbone(digits):
    timed = cnn(freeze="backbone").fit(*digits)
    repeated = clone(timed).set_params(max_time=None, max_iter=timed.n_iter_)
    assert_same(timed, repeated.fit(*digits))


def test_more_time_makes_more_epochs(digits):
    assert cnn(max_time=0.5).fit(*digits).n_iter_ < cnn(max_time=2).fit(*digits).n_iter_


def test_the_schedule_comes_to_its_end(digits):
    X, y = digits
    timed = CNNRegressor(filters=(4,), max_time=0.7, random_state=0)
    timed.fit(X[:80], y[:80], X_val=X[80:], y_val=y[80:])
    rates = timed.history_["learning_rate"]
    assert rates.iloc[-1] < rates.max() / 10
    assert timed.history_["valid_score"].notna().all()


def test_the_trial_is_seen_by_nobody(digits):
    class Count(Callback):
        epochs = batches = 0

        def on_epoch_end(self, net, **_):
            Count.epochs += 1

        def on_batch_end(self, net, **_):
            Count.batches += 1

    given = MixUp()
    state = torch.get_rng_state(), np.random.get_state()[1]
    timed = cnn(callbacks=[Count()], augmentation=given).fit(*digits)
    assert Count.epochs == timed.n_iter_ == len(timed.history_)
    assert Count.batches == 4 * timed.n_iter_
    assert torch.equal(torch.get_rng_state(), state[0])
    np.testing.assert_array_equal(np.random.get_state()[1], state[1])


def test_warm_start_adds_what_fits_into_the_time(digits):
    timed = cnn(warm_start=True).fit(*digits)
    before = timed.n_iter_
    timed.set_params(max_time=0.7).fit(*digits)
    assert timed.n_iter_ == before + timed.max_iter_
    assert len(timed.loss_curve_) == timed.n_iter_


def test_partial_fit_is_one_epoch_as_ever(digits):
    X, y = digits
    timed = cnn(max_time=1000).partial_fit(X, y, classes=np.unique(y))
    untimed = cnn(max_time=None).partial_fit(X, y, classes=np.unique(y))
    assert timed.n_iter_ == 1
    assert_same(timed, untimed)


class Fail(Callback):
    def on_epoch_end(self, net, **_):
        if len(net.history) == 2:
            raise RuntimeError("the machine is on fire")


def test_an_interrupted_training_goes_on_to_the_epochs_it_was_planned_for(
    digits, tmp_path
):
    keeping = cnn(checkpoint_dir=tmp_path, max_time=1)
    with pytest.raises(RuntimeError, match="on fire"):
        clone(keeping).set_params(callbacks=[Fail()]).fit(*digits)
    resumed = keeping.fit(*digits)
    assert resumed.max_iter_ == resumed.n_iter_ > 2
    repeated = cnn(max_time=None, max_iter=resumed.n_iter_).fit(*digits)
    assert_same(resumed, repeated)
    # the end of it is found again, and so is its number of epochs
    again = clone(keeping).fit(*digits)
    assert_same(resumed, again)
    assert again.max_iter_ == resumed.max_iter_


def test_a_search_over_times(digits):
    search = GridSearchCV(cnn(), {"max_time": [0.5, 0.6]}, cv=2, error_score="raise")
    assert search.fit(*digits).best_params_["max_time"] in (0.5, 0.6)


def test_a_head_that_is_solved_takes_the_time_it_takes(signals):
    timed = CNNClassifier("minirocket", max_time=100, random_state=0).fit(*signals)
    assert timed.n_iter_ == 1


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"max_iter": 20}, "max_time=0.7 and max_iter=20 both say how long to train"),
        ({"max_time": 0}, "'max_time' parameter"),
        ({"max_time": -1.0}, "'max_time' parameter"),
        ({"max_time": "30s"}, "'max_time' parameter"),
        ({"max_time": np.inf}, "'max_time' parameter"),
        ({"max_time": 1e-5}, r"too short for one epoch, which takes .* seconds here"),
    ],
)
def test_bad_input(digits, parameters, message):
    fitted = cnn().fit(*digits)
    before = states(fitted)
    with pytest.raises(ValueError, match=message):
        fitted.set_params(**parameters).fit(*digits)
    for ours, theirs in zip(before, states(fitted), strict=True):
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
