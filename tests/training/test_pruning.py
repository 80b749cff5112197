"""Trials of Optuna that are ended early, in real studies."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from sklearn_cnn import CNNClassifier
from sklearn_cnn.training import PruningCallback
from sklearn_cnn.transforms import Rescale

DIGITS, LABELS = load_digits(return_X_y=True)
DIGITS = DIGITS.reshape(-1, 8, 8)
X, y, X_val, y_val = DIGITS[:150], LABELS[:150], DIGITS[150:250], LABELS[150:250]
SMALL = {"filters": (16, 32), "augmentation": None, "random_state": 0, "max_iter": 6}


@pytest.fixture(autouse=True)
def _quiet():
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def study_of(rates, direction="minimize", storage=None):
    pruner = optuna.pruners.MedianPruner(n_startup_trials=1, n_warmup_steps=3)
    study = optuna.create_study(direction=direction, storage=storage, pruner=pruner)
    for rate in rates:
        study.enqueue_trial({"learning_rate": rate})
    return study


def network(trial, monitor="valid_loss", **parameters):
    rate = trial.suggest_float("learning_rate", 1e-6, 1.0, log=True)
    callbacks = [PruningCallback(trial, monitor)]
    given = {**SMALL, "learning_rate": rate, "callbacks": callbacks, **parameters}
    return CNNClassifier(**given)


@pytest.mark.parametrize(
    ("monitor", "direction"), [("valid_loss", "minimize"), ("valid_score", "maximize")]
)
def test_what_stays_behind_is_ended(tmp_path, monitor, direction):
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    study = study_of([0.05, 1e-6, 0.06], direction, storage)
    fitted = {}

    def objective(trial):
        cnn = network(trial, monitor)
        fitted[trial.number] = cnn
        cnn.fit(X, y, X_val=X_val, y_val=y_val)
        return cnn.history_[monitor].iloc[-1]

    study.optimize(objective, n_trials=3)
    first, slow, _ = study.trials
    assert [t.state.name for t in (first, slow)] == ["COMPLETE", "PRUNED"]
    told = list(first.intermediate_values.values())
    assert told == pytest.approx(list(fitted[0].history_[monitor]))
    assert len(slow.intermediate_values) == 4
    assert not hasattr(fitted[1], "classes_")


def test_folds_and_networks_are_further_steps():
    study = study_of([0.05, 1e-6])

    def objective(trial):
        model = make_pipeline(
            Rescale(1 / 16), network(trial, "train_loss", n_networks=2)
        )
        return -cross_val_score(model, X, y, cv=2, error_score="raise").mean()

    study.optimize(objective, n_trials=2)
    first, slow = study.trials
    assert list(first.intermediate_values) == list(range(24))
    assert slow.state.name == "PRUNED" and len(slow.intermediate_values) == 4


def test_clones_tell_the_same_trial():
    cnn = network(study_of([0.1]).ask())
    assert clone(cnn).callbacks[0] is cnn.callbacks[0]


@pytest.mark.parametrize(
    ("monitor", "directions", "found"),
    [
        ("train_loss", ["maximize"], "'maximize'"),
        ("valid_score", ["minimize"], "'minimize'"),
        ("train_loss", ["minimize"] * 2, r"\['minimize', 'minimize'\]"),
    ],
)
def test_a_study_of_another_direction_is_refused(monitor, directions, found):
    cnn = network(optuna.create_study(directions=directions).ask(), monitor)
    with pytest.raises(ValueError, match=f"one direction .* has {found}"):
        cnn.fit(X, y, X_val=X_val, y_val=y_val)
    assert not hasattr(cnn, "classes_")


def test_nothing_to_validate_is_refused():
    with pytest.raises(ValueError, match="Pass X_val and y_val to fit"):
        network(study_of([0.1]).ask()).fit(X, y)


STUDY = """
import sys
import optuna
from sklearn.datasets import load_digits
from sklearn_cnn import CNNClassifier
from sklearn_cnn.training import PruningCallback

X, y = load_digits(return_X_y=True)
X = X.reshape(-1, 8, 8)

def objective(trial):
    rate = trial.suggest_float("learning_rate", 1e-4, 0.1, log=True)
    cnn = CNNClassifier(
        filters=(8,), max_iter=2, learning_rate=rate, callbacks=[PruningCallback(trial)]
    )
    cnn.fit(X[:100], y[:100], X_val=X[100:200], y_val=y[100:200])
    print(trial.number, flush=True)
    return cnn.history_["valid_loss"].iloc[-1]

study = optuna.create_study(
    storage=sys.argv[1], study_name="digits", load_if_exists=True
)
study.optimize(objective, n_trials=1000)
"""


def test_a_study_that_is_killed_goes_on_without_loss(tmp_path):
    file = Path(tmp_path, "study.py")
    file.write_text(STUDY)
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    command = [sys.executable, str(file), storage]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        for line in process.stdout:
            if line.strip() == "3":
                os.kill(process.pid, signal.SIGKILL)
    before = finished(storage)
    assert len(before) >= 3
    study = optuna.load_study(storage=storage, study_name="digits")
    study.optimize(
        lambda trial: trial.suggest_float("learning_rate", 1e-4, 0.1, log=True), 2
    )
    after = finished(storage)
    assert before.items() <= after.items() and len(after) == len(before) + 2


def finished(storage):
    """Give the value of each trial that came to its end."""
    study = optuna.load_study(storage=storage, study_name="digits")
    return {t.number: t.value for t in study.trials if t.state.is_finished()}
