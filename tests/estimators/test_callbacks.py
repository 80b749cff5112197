"""Callbacks of skorch and of scikit-learn, progress bars, and Ctrl-C."""

import os
import re
import signal
import threading

import numpy as np
import pytest
import rich
import skorch.callbacks
import torch
from PIL import Image
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from skorch.callbacks import Callback, EarlyStopping, EpochScoring, GradientNormClipping

from sklearn_cnn import CNNClassifier, CNNFeatures, CNNRegressor, training
from sklearn_cnn.transforms import ChannelScaler, ImageReader, Resize, Unflatten

SMALL = {"filters": (4, 8), "random_state": 0}


class Recorder(Callback):
    def __init__(self):
        self.heard = []

    def on_train_begin(self, net, **kwargs):
        self.heard.append("train_begin")

    def on_epoch_begin(self, net, dataset_train, dataset_valid, **kwargs):
        self.heard.append(f"epoch_begin {len(dataset_train)}")

    def on_batch_end(self, net, batch, training, loss, y_pred, **kwargs):
        X, y = batch
        assert len(X) == len(y) == len(y_pred)
        self.heard.append("batch" if training else "valid_batch")

    def on_epoch_end(self, net, **kwargs):
        self.heard.append("epoch_end")

    def on_train_end(self, net, **kwargs):
        self.heard.append("train_end")


def test_skorch_callbacks_hear_everything(digits):
    X, y = digits
    given = Recorder()
    cnn = CNNClassifier(**SMALL, max_iter=1, batch_size=100, callbacks=[given])
    cnn.fit(X[:200], y[:200], X_val=X[200:], y_val=y[200:])
    ((_, used),) = cnn.net_.callbacks_
    # what a callback points to is the user's own, the callback itself a copy
    assert used is not given and used.heard is given.heard
    assert used.heard[:4] == ["train_begin", "epoch_begin 200", "batch", "batch"]
    assert used.heard[4:-2] == ["valid_batch"]
    assert used.heard[-2:] == ["epoch_end", "train_end"]


class Held(Callback):
    """Holds what cannot be copied, and counts in an attribute of its own."""

    def __init__(self, lock=None, losses=None):
        self.lock, self.losses = lock, losses
        self.n_epochs = 0

    def on_epoch_end(self, net, **kwargs):
        with self.lock:
            self.losses.append(net.history[-1, "train_loss"])
        self.n_epochs += 1


def test_callbacks_may_hold_what_cannot_be_copied(digits):
    given = Held(threading.Lock(), [])
    cnn = CNNClassifier(
        **SMALL, max_iter=2, callbacks=[("held", given)], warm_start=True
    )
    cnn.fit(*digits)
    assert given.losses == cnn.loss_curve_ and given.n_epochs == 0
    cnn.fit(*digits)
    assert given.losses == cnn.loss_curve_ and len(given.losses) == 4
    ((name, used),) = cnn.net_.callbacks_
    assert name == "held" and used.n_epochs == 4


def test_a_fit_that_fails_leaves_callbacks_as_they_were(digits, Stumbling):
    given = Held(threading.Lock(), [])
    cnn = CNNClassifier(Stumbling, max_iter=1, callbacks=[given])
    with pytest.raises(RuntimeError, match="out of luck"):
        cnn.fit(*digits)
    assert vars(given).keys() == {"lock", "losses", "n_epochs"}


@pytest.mark.parametrize(
    "callbacks, message",
    [
        ([1], "callbacks has 1, which is no callback of skorch"),
        ([ProgressBar()], "which is no callback of skorch.* set_callbacks"),
        ([(2, EarlyStopping())], "which is no callback of skorch"),
        (
            [EarlyStopping()],
            "EarlyStopping monitors 'valid_loss'.*X_val.*early_stopping",
        ),
        ([("best", skorch.callbacks.Checkpoint())], "best monitors 'valid_loss_best'"),
    ],
)
def test_bad_callbacks_are_named_before_training(digits, callbacks, message):
    cnn = CNNClassifier(**SMALL, max_iter=2, callbacks=callbacks)
    with pytest.raises(ValueError, match=message):
        cnn.fit(*digits)
    assert not hasattr(cnn, "net_")


def test_callbacks_that_monitor_validation_work_with_it(digits):
    cnn = CNNClassifier(**SMALL, max_iter=2, callbacks=[EarlyStopping()])
    assert cnn.set_params(early_stopping=True).fit(*digits).n_iter_ == 2


def test_batches_leave_rows_in_the_history_only_for_those_who_listen(digits):
    X, y = digits
    silent = CNNClassifier(**SMALL, max_iter=1).fit(X, y)
    assert silent.net_.history[0]["batches"] == [{}]
    heard = CNNClassifier(**SMALL, max_iter=1, callbacks=[Recorder()], batch_size=100)
    losses = heard.fit(X, y).net_.history[0, "batches", :, "train_loss"]
    assert np.mean(losses) == pytest.approx(heard.loss_curve_[0])


def test_checkpoints_of_skorch(digits, tmp_path):
    X, y = digits
    best = skorch.callbacks.Checkpoint(
        monitor="train_loss_best", dirname=tmp_path / "best"
    )
    last = skorch.callbacks.TrainEndCheckpoint(dirname=tmp_path / "last")
    cnn = CNNClassifier(**SMALL, max_iter=2, callbacks=[best, last]).fit(X, y)
    state = torch.load(tmp_path / "last" / "train_end_params.pt", weights_only=True)
    for name, value in cnn.module_.state_dict().items():
        assert torch.equal(state[name], value)
    assert (tmp_path / "best" / "params.pt").exists()


def test_listening_does_not_change_the_training(digits):
    X, y = digits
    silent = CNNClassifier(**SMALL, max_iter=2).fit(X, y)
    heard = CNNClassifier(**SMALL, max_iter=2, callbacks=[Recorder()]).fit(X, y)
    np.testing.assert_array_equal(silent.predict_proba(X), heard.predict_proba(X))


@pytest.mark.parametrize("use_caching", [True, False])
def test_epoch_scoring(digits, use_caching):
    X, y = digits

    def accuracy(net, dataset, y_true):
        y_true = dataset.targets[dataset.rows] if y_true is None else y_true
        return (net.predict(dataset) == np.asarray(y_true)).mean()

    scoring = EpochScoring(
        accuracy, name="acc", lower_is_better=False, use_caching=use_caching
    )
    cnn = CNNClassifier(**SMALL, max_iter=2, callbacks=[scoring])
    cnn.fit(X[:200], y[:200], X_val=X[200:], y_val=y[200:])
    assert cnn.net_.history[:, "acc"] == pytest.approx(cnn.validation_scores_)


def test_gradient_clipping_and_named_callbacks(digits):
    clip = GradientNormClipping(1e-9)
    cnn = CNNClassifier(
        **SMALL, max_iter=2, optimizer="sgd", weight_decay=0, callbacks=[("clip", clip)]
    ).fit(*digits)
    moved = CNNClassifier(**SMALL, max_iter=2, optimizer="sgd", weight_decay=0)
    assert cnn.loss_curve_[1] == pytest.approx(cnn.loss_curve_[0], rel=1e-2)
    assert moved.fit(*digits).loss_curve_[1] < cnn.loss_curve_[1]


def test_early_stopping_of_skorch_ends_training_quietly(digits):
    stop = EarlyStopping(
        monitor="train_loss", patience=2, threshold=10, sink=lambda _: 0
    )
    cnn = CNNClassifier(**SMALL, max_iter=20, callbacks=[stop]).fit(*digits)
    assert cnn.n_iter_ == 3
    assert cnn.score(*digits) > 0


def test_a_handler_that_interrupts_is_no_callback(digits):
    def handler(*_):
        raise KeyboardInterrupt

    class Terminated(Callback):
        def on_epoch_end(self, net, **kwargs):
            signal.raise_signal(signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            CNNClassifier(**SMALL, max_iter=2, callbacks=[Terminated()]).fit(*digits)
    finally:
        signal.signal(signal.SIGTERM, before)


class PressCtrlC(Callback):
    """A person who interrupts the second epoch of the second fit."""

    n_fits = 0
    at_epoch = 2

    def on_train_begin(self, net, **kwargs):
        PressCtrlC.n_fits += 1

    def on_epoch_begin(self, net, **kwargs):
        if PressCtrlC.n_fits == 2 and len(net.history) == self.at_epoch:
            os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_ends_the_search(digits):
    PressCtrlC.n_fits = 0
    cnn = CNNClassifier(**SMALL, max_iter=4, callbacks=[PressCtrlC()])
    search = GridSearchCV(cnn, {"dropout": [0.0, 0.1, 0.2]}, cv=2)
    with pytest.raises(KeyboardInterrupt):
        search.fit(*digits)
    assert PressCtrlC.n_fits == 2
    assert not hasattr(search, "best_estimator_")


def test_ctrl_c_leaves_the_estimator_as_it_was(digits):
    X, y = digits
    PressCtrlC.n_fits = 0
    cnn = CNNClassifier(**SMALL, max_iter=4, callbacks=[PressCtrlC()]).fit(X, y)
    expected = cnn.predict_proba(X)
    with pytest.raises(KeyboardInterrupt):
        cnn.fit(X[::-1], y[::-1])
    np.testing.assert_array_equal(cnn.predict_proba(X), expected)


def test_ctrl_c_undoes_a_training_that_went_on(digits):
    X, y = digits
    PressCtrlC.n_fits = 0
    cnn = CNNClassifier(**SMALL, max_iter=4, callbacks=[PressCtrlC()], warm_start=True)
    cnn.fit(X, y)
    expected = cnn.predict_proba(X)
    PressCtrlC.n_fits = 1
    PressCtrlC.at_epoch = 6
    try:
        with pytest.raises(KeyboardInterrupt):
            cnn.fit(X, y)
    finally:
        PressCtrlC.at_epoch = 2
    assert cnn.n_iter_ == 4
    np.testing.assert_array_equal(cnn.predict_proba(X), expected)


def test_print_log_of_skorch_obeys_verbose(digits, capsys):
    log = skorch.callbacks.PrintLog()
    CNNClassifier(**SMALL, max_iter=1, callbacks=[log]).fit(*digits)
    assert capsys.readouterr().out == ""
    CNNClassifier(**SMALL, max_iter=1, callbacks=[log], verbose=1).fit(*digits)
    assert "train_loss" in capsys.readouterr().out


# --- scikit-learn's callbacks ---------------------------------------------------------


class Tasks:
    """Follows scikit-learn's callback protocol."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.log = []

    def setup(self, estimator, context):
        self.log.append(("setup", context.max_subtasks))

    def teardown(self, estimator, context):
        self.log.append(("teardown",))

    def on_fit_task_begin(self, estimator, context):
        self.log.append(("begin", context.task_name, context.task_id))

    def on_fit_task_end(
        self,
        estimator,
        context,
        *,
        X=None,
        y=None,
        metadata=None,
        fitted_estimator=None,
    ):
        score = fitted_estimator.score(X, y)
        self.log.append(("end", context.task_name, context.task_id, score))
        return context.task_name == "epoch" and context.task_id == self.stop_after


@pytest.mark.parametrize("Estimator", [CNNClassifier, CNNRegressor])
def test_epochs_are_tasks(digits, Estimator):
    tasks = Tasks()
    cnn = Estimator(**SMALL, max_iter=3).set_callbacks(tasks).fit(*digits)
    assert tasks.log[0] == ("setup", 3)
    assert [entry[:3] for entry in tasks.log[1:4]] == [
        ("begin", "fit", 0),
        ("begin", "epoch", 0),
        ("end", "epoch", 0),
    ]
    assert tasks.log[-1] == ("teardown",)
    ends = [entry for entry in tasks.log if entry[0] == "end"]
    # the estimator of the last epoch is the fitted one
    assert ends[-1][3] == ends[-2][3] == cnn.score(*digits)


def test_a_task_may_stop_the_training(digits):
    tasks = Tasks(stop_after=1)
    cnn = CNNClassifier(**SMALL, max_iter=10).set_callbacks(tasks).fit(*digits)
    assert cnn.n_iter_ == 2


def test_estimators_given_to_callbacks_stay_as_they_were(digits):
    X, y = digits
    kept = []

    class Keep(Tasks):
        def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
            kept.append((fitted_estimator, fitted_estimator.predict_proba(X)))

    CNNClassifier(**SMALL, max_iter=3).set_callbacks(Keep()).fit(X, y)
    for fitted, expected in kept:
        np.testing.assert_array_equal(fitted.predict_proba(X), expected)
    assert [len(fitted.loss_curve_) for fitted, _ in kept] == [1, 2, 3, 3]


def test_callbacks_are_torn_down_after_a_failure(digits, Stumbling):
    X, y = digits
    tasks = Tasks()
    cnn = CNNClassifier(Stumbling, max_iter=1).set_callbacks(tasks)
    with pytest.raises(RuntimeError, match="out of luck"):
        cnn.fit(X, y)
    assert tasks.log[-1] == ("teardown",)


def test_scoring_monitor(digits):
    monitor = ScoringMonitor(scoring="accuracy")
    cnn = CNNClassifier(**SMALL, max_iter=3).set_callbacks(monitor).fit(*digits)
    log = monitor.get_logs().data_as_pandas
    epochs = log[log["task_name"] == "epoch"]
    assert len(epochs) == 3
    assert epochs["accuracy"].iloc[-1] == cnn.score(*digits)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_epochs_nest_inside_the_progress_of_a_search(
    digits, n_jobs, capsys, monkeypatch
):
    monkeypatch.setattr(rich.get_console(), "width", 100)  # that of all bars
    cnn = CNNClassifier(**SMALL, max_iter=2)
    search = GridSearchCV(cnn, {"dropout": [0.0, 0.2]}, cv=2, n_jobs=n_jobs)
    search.set_callbacks(ProgressBar()).fit(*digits)
    bars = [line for line in capsys.readouterr().out.splitlines() if "100%" in line]
    assert bars[0].startswith("GridSearchCV - fit")
    assert bars[1].startswith("  GridSearchCV - search")
    # only a task with subtasks has a bar: an epoch has none
    epochs = [bar for bar in bars if "CNNClassifier - fit" in bar]
    assert len(epochs) == 5 and len(bars) == 7  # the last one refits
    assert all(re.search(r" \d:\d\d:\d\d$", bar) for bar in bars)


class Everywhere:
    """Goes to all that is inside; warnings, which say where it cannot, are errors."""

    max_propagation_depth = None

    def __init__(self):
        self.ended = []

    def setup(self, estimator, context):
        self.ended.append("setup")

    def teardown(self, estimator, context):
        self.ended.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        self.ended.append(f"{type(estimator).__name__} {context.task_name}")
        if type(fitted_estimator) is ChannelScaler:
            assert len(fitted_estimator.mean_) == 1


def test_steps_of_a_pipeline_take_callbacks(digits):
    X, y = digits
    heard = Everywhere()
    inner = CNNClassifier(**SMALL, max_iter=1)
    steps = Unflatten((8, 8)), Resize(9), ChannelScaler(), CNNFeatures(estimator=inner)
    make_pipeline(*steps).set_callbacks(heard).fit(X.reshape(len(X), -1), y)
    own = [entry for entry in heard.ended if not entry.startswith("Pipeline")]
    assert own == [
        "setup", "Unflatten fit", "Resize fit", "ChannelScaler fit",
        "CNNClassifier epoch", "CNNClassifier fit", "CNNFeatures fit", "teardown",
    ]  # fmt: skip


def test_steps_by_themselves_take_callbacks():
    pictures = [Image.new("L", (8, 8), 9 * i) for i in range(3)]
    heard = Everywhere()
    images = ImageReader().set_callbacks(heard).fit_transform(pictures)
    assert heard.ended == ["setup", "ImageReader fit", "teardown"]
    heard = Everywhere()
    with pytest.raises(ValueError, match="size"):
        Resize(-1).set_callbacks(heard).fit(images)
    assert heard.ended in ([], ["setup", "teardown"])


def test_verbose_shows_a_bar_over_the_epochs(digits, capsys):
    CNNClassifier(**SMALL, max_iter=3).fit(*digits)
    quiet = capsys.readouterr()
    assert quiet.out == quiet.err == ""
    CNNClassifier(**SMALL, max_iter=3, verbose=1).fit(*digits)
    shown = capsys.readouterr().err
    assert "CNNClassifier" in shown and "3.0/3" in shown and "train_loss" in shown
    assert "epoch 2/3" not in shown


def test_verbose_2_says_more(digits, capsys):
    X, y = digits
    validation = {"X_val": X[:50], "y_val": y[:50]}
    CNNClassifier(**SMALL, max_iter=2, verbose=2).fit(X, y, **validation)
    captured = capsys.readouterr()
    shown = captured.out + captured.err
    assert f"{len(X):,} samples of shape (8, 8, 1), 50 to validate on" in shown
    for epoch in (1, 2):
        line = (
            rf"CNNClassifier epoch {epoch}/2: train_loss .*valid_score .*learning_rate"
        )
        assert re.search(line, shown)


def test_the_bar_moves_within_epochs(digits):
    X, y = digits
    bar = training.ProgressBar(2, "bar")
    cnn = CNNClassifier(**SMALL, max_iter=2, batch_size=len(X) // 3)
    places = []

    original = bar.advance

    def advance(share):
        original(share)
        places.append(round(bar.bar.n, 6))

    bar.advance = advance
    cnn._observers = lambda *args: [*type(cnn)._observers(cnn, *args), bar]
    cnn.fit(X, y, X_val=X[:10], y_val=y[:10])
    n = len(places) // 2
    assert n >= 4 and np.allclose(places, np.arange(1, 2 * n + 1) / n)
    assert bar.bar.n == 2


def test_what_takes_long_besides_epochs_has_a_bar(digits, capsys, monkeypatch):
    monkeypatch.setattr("sklearn_cnn.utils._progress._SECONDS", 0)
    X, y = digits
    cnn = CNNClassifier(**SMALL, max_iter=1, verbose=1).fit(X, y)
    assert "CNNClassifier, mean and spread: 100%" in capsys.readouterr().err
    cnn.predict(np.concatenate([X] * 20))
    assert "CNNClassifier, images computed: 100%" in capsys.readouterr().err
    cnn.set_params(verbose=0).predict(np.concatenate([X] * 20))
    assert capsys.readouterr().err == ""
    features = CNNFeatures(estimator=FrozenEstimator(cnn), verbose=1)
    features.fit_transform(np.concatenate([X] * 3))
    assert "CNNFeatures, images computed: 100%" in capsys.readouterr().err
    ImageReader(verbose=1).fit_transform([Image.new("L", (8, 8))] * 3)
    assert "ImageReader, images read: 100%" in capsys.readouterr().err


def test_progress_bar_of_skorch_works(digits, capsys):
    bar = skorch.callbacks.ProgressBar(detect_notebook=False, batches_per_epoch=3)
    CNNClassifier(**SMALL, max_iter=1, batch_size=100, callbacks=[bar]).fit(*digits)
    assert "0/3" in capsys.readouterr().err
