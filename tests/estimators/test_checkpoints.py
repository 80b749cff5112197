import copy
import json
import os
import shutil
import signal
import subprocess
import sys
import warnings
from datetime import timedelta

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback, EpochScoring

from sklearn_cnn import CNNClassifier, CNNRegressor
from sklearn_cnn.augmentation import Compose, MixUp, RandomCrop
from sklearn_cnn.images import ImageFiles
from sklearn_cnn.training import checkpoint


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X.reshape(-1, 8, 8)[:200], y[:200]


class Fail(Callback):
    """Raises an error at the first batch after so many epochs."""

    def __init__(self, after):
        self.after = after

    def on_batch_begin(self, net, **_):
        if len(net.history) == self.after + 1:
            raise RuntimeError("the machine is on fire")


class PressCtrlC(Fail):
    """Sends the signal that a person's Ctrl-C sends."""

    def on_batch_begin(self, net, **_):
        if len(net.history) == self.after + 1:
            signal.raise_signal(signal.SIGINT)


def classifier(**parameters):
    parameters = {"filters": (4, 8), "max_iter": 5, "random_state": 0} | parameters
    return CNNClassifier(**parameters)


def assert_same(first, second, digits):
    states = first.module_.state_dict(), second.module_.state_dict()
    for name, tensor in states[0].items():
        assert torch.equal(tensor, states[1][name]), name
    columns = ["train_loss", "valid_loss", "valid_score", "learning_rate"]
    a, b = (estimator.history_[columns].to_numpy() for estimator in (first, second))
    np.testing.assert_array_equal(a, b)
    X = digits[0]
    np.testing.assert_array_equal(first.predict(X), second.predict(X))


def interrupted(estimator, data, after):
    """Fit until an error comes after so many epochs; give the error."""
    estimator = clone(estimator).set_params(callbacks=[Fail(after)])
    with pytest.raises(RuntimeError) as caught:
        estimator.fit(*data)
    assert not hasattr(estimator, "classes_")
    return caught.value


def files(directory):
    return sorted(p.name for p in directory.glob("*/*") if p.name != "lock")


def facts_of(path):
    with safe_open(path, "pt") as file:
        return json.loads(file.metadata()["sklearn_cnn"])


CONFIGURATIONS = {
    "plain": {},
    "dropout": {"dropout": 0.3, "conv_dropout": 0.2},
    "augmentation": {"augmentation": Compose([RandomCrop(1), MixUp()])},
    "early_stopping": {"early_stopping": True, "n_iter_no_change": 1, "tol": 9.0},
    "score": {"early_stopping": "score", "n_iter_no_change": 2, "max_iter": 8},
    "sgd": {"optimizer": "sgd", "lr_schedule": "step"},
    "rmsprop": {"optimizer": "rmsprop", "lr_schedule": "cosine"},
    "two_phases": {"freeze_epochs": 2, "backbone_learning_rate": 0.5},
    "bfloat16": {"precision": "bfloat16"},
    "float64": {"precision": "float64"},
    "ghost_batches": {"filters": (64, 64, 64), "max_iter": 3, "batch_size": 100},
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
@pytest.mark.parametrize("after", [1, 2])
def test_a_fit_goes_on_to_the_same_bits(name, after, digits, tmp_path):
    model = classifier(**CONFIGURATIONS[name])
    expected = clone(model).fit(*digits)
    kept = model.set_params(checkpoint_dir=tmp_path)
    error = interrupted(kept, digits, after)
    assert f"state after epoch {after} is in checkpoint_dir" in error.__notes__[0]
    resumed = clone(kept).fit(*digits)
    assert_same(expected, resumed, digits)
    # and what comes later too: the optimizer goes on
    expected.partial_fit(*digits)
    assert_same(expected, clone(kept).fit(*digits).partial_fit(*digits), digits)


def test_frozen_statistics_stay_so(digits, tmp_path):
    torch.save(classifier().fit(*digits).module_.state_dict(), tmp_path / "weights.pt")
    model = classifier(weights=tmp_path / "weights.pt", freeze_batch_norm=True)
    expected = clone(model).fit(*digits)
    kept = model.set_params(checkpoint_dir=tmp_path / "states")
    interrupted(kept, digits, 2)
    assert_same(expected, clone(kept).fit(*digits), digits)


def test_ctrl_c_keeps_what_is_finished_whatever_the_interval(digits, tmp_path):
    model = classifier(checkpoint_dir=tmp_path, checkpoint_interval=4)
    expected = classifier().fit(*digits)
    stopped = clone(model).set_params(callbacks=[PressCtrlC(after=3)])
    with pytest.raises(KeyboardInterrupt) as caught:
        stopped.fit(*digits)
    assert "after epoch 3" in caught.value.__notes__[0]
    assert not hasattr(stopped, "classes_")
    (last,) = tmp_path.glob("*/last.safetensors")
    assert len(facts_of(last)["run"]["learner"]["history"]) == 3
    assert_same(expected, model.fit(*digits), digits)


def test_states_are_written_at_the_interval(digits, tmp_path, monkeypatch):
    written = []

    def write(path, tensors, facts):
        if "run" in facts:
            written.append(len(facts["run"]["learner"]["history"]))

    monkeypatch.setattr(checkpoint, "write_state", write)
    for interval in (2, timedelta(hours=1), timedelta(0)):
        classifier(checkpoint_dir=tmp_path, checkpoint_interval=interval).fit(*digits)
    assert written == [2, 4, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("early_stopping", [True, False])
def test_the_best_network_can_be_taken_as_weights(early_stopping, digits, tmp_path):
    model = classifier(
        checkpoint_dir=tmp_path, early_stopping=early_stopping, learning_rate=0.05
    ).fit(*digits)
    assert files(tmp_path) == ["best.safetensors", "last.safetensors"]
    (best,) = tmp_path.glob("*/best.safetensors")
    assert facts_of(best)["epoch"] == model.best_iter_
    if early_stopping:  # which has restored it
        state = model.module_.state_dict()
        assert all(torch.equal(state[k], v) for k, v in load_file(best).items())
    started = classifier(weights=best, freeze="backbone", max_iter=1).fit(*digits)
    name = "stages.stage1.0.conv.conv.weight"
    assert torch.equal(started.module_.state_dict()[name], load_file(best)[name])


def test_a_finished_fit_is_not_trained_again(digits, tmp_path):
    model = classifier(checkpoint_dir=tmp_path).fit(*digits)
    again = classifier(checkpoint_dir=tmp_path, callbacks=[Fail(0)]).fit(*digits)
    assert_same(model, again, digits)


def test_without_random_state_only_the_unfinished_fit_goes_on(digits, tmp_path):
    model = classifier(checkpoint_dir=tmp_path, random_state=None)
    interrupted(model, digits, 2)
    (last,) = tmp_path.glob("*/last.safetensors")
    before = facts_of(last)
    first = clone(model).fit(*digits)
    assert facts_of(last)["seeds"] == before["seeds"]
    assert first.loss_curve_[:2] == [
        row["train_loss"] for row in before["run"]["learner"]["history"]
    ]
    second = clone(model).fit(*digits)
    assert first.loss_curve_[0] != second.loss_curve_[0]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"learning_rate": 0.02}, r"learning_rate \('auto' there, 0.02 here\)"),
        ({"filters": (4, 9)}, r"filters \(\(4, 8\) there, \(4, 9\) here\)"),
        ({"random_state": 1}, "random_state"),
        ({"augmentation": RandomCrop(2)}, "augmentation"),
    ],
)
def test_other_parameters_begin_anew_and_say_so(change, named, digits, tmp_path):
    model = classifier(checkpoint_dir=tmp_path)
    interrupted(model, digits, 1)
    with pytest.warns(UserWarning, match=f"differs in {named}.* begins anew"):
        changed = clone(model).set_params(**change).fit(*digits)
    expected = classifier(**change).fit(*digits)
    assert_same(expected, changed, digits)
    # what was there is there still
    assert_same(classifier().fit(*digits), clone(model).fit(*digits), digits)


class Noise:
    def __init__(self, scale):
        self.scale = scale

    def __call__(self, images):
        return images + self.scale * torch.randn_like(images)


def noise(scale):
    return lambda images: images + scale * torch.randn_like(images)


class Scaled(torch.nn.Linear):
    def __init__(self, n_outputs, factor):
        super().__init__(64, n_outputs)
        self.factor = factor

    def forward(self, images):
        return self.factor * super().forward(images.flatten(1))


OWN_CODE = {
    "lambda": [{"augmentation": f} for f in (lambda x: x, lambda x: x + 1)],
    "closure": [{"augmentation": noise(scale)} for scale in (0, 1)],
    "object": [{"augmentation": Noise(scale)} for scale in (0, 1)],
    "method": [{"augmentation": Noise(scale).__call__} for scale in (0, 1)],
    "composed": [{"augmentation": Compose([Noise(scale)])} for scale in (0, 1)],
    "architecture": [
        {"architecture": f}
        for f in (lambda c, s, n: Scaled(n, 1), lambda c, s, n: Scaled(n, 2))
    ],
    "module": [{"architecture": Scaled(10, factor)} for factor in (1, 2)],
}


@pytest.mark.parametrize("name", OWN_CODE)
def test_code_and_objects_of_the_user_are_told_apart(name, digits, tmp_path):
    first, second = OWN_CODE[name]
    if name == "module":
        second["architecture"].load_state_dict(first["architecture"].state_dict())
    settings = {"max_iter": 1, "random_state": 0, "checkpoint_dir": tmp_path}
    for parameters in (first, second, first, copy.deepcopy(second)):
        CNNClassifier(**parameters, **settings).fit(*digits)
    assert len(list(tmp_path.iterdir())) == 2


def test_other_data_begin_anew_and_say_so(digits, tmp_path):
    X, y = digits
    model = classifier(checkpoint_dir=tmp_path)
    interrupted(model, digits, 1)
    changed = X.copy()
    changed[-1, -1, -1] += 1
    for data, named in [
        ((changed, y), "X"),
        ((X, y[::-1]), "y"),
        ((X, y, np.linspace(1, 2, len(y))), "sample_weight"),
        ((X, y, None, X, y), "X_val, y_val, sample_weight_val"),
    ]:
        with pytest.warns(UserWarning, match=f"differs in {named}, and begins"):
            clone(model).fit(*data)


def test_another_fit_on_other_data_is_no_surprise(digits, tmp_path):
    X, y = digits
    model = classifier(checkpoint_dir=tmp_path)
    interrupted(model, digits, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clone(model).set_params(filters=(4,), max_iter=1).fit(X[:50], y[:50])


def test_a_network_that_begins_otherwise_is_noticed(digits, tmp_path, monkeypatch):
    def architecture(n_channels, spatial_shape, n_outputs):
        network = torch.nn.Sequential(
            torch.nn.Flatten(), torch.nn.Linear(64, n_outputs)
        )
        with torch.no_grad():
            network[1].weight *= float(os.environ["SCALE"])
        return network

    monkeypatch.setenv("SCALE", "1")

    model = CNNClassifier(
        architecture, max_iter=3, random_state=0, checkpoint_dir=tmp_path
    )
    interrupted(model, digits, 1)
    monkeypatch.setenv("SCALE", "2")
    with pytest.warns(UserWarning, match="weights before the first epoch"):
        resumed = clone(model).fit(*digits)
    expected = clone(model).set_params(checkpoint_dir=None).fit(*digits)
    assert_same(expected, resumed, digits)


def test_a_warm_start_goes_on_too(digits, tmp_path):
    def started():
        return classifier(warm_start=True, max_iter=2).fit(*digits)

    expected = started().set_params(max_iter=4).fit(*digits)
    model = started().set_params(max_iter=4, checkpoint_dir=tmp_path)
    before = model.predict_proba(digits[0])
    model.set_params(callbacks=[Fail(after=4)])
    with pytest.raises(RuntimeError):
        model.fit(*digits)
    np.testing.assert_array_equal(model.predict_proba(digits[0]), before)
    resumed = started().set_params(max_iter=4, checkpoint_dir=tmp_path).fit(*digits)
    assert_same(expected, resumed, digits)
    assert resumed.n_iter_ == 6


def test_callbacks_of_skorch_see_the_history_that_was(digits, tmp_path):
    class Seen(Callback):
        def __init__(self, epochs):
            self.epochs = epochs

        def on_epoch_end(self, net, **_):
            self.epochs.append(len(net.history))

    model = classifier(checkpoint_dir=tmp_path)
    interrupted(model, digits, 2)
    epochs = []
    scoring = EpochScoring("accuracy", on_train=True, name="train_accuracy")
    model.set_params(callbacks=[Seen(epochs), scoring]).fit(*digits)
    assert epochs == [3, 4, 5]
    assert len(model.net_.history) == 5
    assert "train_accuracy" in model.net_.history[-1]


def test_a_regressor_on_files_goes_on(digits, tmp_path):
    memory = np.lib.format.open_memmap(tmp_path / "X.npy", "w+", np.float32, (60, 8, 8))
    memory[:] = digits[0][:60]
    images = ImageFiles.from_array(np.load(tmp_path / "X.npy", mmap_mode="r"))
    y = digits[1][:60].astype(float)
    model = CNNRegressor(filters=(4,), max_iter=4, random_state=0)
    expected = clone(model).fit(images, y).predict(images)
    model.set_params(checkpoint_dir=tmp_path / "states")
    failing = clone(model).set_params(callbacks=[Fail(2)])
    with pytest.raises(RuntimeError):
        failing.fit(images, y)
    np.testing.assert_array_equal(model.fit(images, y).predict(images), expected)


def test_a_search_keeps_its_candidates_apart_and_goes_on(digits, tmp_path):
    X, y = digits
    grid = {"filters": [(2,), (4,)], "dropout": [0.0, 0.2]}
    model = CNNClassifier(max_iter=2, random_state=0)
    expected = GridSearchCV(model, grid, cv=2, scoring="neg_log_loss").fit(X, y)
    model.set_params(checkpoint_dir=tmp_path)
    for n_jobs in (2, 1):  # the second one finds all of them
        search = GridSearchCV(model, grid, cv=2, scoring="neg_log_loss", n_jobs=n_jobs)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            search.fit(X, y)
        name = "split1_test_score"
        np.testing.assert_array_equal(
            search.cv_results_[name], expected.cv_results_[name]
        )
    assert len(list(tmp_path.iterdir())) == 4 * 2 + 1


def test_a_state_in_use_is_refused(digits, tmp_path):
    model = classifier(checkpoint_dir=tmp_path)

    class FitTheSame(Callback):
        def on_epoch_end(self, net, **_):
            clone(model).fit(*digits)

    with pytest.raises(ValueError, match="another fit with the same data and param"):
        clone(model).set_params(callbacks=[FitTheSame()]).fit(*digits)
    clone(model).fit(*digits)  # the lock is free again


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: content[:-10], "is damaged"),
        (lambda content: b"\x80\x04pickled", "is not a state"),
        (lambda content: b"", "is not a state"),
        (lambda content: content[:-9] + b"\1" + content[-8:], "another than was wr"),
        (lambda content: b"\xff" * 8 + content[8:], "is not a state"),
        (lambda content: content.replace(b"sklearn_cnn", b"other_thing"), "not a st"),
        (
            lambda content: content.replace(b'{\\"format\\": 1', b'{\\"format\\": 9'),
            "newer version",
        ),
    ],
)
def test_a_damaged_state_is_refused_and_stays(damage, message, digits, tmp_path):
    model = classifier(checkpoint_dir=tmp_path)
    interrupted(model, digits, 1)
    (last,) = tmp_path.glob("*/last.safetensors")
    damaged = damage(last.read_bytes())
    last.write_bytes(damaged)
    with pytest.raises(ValueError, match=message):
        model.fit(*digits)
    assert last.read_bytes() == damaged
    assert not hasattr(model, "classes_")


def _replaced(state, path, value):
    *outer, last = path
    for name in outer:
        state = state[name]
    state[last] = value


HEAD = ("run", "learner", "network", "head.output.weight")
FORGERIES = {
    "nested": lambda state: "[" * 100_000,
    "a list": lambda state: "[]",
    "nothing": lambda state: "{}",
    "a long number": lambda state: '{"format": ' + "1" * 6_000 + "}",
    "another training": lambda state: _replaced(state, ("identity", "data"), {}),
    **{
        f"no {name}": lambda state, name=name: state.pop(name) and None
        for name in ("format", "initial", "seeds", "run")
    },
    "few seeds": lambda state: _replaced(state, ("seeds",), [1]),
    "no such tensor": lambda state: _replaced(state, HEAD, {"tensor": "other"}),
    "no tensor": lambda state: _replaced(state, HEAD, None),
    "a tensor that would be stretched": lambda state: _replaced(
        state, HEAD, state["run"]["learner"]["network"]["head.output.bias"]
    ),
    "a moment that would be stretched": lambda state: _replaced(
        state,
        ("run", "learner", "optimizer", 0, "exp_avg"),
        state["run"]["learner"]["optimizer"][0]["step"],
    ),
    **{
        f"{name}={value}": lambda state, name=name, value=value: _replaced(
            state, ("run", name), value
        )
        for name in ("phase", "n_epochs", "n_steps", "order", "random", "observers")
        for value in (-1, 10**6, None)
    },
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_state_is_refused(name, digits, tmp_path):
    model = classifier(filters=(4,), max_iter=3, checkpoint_dir=tmp_path)
    interrupted(model, digits, 1)
    (last,) = tmp_path.glob("*/last.safetensors")
    tensors, facts = load_file(last), facts_of(last)
    text = FORGERIES[name](facts) or json.dumps(facts)
    sums = {"sklearn_cnn": text, "sha256": checkpoint._hash_of(tensors, text)}
    save_file(tensors, last, sums)
    with pytest.raises(ValueError, match=r"last.safetensors .*Delete it to begin"):
        clone(model).fit(*digits)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that this training is another one
        clone(model).set_params(max_iter=1).fit(*digits)


def test_a_file_in_place_of_the_directory_is_refused(digits, tmp_path):
    path = tmp_path / "file"
    path.write_text("")
    with pytest.raises(OSError, match=r"checkpoint_dir=.* cannot be written to"):
        classifier(checkpoint_dir=path).fit(*digits)


@pytest.mark.skipif(sys.platform == "win32", reason="no limits of file sizes")
def test_a_file_that_cannot_grow_costs_no_training(digits, tmp_path):
    import resource

    model = classifier(checkpoint_dir=tmp_path, checkpoint_interval=10)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.warns(UserWarning, match="could not be written.*too large"):
            model.fit(*digits)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert_same(classifier().fit(*digits), model, digits)
    assert files(tmp_path) == []


def test_a_directory_that_is_deleted_costs_no_training(digits, tmp_path):
    class Delete(Callback):
        def on_epoch_begin(self, net, **_):
            shutil.rmtree(tmp_path / "states", ignore_errors=True)

    model = classifier(checkpoint_dir=tmp_path / "states", callbacks=[Delete()])
    with pytest.warns(UserWarning, match="directory anew if it is gone") as caught:
        model.fit(*digits)
    # one text, which Python shows once
    assert len({str(warning.message) for warning in caught}) == 1
    assert_same(classifier().fit(*digits), model, digits)


def test_nothing_is_written_without_a_directory(digits, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    classifier().fit(*digits)
    assert not list(tmp_path.iterdir())
    model = classifier(checkpoint_dir="states").fit(*digits)
    assert [p.name for p in tmp_path.iterdir()] == ["states"]
    model.partial_fit(*digits)
    assert len(list((tmp_path / "states").iterdir())) == 1


@pytest.mark.parametrize("path", ["", "a\0b", "x" * 5000])
def test_what_can_be_no_path_is_refused(path, digits, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"checkpoint_dir=.*cannot be the path") as e:
        classifier(checkpoint_dir=path).fit(*digits)
    assert len(str(e.value)) < 400
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("interval", [0, 1.5, "1", timedelta(seconds=-1), None])
def test_a_wrong_interval_is_named(interval, digits, tmp_path):
    with pytest.raises(ValueError, match="checkpoint_interval"):
        classifier(checkpoint_dir=tmp_path, checkpoint_interval=interval).fit(*digits)


KILLED = """
import os, random, signal, sys, time, warnings
from pathlib import Path
import numpy as np
from sklearn.datasets import load_digits
from sklearn_cnn import CNNClassifier
from sklearn_cnn.augmentation import RandomCrop
from sklearn_cnn.training.checkpoint import read_state

warnings.simplefilter("error")
X, y = load_digits(return_X_y=True)
X, y = X.reshape(-1, 8, 8)[:300], y[:300]
directory = Path(sys.argv[1])

def fit(**parameters):
    model = CNNClassifier(
        filters=(8, 16), max_iter=60, dropout=0.2, augmentation=RandomCrop(1),
        early_stopping=True, n_iter_no_change=60, random_state=0, **parameters
    )
    return model.fit(X, y)

start = time.perf_counter()
expected = fit()
seconds = time.perf_counter() - start
moments = random.Random(int(sys.argv[2]))

def kill(directory):
    child = os.fork()
    if not child:
        fit(checkpoint_dir=directory)
        os._exit(0)
    time.sleep(moments.uniform(0, seconds / 2))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)

n_killed, n_resumed = 0, set()
while n_killed < 20:
    directory = Path(sys.argv[1]) / str(n_killed)
    while n_killed < 20 and kill(directory):
        n_killed += 1
        for path in directory.glob("*/last.safetensors"):
            state = read_state(path)  # of an end, if that came first
            n_resumed.add(len(state.get("run", state)["learner"]["history"]))
    resumed = fit(checkpoint_dir=directory)
    assert resumed.loss_curve_ == expected.loss_curve_
    for a, b in zip(expected.module_.parameters(), resumed.module_.parameters()):
        assert (a == b).all()
    np.testing.assert_array_equal(expected.predict_proba(X), resumed.predict_proba(X))
print(len(n_resumed))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_a_fit_that_is_killed_goes_on_to_the_same_bits(tmp_path):
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    run = subprocess.run(
        [sys.executable, script, tmp_path / "states", "0"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) >= 5  # epochs in which it was killed


DESCRIBE = """
import numpy as np
import torch
from sklearn_cnn.estimators._described import described

class Own:
    def __init__(self, scale):
        self.scale, self.itself, self.random = scale, self, np.random.RandomState(0)

    def __call__(self, images):
        return images if images in {"a", "b", "c"} else first(images)

def first(images): return second(images)
def second(images): return first(images)

for value in (lambda x: x, Own(1), Own(1).__call__, Own, first, {"a", "b", "c"},
              torch.nn.ReLU(), torch.ones(2, requires_grad=True), np.arange(3)):
    print(described(value))
"""


def test_a_description_is_the_same_in_every_process():
    texts = [
        subprocess.run(
            [sys.executable, "-c", DESCRIBE],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in "12"
    ]
    assert texts[0] == texts[1]
    assert len(set(texts[0].splitlines())) == 9
