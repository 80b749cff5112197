"""What a training that goes on obeys, and what it refuses."""

import copy
import pickle

import numpy as np
import pytest
from skorch.callbacks import Callback

from sklearn_cnn import CNNClassifier, CNNRegressor

SMALL = {"filters": (4, 8), "max_iter": 2, "random_state": 0, "warm_start": True}


class Counting(Callback):
    def __init__(self, log):
        self.log = log

    def on_batch_end(self, net, batch, training, **kwargs):
        self.log.append(len(batch[1]))


def test_a_new_batch_size_and_new_callbacks_are_obeyed(digits):
    first, second = [], []
    cnn = CNNClassifier(**SMALL, batch_size=100, callbacks=[Counting(first)])
    cnn.fit(*digits)
    cnn.set_params(batch_size=150, callbacks=[Counting(second)]).fit(*digits)
    assert first == [100] * 6 and second == [150] * 4
    cnn.partial_fit(*digits)
    assert second == [150] * 6
    cnn.set_params(callbacks=None).fit(*digits)
    assert len(second) == 6


def test_callbacks_go_on_through_pickling(digits):
    cnn = CNNClassifier(**SMALL, batch_size=100, callbacks=[Counting([])]).fit(*digits)
    again = pickle.loads(pickle.dumps(cnn))
    again.fit(*digits)
    assert len(again.callbacks[0].log) == 12 and len(cnn.callbacks[0].log) == 6


def test_a_new_loss_is_obeyed(digits):
    X, y = digits
    cnn = CNNClassifier(**SMALL).fit(X, y)
    smooth = copy.deepcopy(cnn).set_params(label_smoothing=0.5).fit(X, y)
    assert smooth.loss_curve_[2] > cnn.fit(X, y).loss_curve_[2]
    far = y + 100.0 * (y == 9)
    one = CNNRegressor(**SMALL).fit(X, far)
    other = copy.deepcopy(one).set_params(loss="absolute_error").fit(X, far)
    assert other.loss_curve_[2] != one.fit(X, far).loss_curve_[2]


def test_a_new_precision_is_obeyed(digits):
    X, y = digits
    cnn = CNNClassifier(**SMALL, precision="float32").fit(X, y)
    exact = cnn.decision_function(X)
    cnn.set_params(precision="bfloat16", learning_rate=1e-12).partial_fit(X, y)
    assert cnn.precision_ == "bfloat16"
    assert 1e-5 < abs(cnn.decision_function(X) - exact).max() < 0.5


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"input_scaling": None}, "input_scaling=None cannot change while training"),
        ({"precision": "float64"}, "precision='float64' cannot change while training"),
        ({"device": "junk"}, "device='junk' cannot be used here"),
        ({"filters": (4,)}, r"filters=\(4,\) cannot change while training goes on"),
    ],
)
def test_what_the_network_was_built_with_is_refused(digits, changed, message):
    X, y = digits
    cnn = CNNClassifier(**SMALL).fit(X, y)
    expected = cnn.predict_proba(X)
    cnn.set_params(**changed)
    for go_on in (cnn.fit, cnn.partial_fit):
        with pytest.raises(ValueError, match=message):
            go_on(X, y)
    np.testing.assert_array_equal(cnn.predict_proba(X), expected)


def test_a_stream_may_end_with_a_single_row(digits):
    X, y = digits
    cnn = CNNClassifier(filters=(4, 8), random_state=0)
    cnn.partial_fit(X[:1], y[:1], classes=np.arange(10)).partial_fit(X[1:33], y[1:33])
    cnn.partial_fit(X[33:34], y[33:34])
    assert cnn.n_iter_ == 3 and np.isfinite(cnn.predict_proba(X)).all()
    regressor = CNNRegressor(filters=(4, 8), random_state=0)
    regressor.partial_fit(X[:1], y[:1]).partial_fit(X[:20], y[:20])
    assert np.isfinite(regressor.predict(X)).all()


def test_one_row_is_enough_to_validate_on(digits):
    X, y = digits
    cnn = CNNClassifier(filters=(4, 8), max_iter=2, random_state=0)
    cnn.fit(X, y, X_val=X[:1], y_val=y[:1])
    assert set(cnn.validation_scores_) <= {0.0, 1.0}
    regressor = CNNRegressor(filters=(4, 8), max_iter=2, random_state=0)
    regressor.fit(X, y, X_val=X[:1], y_val=y[:1])
    assert regressor.history_["valid_loss"].notna().all()


def test_a_batch_of_one_that_cannot_be_normalised_is_refused_at_any_time():
    X, y = np.random.default_rng(0).normal(size=(20, 2, 2)), np.arange(20) % 2
    cnn = CNNClassifier(filters=(4, 4), random_state=0)
    with pytest.raises(ValueError, match="normalization='layer'"):
        cnn.partial_fit(X[:1], y[:1], classes=[0, 1])
    cnn.partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match="normalization='layer'"):
        cnn.partial_fit(X[:1], y[:1])
    assert cnn.n_iter_ == 1


@pytest.mark.parametrize(
    "changed", [{"optimizer": None}, {"freeze": 0.5}, {"batch_size": -1}]
)
@pytest.mark.parametrize("Estimator", [CNNClassifier, CNNRegressor])
def test_partial_fit_checks_parameters_at_every_call(digits, Estimator, changed):
    X, y = digits
    cnn = Estimator(filters=(2,), max_iter=1, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match=f"'{next(iter(changed))}' parameter"):
        cnn.set_params(**changed).partial_fit(X, y)
