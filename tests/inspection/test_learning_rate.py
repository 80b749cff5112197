"""LearningRateDisplay."""

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_cnn import CNNClassifier, CNNRegressor
from sklearn_cnn.inspection import LearningRateDisplay


def test_rates_rise_and_the_suggestion_is_below_the_smallest_loss(digits):
    X, y = digits
    cnn = CNNClassifier(filters=(8, 16), random_state=0)
    display = LearningRateDisplay.from_estimator(cnn, X, y, start=1e-4, n_steps=80)
    rates, n = display.learning_rates, len(display.losses)
    np.testing.assert_allclose(rates, np.geomspace(1e-4, 10, 80)[:n])
    lowest = rates[display.smoothed_.argmin()]
    assert display.suggestion_ == pytest.approx(lowest / 3)
    assert 0.01 < display.suggestion_ < 1
    assert display.smoothed_.min() < 0.9 * display.losses[0]
    assert display.ax_.get_xscale() == "log"


def test_the_estimator_and_the_random_state_are_left_alone(fitted, digits):
    X, y = digits
    weights = [p.detach().clone() for p in fitted.module_.parameters()]
    parameters, state = fitted.get_params(), torch.get_rng_state()
    np_state = np.random.get_state()[1].copy()
    displays = [
        LearningRateDisplay.from_estimator(fitted, X, y, n_steps=20) for _ in range(2)
    ]
    np.testing.assert_array_equal(displays[0].losses, displays[1].losses)
    assert displays[0].suggestion_ == displays[1].suggestion_
    assert fitted.get_params() == parameters
    assert torch.equal(torch.get_rng_state(), state)
    np.testing.assert_array_equal(np.random.get_state()[1], np_state)
    for before, now in zip(weights, fitted.module_.parameters(), strict=True):
        assert torch.equal(before, now)


def test_the_rates_are_really_trained_with(digits):
    X, y = digits
    cnn = CNNClassifier(
        filters=(4,),
        optimizer="sgd",
        momentum=0.0,
        batch_size=300,
        augmentation=None,
        conv_dropout=0.0,
        random_state=0,
    )
    display = LearningRateDisplay.from_estimator(
        cnn, X, y, start=0.01, stop=0.1, n_steps=10
    )
    rates = np.geomspace(0.01, 0.1, 10)
    cnn.set_params(max_iter=1, warm_start=False, lr_schedule="constant")
    first = cnn.set_params(learning_rate=rates[0]).fit(X, y)
    assert first.loss_curve_[0] == pytest.approx(display.losses[0], rel=1e-6)
    assert len(display.losses) == 10
    assert (np.diff(display.losses) < 0).all()


def test_it_ends_where_the_loss_diverges(digits):
    X, y = digits
    cnn = CNNRegressor(
        filters=(4,), normalization=None, optimizer="sgd", random_state=0
    )
    display = LearningRateDisplay.from_estimator(
        cnn, X, y, start=1e-3, stop=1e6, n_steps=60
    )
    assert len(display.losses) < 60
    assert np.isfinite(display.smoothed_).all()
    assert np.isfinite(display.suggestion_)


def test_pipelines_may_be_unfitted_and_axes_given(digits):
    X, y = digits
    flat = X.reshape(len(X), -1)
    cnn = CNNClassifier(
        filters=(4,),
        input_shape=(8, 8),
        early_stopping=True,
        freeze_epochs=3,
        max_iter=5,
        random_state=0,
    )
    pipeline = make_pipeline(StandardScaler(), cnn)
    _, ax = plt.subplots()
    display = LearningRateDisplay.from_estimator(pipeline, flat, y, n_steps=12, ax=ax)
    assert display.ax_ is ax and display.figure_ is ax.figure
    assert not hasattr(pipeline[0], "mean_") and not hasattr(cnn, "net_")
    direct = LearningRateDisplay.from_estimator(
        cnn, StandardScaler().fit_transform(flat), y, n_steps=12
    )
    np.testing.assert_array_equal(display.losses, direct.losses)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"start": 0}, "start=0 and stop=10.0 must be learning rates"),
        ({"start": 2, "stop": 1}, "0 < start < stop"),
        ({"stop": np.inf}, "0 < start < stop"),
        ({"n_steps": 9}, "n_steps=9 must be an integer of at least 10"),
    ],
)
def test_bad_input(digits, options, message):
    with pytest.raises(ValueError, match=message):
        LearningRateDisplay.from_estimator(CNNClassifier(), *digits, **options)
    with pytest.raises(TypeError, match="ends in StandardScaler"):
        LearningRateDisplay.from_estimator(StandardScaler(), *digits)
