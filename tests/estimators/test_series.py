"""Series: the network by default, solved heads, and series of unequal length."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits

from sklearn_cnn import CNNClassifier, CNNFeatures, CNNRegressor
from sklearn_cnn.augmentation import GaussianNoise

SMALL = {"filters": (336,), "spatial_dims": 1, "random_state": 0}


@pytest.fixture(scope="module")
def unequal():
    """Sine waves of two frequencies, 20 to 32 values long."""
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    lengths = rng.integers(20, 33, size=60)
    lengths[0] = 32
    X = [
        np.sin((0.4 + 0.5 * label) * np.arange(n) + rng.uniform(0, 6))
        for label, n in zip(y, lengths, strict=True)
    ]
    return X, y


# --- which network --------------------------------------------------------------------


@pytest.mark.parametrize(
    "parameters, chosen",
    [
        ({}, "multirocket"),
        ({"unequal_length": True}, "multirocket"),
        ({"device": "cpu"}, "multirocket"),
        ({"callbacks": []}, "multirocket"),
        ({"max_iter": 1}, "simple"),
        ({"filters": (4,), "max_iter": 1}, "simple"),
        ({"learning_rate": 0.01, "batch_size": 80}, "simple"),
        ({"augmentation": GaussianNoise(0.1), "max_iter": 1}, "simple"),
    ],
)
def test_the_default_network_of_signals(signals, parameters, chosen):
    cnn = CNNClassifier(spatial_dims=1, random_state=0, **parameters).fit(*signals)
    assert cnn.architecture_ == chosen


def test_numbers_have_a_network_of_their_own(signals):
    X, y = signals
    regressor = CNNRegressor(spatial_dims=1, random_state=0).fit(X, 5.0 * y)
    assert regressor.architecture_ == "minirocket"
    assert regressor.score(X, 5.0 * y) > 0.9


def test_images_and_short_signals_have_the_plain_network(digits, signals):
    cnn = CNNClassifier(max_iter=1).fit(*digits)
    assert cnn.architecture_ == "simple"
    X, y = signals
    assert CNNClassifier().fit(X[:, :9], y).architecture_ == "simple"
    assert CNNClassifier().partial_fit(X, y, [0, 1]).architecture_ == "simple"


def test_auto_stays_what_it_was_where_training_goes_on(signals):
    cnn = CNNClassifier(spatial_dims=1).partial_fit(*signals, [0, 1])
    assert cnn.partial_fit(*signals).architecture_ == "simple"


# --- solved heads ---------------------------------------------------------------------


def test_verbose_names_no_settings_of_steps(signals, capsys):
    CNNClassifier("minirocket", **SMALL, verbose=1).fit(*signals)
    said = capsys.readouterr().out
    assert "device='cpu'" in said and "learning_rate" not in said


def test_a_solved_head_has_one_row_of_history(signals):
    X, y = signals
    cnn = CNNClassifier("minirocket", **SMALL)
    cnn.fit(X[:60], y[:60], X_val=X[60:], y_val=y[60:])
    assert cnn.n_iter_ == 1
    row = cnn.history_.loc[1]
    assert row["valid_score"] == cnn.score(X[60:], y[60:]) == 1
    probabilities = cnn.predict_proba(X[60:])[np.arange(20), y[60:]]
    np.testing.assert_allclose(row["valid_loss"], -np.log(probabilities).mean())
    assert row["train_loss"] < 0.3
    assert cnn.fit(X, y).n_iter_ == 1


def test_predictions_do_not_depend_on_threads():
    X, y = load_digits(return_X_y=True)
    cnn = CNNClassifier("minirocket", spatial_dims=1, random_state=0).fit(
        X[:50], y[:50]
    )
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = cnn.decision_function(X[:100])
        torch.set_num_threads(2)
        two = cnn.decision_function(X[:100])
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(one, two)


def test_weights_of_zero_leave_series_out(signals):
    X, y = signals
    wrong, weight = y.copy(), np.ones(len(y))
    wrong[:20], weight[:20] = 1 - y[:20], 0
    cnn = CNNClassifier("minirocket", **SMALL)
    cnn.fit(X, wrong, sample_weight=weight)
    fewer = clone(cnn).fit(X[20:], y[20:])
    np.testing.assert_array_equal(cnn.predict_proba(X), fewer.predict_proba(X))
    heavy = clone(cnn).set_params(class_weight={0: 1, 1: 50}).fit(X, wrong)
    assert heavy.predict_proba(X)[:, 1].mean() > cnn.predict_proba(X)[:, 1].mean()


def test_label_sets_and_numbers_are_solved_too(signals):
    X, y = signals
    sets = np.c_[y, 1 - y, X[:, 0] > 0].astype(int)
    cnn = CNNClassifier("minirocket", **SMALL).fit(X, sets)
    assert (cnn.predict(X)[:, :2] == sets[:, :2]).mean() > 0.95
    targets = np.c_[100 + 3 * y, -y]
    regressor = CNNRegressor("multirocket", **SMALL).fit(X, targets)
    assert regressor.score(X, targets) > 0.9
    assert regressor.fit(X, 5.0 * y).predict(X).shape == (80,)


@pytest.mark.parametrize(
    "parameters",
    [
        {"augmentation": GaussianNoise(0.1)},
        {"batch_size": 8},
        {"callbacks": [None]},
        {"checkpoint_dir": "somewhere"},
        {"early_stopping": True},
        {"freeze": 1},
        {"label_smoothing": 0.1},
        {"learning_rate": 0.1},
        {"lr_schedule": "cosine"},
        {"optimizer": "sgd"},
        {"weight_decay": (0.1,)},
    ],
    ids=lambda parameters: next(iter(parameters)),
)
def test_a_solved_head_refuses_what_is_for_steps(
    signals, parameters, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (name,) = parameters
    cnn = CNNClassifier("minirocket", **SMALL, **parameters)
    message = rf"{name}=.* has no effect on architecture='minirocket'.*'simple'"
    with pytest.raises(ValueError, match=message):
        cnn.fit(*signals)
    assert not hasattr(cnn, "module_")


def test_a_solved_head_needs_all_samples_at_once(signals):
    cnn = CNNClassifier("minirocket", **SMALL)
    with pytest.raises(ValueError, match="partial_fit cannot train architecture="):
        cnn.partial_fit(*signals, classes=[0, 1])
    cnn.fit(*signals)
    with pytest.raises(ValueError, match="Call fit with all of them"):
        cnn.partial_fit(*signals)


def test_a_solved_head_is_solved_anew_where_fit_goes_on(signals):
    X, y = signals
    cnn = CNNClassifier("minirocket", **SMALL, warm_start=True).fit(X[:40], y[:40])
    biases = cnn.module_.stages[0].biases
    cnn.fit(X, 1 - y)
    assert cnn.n_iter_ == 2
    assert np.array_equal(cnn.module_.stages[0].biases, biases)
    assert cnn.score(X, 1 - y) == 1


def test_features_of_fixed_kernels_come_without_a_warning(signals):
    features = CNNFeatures("minirocket", filters=(84,), spatial_dims=1, random_state=0)
    vectors = features.fit_transform(signals[0])
    assert vectors.shape == (80, 84) and vectors.std(axis=0).min() > 0


# --- unequal lengths ------------------------------------------------------------------


@pytest.mark.parametrize(
    "parameters",
    [
        SMALL,
        {"architecture": "simple", "filters": (8, 8), "max_iter": 15},
        {"architecture": "simple", "filters": (8,), "global_pooling": "max"},
        {"architecture": "lite", "filters": (4, 4, 4), "max_iter": 30},
    ],
    ids=lambda parameters: str(parameters.get("global_pooling", parameters["filters"])),
)
def test_lists_and_nan_at_the_end_are_the_same(unequal, parameters):
    X, y = unequal
    cnn = CNNClassifier(**{"spatial_dims": 1, "random_state": 0, **parameters})
    cnn.set_params(unequal_length=True).fit(X, y)
    assert cnn.input_shape_ == (32, 1)
    assert cnn.score(X, y) > 0.9
    table = np.full((60, 32), np.nan)
    for row, series in zip(table, X, strict=True):
        row[: len(series)] = series
    expected = cnn.predict_proba(X)
    np.testing.assert_array_equal(cnn.predict_proba(table), expected)
    np.testing.assert_array_equal(clone(cnn).fit(table, y).predict_proba(X), expected)
    np.testing.assert_allclose(cnn.predict_proba([X[3]])[0], expected[3], atol=1e-6)


@pytest.mark.parametrize("first", [False, True])
def test_series_of_several_channels(unequal, first):
    X, y = unequal
    pairs = [np.stack([x, -x], axis=0 if first else 1) for x in X]
    order = "channels_first" if first else "channels_last"
    cnn = CNNClassifier(**SMALL, unequal_length=True, data_format=order).fit(pairs, y)
    assert cnn.input_shape_ == ((2, 32) if first else (32, 2))
    assert cnn.score(pairs, y) > 0.9


def test_statistics_leave_out_what_is_not_there(unequal):
    X, y = unequal
    cnn = CNNClassifier(**SMALL, unequal_length=True).fit(X, y)
    # every series counts alike, as images do
    means = [x.mean() for x in X]
    np.testing.assert_allclose(cnn._predictor.prepare.mean, np.mean(means))


def hole(X):
    X = [x.copy() for x in X]
    X[3][5] = np.nan
    return X


@pytest.mark.parametrize(
    "change, message",
    [
        (
            hole,
            "missing values inside of series, the first at step 5 of series 3.*impute",
        ),
        (lambda X: [*X[:-1], np.full(9, np.nan)], "1 series without any value.* 59"),
        (lambda X: [*X[:-1], np.full(9, np.inf)], "infinity"),
        (lambda X: [*X[:-1], np.ones((9, 2))], "differ in length alone"),
    ],
)
def test_bad_series(unequal, change, message):
    X, y = unequal
    with pytest.raises(ValueError, match=message):
        CNNClassifier(**SMALL, unequal_length=True).fit(change(X), y)


def test_longer_series_than_in_the_fit(unequal):
    cnn = CNNClassifier(**SMALL, unequal_length=True).fit(*unequal)
    with pytest.raises(ValueError, match=r"up to 40 values, but the longest .* has 32"):
        cnn.predict([np.ones(40)])


def test_unequal_lengths_have_to_be_asked_for(unequal, digits):
    with pytest.raises(ValueError, match="pass unequal_length=True"):
        CNNClassifier(spatial_dims=1).fit(*unequal)
    with pytest.raises(ValueError, match="unequal_length=True is for series"):
        CNNClassifier(unequal_length=True).fit(*digits)


def test_images_are_not_made_series_after_the_fit():
    X, y = np.random.default_rng(0).normal(size=(12, 8, 8)), np.arange(12) % 2
    cnn = CNNClassifier(filters=(4,), max_iter=1).fit(X, y)
    before = cnn.predict(X)
    cnn.set_params(unequal_length=True)
    for call in (lambda: cnn.predict(X), lambda: cnn.partial_fit(X, y)):
        with pytest.raises(ValueError, match="unequal_length=True"):
            call()
    np.testing.assert_array_equal(
        cnn.set_params(unequal_length=False).predict(X), before
    )
