"""What training means: weights, validation, continuation, schedules."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sklearn.base import clone
from sklearn.metrics import accuracy_score, log_loss, r2_score
from sklearn.utils.class_weight import compute_class_weight
from torch import nn

from sklearn_cnn import CNNClassifier, CNNRegressor

SMALL = {
    "filters": (4, 8),
    "augmentation": None,
    "conv_dropout": 0.0,
    "random_state": 0,
}
LARGER = {**SMALL, "filters": (8, 16)}
#: Weights and repetitions agree exactly where no sample depends on its batch.
EXACT = {
    "normalization": None,
    "precision": "float64",
    "batch_size": 10_000,
    "max_iter": 5,
}


@pytest.mark.parametrize("Estimator", [CNNClassifier, CNNRegressor])
def test_weights_repeat_samples(digits, Estimator):
    X, y = digits
    weights = np.arange(len(X)) % 3
    weighted = Estimator(**SMALL, **EXACT).fit(X, y, sample_weight=weights)
    repeated = Estimator(**SMALL, **EXACT).fit(
        np.repeat(X, weights, axis=0), np.repeat(y, weights)
    )
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-9)
    np.testing.assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-9)


def test_class_weights_are_sample_weights(digits):
    X, y = digits
    by_class = dict(zip(range(10), np.linspace(0.5, 3, 10), strict=True))
    first = CNNClassifier(**SMALL, max_iter=2, class_weight=by_class).fit(X, y)
    weights = np.array([by_class[label] for label in y])
    second = CNNClassifier(**SMALL, max_iter=2, input_scaling=None)
    # sample weights also weigh the statistics of the input, class weights do not
    first.set_params(input_scaling=None).fit(X, y)
    second.fit(X, y, sample_weight=weights)
    np.testing.assert_allclose(
        first.predict_proba(X), second.predict_proba(X), rtol=1e-5
    )


def test_balanced_class_weight(digits):
    X, y = digits
    keep = (y != 3) | (np.arange(len(y)) < 60)
    X, y = X[keep], y[keep]
    values = compute_class_weight("balanced", classes=np.unique(y), y=y)
    as_dict = dict(zip(np.unique(y), values, strict=True))
    first = CNNClassifier(**SMALL, max_iter=2, class_weight="balanced").fit(X, y)
    second = CNNClassifier(**SMALL, max_iter=2, class_weight=as_dict).fit(X, y)
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))


def test_validation_loss_and_score_are_those_of_the_predictions(digits):
    X, y = digits
    weights = np.linspace(0, 2, 100)
    cnn = CNNClassifier(**SMALL, max_iter=3).fit(
        X[:200], y[:200], X_val=X[200:], y_val=y[200:], sample_weight_val=weights
    )
    last = cnn.history_.iloc[-1]
    probabilities = cnn.predict_proba(X[200:])
    expected = log_loss(y[200:], probabilities, sample_weight=weights)
    assert last["valid_loss"] == pytest.approx(expected, rel=1e-5)
    expected = accuracy_score(y[200:], cnn.predict(X[200:]), sample_weight=weights)
    assert last["valid_score"] == pytest.approx(expected)
    assert cnn.validation_scores_ == cnn.history_["valid_score"].tolist()
    # an explicit validation set alone neither stops nor restores
    assert cnn.n_iter_ == 3


def test_validation_score_of_a_regressor(digits):
    X, y = digits
    cnn = CNNRegressor(**SMALL, max_iter=3).fit(
        X[:200], y[:200] * 1000.0, X_val=X[200:], y_val=y[200:] * 1000.0
    )
    expected = r2_score(y[200:] * 1000.0, cnn.predict(X[200:]))
    assert cnn.history_["valid_score"].iloc[-1] == pytest.approx(expected, rel=1e-4)


def test_all_rows_train_by_default(digits):
    cnn = CNNClassifier(**SMALL, max_iter=2).fit(*digits)
    assert cnn.validation_scores_ is None
    assert cnn.history_[["valid_loss", "valid_score"]].isna().all(axis=None)
    assert cnn.best_loss_ == min(cnn.loss_curve_)


def test_history_has_one_row_per_epoch(digits):
    cnn = CNNClassifier(**SMALL, max_iter=4, lr_schedule="step").fit(*digits)
    assert list(cnn.history_.columns) == [
        "train_loss",
        "valid_loss",
        "valid_score",
        "learning_rate",
        "seconds",
    ]
    assert list(cnn.history_.index) == [1, 2, 3, 4]
    assert cnn.n_iter_ == len(cnn.loss_curve_) == 4
    assert cnn.history_["learning_rate"].iloc[-1] == pytest.approx(1e-4)
    assert (cnn.history_["seconds"] > 0).all()


def test_early_stopping_restores_the_best_weights(digits):
    X, y = digits
    noisy = np.random.default_rng(0).permutation(y)  # nothing to learn: it overfits
    cnn = CNNClassifier(
        **SMALL,
        max_iter=60,
        early_stopping=True,
        n_iter_no_change=3,
        lr_schedule="constant",
    )
    cnn.fit(X[:200], noisy[:200], X_val=X[200:], y_val=noisy[200:])
    losses = cnn.history_["valid_loss"]
    assert cnn.n_iter_ < 60
    assert cnn.best_iter_ == losses.idxmin() <= cnn.n_iter_ - 3
    assert cnn.best_loss_ == losses.min() < losses.iloc[-1]
    found = log_loss(noisy[200:], cnn.predict_proba(X[200:]), labels=range(10))
    assert found == pytest.approx(cnn.best_loss_, rel=1e-5)


def test_the_rate_falls_when_validation_stalls(digits):
    X, y = digits
    noisy = np.random.default_rng(0).permutation(y)
    cnn = CNNClassifier(**SMALL, max_iter=60, early_stopping=True, n_iter_no_change=3)
    cnn.fit(X[:200], noisy[:200], X_val=X[200:], y_val=noisy[200:])
    rates = cnn.history_["learning_rate"]
    losses = cnn.history_["valid_loss"]
    n_fall = int((rates < 0.01).sum())
    n_flat = cnn.n_iter_ - n_fall
    # three epochs after the last that was better, for 30 % of the training
    assert (rates[:n_flat] == 0.01).all() and (np.diff(rates[n_flat:]) < 0).all()
    assert n_flat == losses[:n_flat].idxmin() + 3
    assert n_fall == np.ceil(round(n_flat / 0.7, 6)) - n_flat and cnn.n_iter_ < 40
    assert rates.iloc[-1] < 0.005


def test_a_plateau_comes_to_its_end_without_a_stall(digits):
    X, y = digits
    cnn = CNNClassifier(**SMALL, max_iter=10, early_stopping=True).fit(X, y)
    rates = cnn.history_["learning_rate"]
    assert (rates[:7] == 0.01).all() and (np.diff(rates[6:]) < 0).all()
    one_cycle = CNNClassifier(**SMALL, max_iter=10).fit(X, y)
    assert one_cycle.history_["learning_rate"].iloc[0] < 0.005


@pytest.mark.parametrize("lr_schedule", ["one_cycle", "cosine"])
def test_schedules_that_early_stopping_cuts_short_are_warned_of(digits, lr_schedule):
    cnn = CNNClassifier(
        **SMALL,
        max_iter=3,
        early_stopping=True,
        n_iter_no_change=2,
        lr_schedule=lr_schedule,
    )
    with pytest.warns(UserWarning, match=f"lr_schedule='{lr_schedule}' reaches.*auto"):
        cnn.fit(*digits)
    cnn.set_params(n_iter_no_change=3).fit(*digits)  # which cannot


def test_the_score_can_be_what_stops(digits, tmp_path):
    X, y = digits
    cnn = CNNClassifier(
        **SMALL,
        max_iter=20,
        early_stopping="score",
        n_iter_no_change=2,
        tol=0.0,
        lr_schedule="constant",
        checkpoint_dir=tmp_path,
    )
    cnn.fit(X[:60], y[:60], X_val=X[200:], y_val=y[200:])
    scores = cnn.history_["valid_score"]
    assert cnn.best_iter_ == scores.idxmax()
    assert cnn.score(X[200:], y[200:]) == scores.max()
    assert cnn.best_loss_ == cnn.history_["valid_loss"][cnn.best_iter_]
    assert cnn.n_iter_ == cnn.best_iter_ + 2 < 20
    (best,) = tmp_path.glob("*/best.safetensors")
    state = load_file(best)
    assert all(torch.equal(state[k], v) for k, v in cnn.module_.state_dict().items())


def test_early_stopping_holds_out_a_stratified_part(digits):
    X, y = digits
    batches = []

    class Spy(nn.Module):
        def __init__(self, n_channels, spatial_shape, n_outputs):
            super().__init__()
            self.layer = nn.Linear(64, n_outputs)

        def forward(self, x):
            if self.training:
                batches.append(x.detach()[:, 0].clone())
            return self.layer(x.flatten(1))

    X = X + np.arange(len(X))[:, None, None, None] * 1e-6  # no two images are equal
    cnn = CNNClassifier(
        Spy,
        max_iter=1,
        augmentation=None,
        early_stopping=True,
        validation_fraction=0.2,
        random_state=0,
        input_scaling=None,
        precision="float64",
    ).fit(X, y)
    trained = torch.cat(batches).numpy()
    rows = np.array(
        [np.flatnonzero((X[..., 0] == x).all(axis=(1, 2)))[0] for x in trained]
    )
    assert len(rows) == len(set(rows)) == 240
    counts = np.bincount(y) - np.bincount(y[rows])
    assert (np.abs(counts - np.bincount(y) * 0.2) <= 1).all()
    assert not np.array_equal(np.sort(rows), np.arange(240))
    assert len(cnn.validation_scores_) == 1


def test_warm_start_goes_on(digits):
    X, y = digits
    cnn = CNNClassifier(**SMALL, max_iter=2, warm_start=True).fit(X, y)
    before, loss = cnn.net_, cnn.loss_curve_[-1]
    cnn.fit(X, y)
    assert cnn.n_iter_ == 4 and len(before.history) == 2
    assert cnn.loss_curve_[-1] < loss
    with pytest.raises(ValueError, match="fitted on shape"):
        cnn.fit(X[:, :4], y)
    with pytest.raises(ValueError, match="labels"):
        cnn.fit(X, y + 1)
    with pytest.raises(ValueError, match=r"filters=\(5,\) cannot change .*warm_start"):
        cnn.set_params(filters=(5,)).fit(X, y)
    cnn.set_params(warm_start=False).fit(X[:, :4], y)
    assert cnn.n_iter_ == 2


def test_warm_start_takes_new_parameters_of_the_training(digits):
    cnn = CNNClassifier(**SMALL, max_iter=1, warm_start=True).fit(*digits)
    cnn.set_params(learning_rate=0.5, optimizer="sgd", lr_schedule="constant")
    cnn.fit(*digits)
    assert cnn.history_["learning_rate"].iloc[-1] == 0.5
    assert isinstance(cnn.net_.optimizer_, torch.optim.SGD)


def test_partial_fit_learns_from_a_stream(digits):
    X, y = digits
    cnn = CNNClassifier(filters=(8, 16), learning_rate=0.02, random_state=0)
    for _ in range(8):
        for start in range(0, 300, 100):
            rows = slice(start, start + 100)
            cnn.partial_fit(X[rows], y[rows], classes=np.arange(10))
    assert cnn.n_iter_ == 24
    assert cnn.score(X, y) > 0.9
    assert (cnn.history_["learning_rate"] == 0.02).all()


@pytest.mark.parametrize(
    "changed",
    [{"optimizer": "sgd"}, {"weight_decay": 0.5}, {"optimizer": "sgd", "momentum": 0}],
)
def test_partial_fit_takes_a_new_optimizer(digits, changed):
    X, y = digits
    cnn = CNNClassifier(**SMALL, optimizer="adam").partial_fit(X, y, classes=range(10))
    same = cnn.net_.optimizer_.state_dict()["state"][0]["step"].item()
    cnn.partial_fit(X, y)
    kept = cnn.net_.optimizer_
    assert kept.state_dict()["state"][0]["step"].item() == 2 * same
    cnn.set_params(**changed).partial_fit(X, y)
    optimizer = cnn.net_.optimizer_
    name = {"adam": "Adam", "sgd": "SGD"}[cnn.optimizer]
    assert type(optimizer).__name__ == name
    assert optimizer.param_groups[-1].get("momentum", 0.9) == cnn.momentum
    decays = {group["weight_decay"] for group in optimizer.param_groups}
    assert decays == {0.0, {"auto": 0.01}.get(cnn.weight_decay, cnn.weight_decay)}


def test_partial_fit_of_a_regressor_keeps_the_scale_of_the_first_call(digits):
    X, y = digits
    cnn = CNNRegressor(**SMALL).partial_fit(X, y)
    mean = cnn.target_mean_
    assert cnn.partial_fit(X, y + 100.0).target_mean_ == mean


def test_label_smoothing_bounds_confidence(digits):
    X, y = digits
    plain = CNNClassifier(**SMALL, max_iter=30, label_smoothing=0.0).fit(X, y)
    smooth = CNNClassifier(**SMALL, max_iter=30, label_smoothing=0.2).fit(X, y)
    assert smooth.predict_proba(X).max() < plain.predict_proba(X).max()


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd", "rmsprop"])
@pytest.mark.parametrize("lr_schedule", ["one_cycle", "cosine", "step", "plateau"])
def test_every_optimizer_and_schedule_learns(digits, optimizer, lr_schedule):
    cnn = CNNClassifier(
        **LARGER,
        max_iter=10,
        optimizer=optimizer,
        lr_schedule=lr_schedule,
        learning_rate=0.1 if optimizer == "sgd" else 0.01,
    )
    assert cnn.fit(*digits).score(*digits) > 0.7


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber"])
def test_every_loss_learns(digits, loss):
    X, _ = digits
    y = X[:, :, :4].mean(axis=(1, 2, 3)) * 50 + 1000
    cnn = CNNRegressor(
        filters=(8,), global_pooling="flatten", max_iter=30, loss=loss, random_state=0
    )
    assert cnn.fit(X, y).score(X, y) > 0.8


def test_absolute_error_leads_to_the_median():
    X = np.zeros((300, 4, 4))
    y = np.r_[np.zeros(200), np.full(100, 30.0)]
    parameters = {**SMALL, "max_iter": 60, "normalization": None}
    absolute = CNNRegressor(**parameters, loss="absolute_error").fit(X, y)
    squared = CNNRegressor(**parameters).fit(X, y)
    assert absolute.predict(X[:1])[0] == pytest.approx(0, abs=1)
    assert squared.predict(X[:1])[0] == pytest.approx(10, abs=1)


def test_several_targets_keep_their_scales(digits):
    X, _ = digits
    y = np.c_[X.mean(axis=(1, 2, 3)) * 1e6, X[:, :4].mean(axis=(1, 2, 3)) * 1e-6]
    cnn = CNNRegressor(**SMALL, global_pooling="flatten", max_iter=30).fit(X, y)
    assert cnn.predict(X).shape == y.shape and cnn.n_outputs_ == 2
    assert r2_score(y, cnn.predict(X), multioutput="raw_values").min() > 0.8
    column = CNNRegressor(**SMALL, max_iter=1).fit(X, y[:, :1])
    assert column.predict(X).shape == (len(X), 1)


def test_a_constant_target_is_predicted():
    X = np.random.default_rng(0).normal(size=(20, 4, 4))
    cnn = CNNRegressor(**SMALL, max_iter=30).fit(X, np.full(20, 7e5))
    np.testing.assert_allclose(cnn.predict(X), 7e5, rtol=1e-4)


def test_multilabel(digits):
    X, y = digits
    labels = np.c_[y % 2, y > 4, y == 0]
    cnn = CNNClassifier(**LARGER, max_iter=15).fit(X, labels)
    assert cnn.multilabel_ and list(cnn.classes_) == [0, 1, 2]
    np.testing.assert_array_equal(cnn.predict(X), cnn.predict_proba(X) > 0.5)
    np.testing.assert_array_equal(cnn.predict(X), cnn.decision_function(X) > 0)
    np.testing.assert_allclose(np.exp(cnn.predict_log_proba(X)), cnn.predict_proba(X))
    assert cnn.score(X, labels) > 0.8
    with pytest.raises(ValueError, match="y is not multi-label"):
        cnn.set_params(warm_start=True).fit(X, y)


def test_binary_decision_function_is_the_log_odds(zeros_and_ones):
    X, y = zeros_and_ones
    cnn = CNNClassifier(**SMALL, max_iter=3).fit(X, y)
    p = cnn.predict_proba(X)
    np.testing.assert_allclose(cnn.decision_function(X), np.log(p[:, 1] / p[:, 0]))
    np.testing.assert_allclose(np.exp(cnn.predict_log_proba(X)), p)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float64"])
def test_every_precision_learns(digits, precision):
    X, y = digits
    cnn = CNNClassifier(**LARGER, max_iter=10, precision=precision)
    assert cnn.fit(X, y).score(X, y) > 0.85
    assert cnn.precision_ == precision
    expected = torch.float64 if precision == "float64" else torch.float32
    assert {p.dtype for p in cnn.module_.parameters()} == {expected}


def test_no_batch_of_a_single_sample():
    # batch normalisation of one pixel of one sample would have no variance
    X = np.random.default_rng(0).normal(size=(33, 1))
    cnn = CNNClassifier(max_iter=2, batch_size=32, random_state=0)
    cnn.fit(X, np.arange(33) % 2)
    assert np.isfinite(cnn.loss_curve_).all()


def test_compiled_networks_predict_alike(digits):
    X, y = digits
    small = {**SMALL, "filters": (4,)}  # a compiler takes seconds for each layer
    plain = CNNClassifier(**small, max_iter=1).fit(X[:64], y[:64])
    compiled = CNNClassifier(**small, max_iter=1, compile=True)
    try:
        compiled.fit(X[:64], y[:64])
    except torch._dynamo.exc.BackendCompilerFailed as error:  # pragma: no cover
        pytest.skip(f"torch.compile has no working compiler here: {error}")
    np.testing.assert_allclose(
        compiled.predict_proba(X), plain.predict_proba(X), atol=1e-3
    )
    dropping = clone(compiled).set_params(dropout=0.5, conv_dropout=0.2)
    dropping.fit(X[:64], y[:64])
    assert np.isfinite(dropping.loss_curve_).all()
    import pickle

    loaded = pickle.loads(pickle.dumps(compiled))
    np.testing.assert_array_equal(loaded.predict(X), compiled.predict(X))
