"""Several networks of one estimator: each as if alone, and their average."""

import os
import pickle
import shutil
import signal
import threading
from typing import ClassVar

import numpy as np
import pytest
import torch
from joblib import parallel_config
from sklearn.base import clone
from sklearn.callback import ProgressBar
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import FeatureUnion
from skorch.callbacks import Callback

from sklearn_cnn import CNNClassifier, CNNFeatures, CNNRegressor, load, save
from sklearn_cnn.architectures import Network
from sklearn_cnn.augmentation import Compose, MixUp, RandomCrop
from sklearn_cnn.images import ImageFiles
from sklearn_cnn.inspection import (
    FeatureMapDisplay,
    FilterDisplay,
    LearningRateDisplay,
    TrainingCurveDisplay,
    summary,
)

X, Y = load_digits(return_X_y=True)
X, Y = X[:200].reshape(-1, 8, 8), Y[:200]


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def classifier(**parameters):
    parameters = {"filters": (4, 8), "max_iter": 2, "random_state": 0} | parameters
    return CNNClassifier(**parameters)


def regressor(**parameters):
    parameters = {"filters": (4, 8), "max_iter": 2, "random_state": 0} | parameters
    return CNNRegressor(**parameters)


def bits(estimator):
    """Give the bytes of all weights, network by network."""
    return [
        b"".join(v.numpy().tobytes() for v in one.module_.state_dict().values())
        for one in estimator.estimators_
    ]


def with_dropout(n_channels, shape, n_outputs):
    return torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Dropout(0.5), torch.nn.Linear(64, n_outputs)
    )


class Noisy(torch.nn.Module):
    """Draws from torch's global generator while it computes."""

    def __init__(self, n_channels, shape, n_outputs):
        super().__init__()
        self.dense = torch.nn.Linear(64, n_outputs)

    def forward(self, x):
        x = x.flatten(1)
        return self.dense(x + torch.randn_like(x) if self.training else x)


CONFIGURATIONS = {
    "plain": {},
    "dropout": {"dropout": 0.3, "conv_dropout": 0.2},
    "augmentation": {"augmentation": Compose([RandomCrop(1), MixUp()])},
    "ghost_batches": {"filters": (64, 64, 64), "batch_size": 100, "dropout": 0.2},
    "two_phases": {"freeze_epochs": 1},
    "module_of_ones_own": {"filters": None, "architecture": with_dropout},
    "draws_by_itself": {"filters": None, "architecture": Noisy},
    "validation": {"early_stopping": True, "max_iter": 6, "n_iter_no_change": 1},
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_each_is_trained_as_if_alone(name):
    model = classifier(**CONFIGURATIONS[name], n_networks=3)
    before = torch.get_rng_state()
    cnn = clone(model).fit(X, Y)
    assert torch.equal(torch.get_rng_state(), before)
    assert bits(clone(model).set_params(n_networks=1).fit(X, Y))[0] == bits(cnn)[0]
    torch.set_num_threads(1)
    assert bits(clone(model).fit(X, Y)) == bits(cnn)
    assert len(set(bits(cnn))) == 3
    if name != "validation":  # of which all have the part of the first
        for one in cnn.estimators_:
            assert bits(clone(one).fit(X, Y)) == bits(one)


def test_they_train_in_threads_at_the_same_time():
    seen = set()

    class Watched(Noisy):
        def forward(self, x):
            seen.add(threading.current_thread().name)
            return super().forward(x)

    classifier(filters=None, architecture=Watched, n_networks=2, max_iter=5).fit(X, Y)
    assert len(seen - {threading.current_thread().name}) == 2


def test_they_train_in_the_processes_that_the_user_offers():
    class Placed(Noisy):
        def __init__(self, *args):
            super().__init__(*args)
            self.register_buffer("pid", torch.zeros(()))

        def forward(self, x):
            if self.training:
                self.pid.fill_(os.getpid())
            return super().forward(x)

    model = classifier(architecture=Placed, filters=None, n_networks=2)
    model.set_params(**CONFIGURATIONS["validation"])
    here = clone(model).fit(X, Y)
    with parallel_config(n_jobs=2):
        there = clone(model).fit(X, Y)
        for cnn, elsewhere in ((here, False), (there, True)):
            for one in cnn.estimators_:
                assert (one.module_.pid != os.getpid()) == elsewhere
                one.module_.pid.zero_()
        assert bits(there) == bits(here)
        assert there.history_.train_loss.equals(here.history_.train_loss)
        there.partial_fit(X, Y)
        with parallel_config("threading", n_jobs=2):
            here.partial_fit(X, Y)
    assert all(one.module_.pid == os.getpid() for one in here.estimators_)
    assert [one.predict_proba(X).tobytes() for one in here.estimators_] == [
        one.predict_proba(X).tobytes() for one in there.estimators_
    ]


@pytest.mark.parametrize(
    ("model", "y"),
    [
        (classifier(), Y),
        (classifier(), Y % 2),
        (classifier(), np.c_[Y % 2, Y > 4]),
        (regressor(), Y * 10.0 + 3),
        (regressor(), np.c_[Y, -Y]),
    ],
)
def test_predictions_are_averaged(model, y):
    cnn = model.set_params(n_networks=3).fit(X, y)
    method = "predict" if isinstance(cnn, CNNRegressor) else "predict_proba"
    each = [getattr(one, method)(X) for one in cnn.estimators_]
    assert np.std(each, axis=0).max() > 0.01
    tolerance = {"rtol": 1e-5, "atol": 1e-6}
    np.testing.assert_allclose(getattr(cnn, method)(X), np.mean(each, 0), **tolerance)


def test_extreme_outputs_stay_finite():
    cnn = classifier(n_networks=2).fit(X, Y % 2)
    for one in cnn.estimators_:
        with torch.no_grad():
            one.module_.head.output.weight.mul_(1e6)
    assert np.isfinite(cnn.predict_log_proba(X)).all()
    np.testing.assert_allclose(cnn.predict_proba(X).sum(axis=1), 1)
    assert set(np.round(cnn.predict_proba(X).ravel(), 3)) <= {0.0, 0.5, 1.0}


def test_the_spread_of_targets():
    y = np.c_[Y, 100.0 * Y]
    cnn = regressor(n_networks=3).fit(X, y)
    mean, std = cnn.predict(X, return_std=True)
    each = [one.predict(X) for one in cnn.estimators_]
    np.testing.assert_allclose(mean, cnn.predict(X), rtol=1e-5)
    np.testing.assert_allclose(std, np.std(each, axis=0), rtol=1e-6)
    assert std.shape == y.shape and std.min() > 0
    with pytest.raises(ValueError, match=r"return_std=True.*Fit with n_networks=5"):
        cnn.estimators_[0].predict(X, return_std=True)
    with pytest.raises(NotFittedError):
        regressor(n_networks=2).predict(X, return_std=True)


def test_training_goes_on_with_all():
    cnn = classifier(n_networks=2, warm_start=True).fit(X, Y)
    alone = [clone(one).fit(X, Y) for one in cnn.estimators_]
    before = bits(cnn)
    for one in (cnn, *alone):
        one.partial_fit(X, Y).fit(X, Y)
    assert bits(cnn) == [bits(one)[0] for one in alone]
    assert bits(cnn) != before and cnn.n_iter_ == 5
    with pytest.raises(ValueError, match=r"n_networks=3 cannot change.*there are 2"):
        cnn.set_params(n_networks=3).fit(X, Y)
    assert len(cnn.estimators_) == 2
    assert len(cnn.set_params(warm_start=False).fit(X, Y).estimators_) == 3


def test_a_stream_from_the_beginning():
    cnn = classifier(n_networks=2)
    for rows in (slice(0, 90), slice(90, 200)):
        cnn.partial_fit(X[rows], Y[rows], classes=np.arange(10))
    assert [one.n_iter_ for one in cnn.estimators_] == [2, 2]


def test_early_stopping_is_of_each():
    rules = {"n_iter_no_change": 2, "tol": 0.0, "lr_schedule": "constant"}
    cnn = classifier(n_networks=4, early_stopping=True, **rules)
    cnn.set_params(max_iter=20).fit(X, Y)
    ends = [one.n_iter_ for one in cnn.estimators_]
    assert len(set(ends)) > 1 and cnn.n_iter_ == ends[0]
    assert [len(one.history_) for one in cnn.estimators_] == ends


def test_weights_of_samples_and_validation_data():
    weight = np.arange(200) % 3
    cnn = classifier(n_networks=2)
    cnn.fit(X, Y, sample_weight=weight, X_val=X[:50], y_val=Y[:50])
    for one in cnn.estimators_:
        alone = clone(one)
        alone.fit(X, Y, sample_weight=weight, X_val=X[:50], y_val=Y[:50])
        assert bits(alone) == bits(one)
        assert alone.validation_scores_ == one.validation_scores_


def test_images_on_disk_and_volumes():
    files = ImageFiles.from_array(X)
    assert bits(classifier(n_networks=2).fit(files, Y)) == bits(
        classifier(n_networks=2).fit(X, Y)
    )
    volumes = np.random.default_rng(0).normal(size=(30, 4, 4, 4, 1))
    cnn = classifier(n_networks=2).fit(volumes, np.arange(30) % 2)
    assert cnn.predict_proba(volumes).shape == (30, 2)


def test_random_states():
    state = np.random.RandomState(3)
    cnn = classifier(n_networks=2, random_state=state).fit(X, Y)
    one = classifier(random_state=np.random.RandomState(3)).fit(X, Y)
    assert bits(cnn)[0] == bits(one)[0] and len(set(bits(cnn))) == 2
    cnn = classifier(n_networks=2, random_state=None).fit(X, Y)
    assert len(set(bits(cnn))) == 2


class Listener(Callback):
    """Remembers in which order networks had their epochs."""

    def __init__(self, heard):
        self.heard = heard

    def on_epoch_end(self, net, **_):
        self.heard.append(id(net.module_))


def test_each_has_callbacks_of_its_own_one_network_after_the_other():
    heard = []
    cnn = classifier(n_networks=3, callbacks=[Listener(heard)]).fit(X, Y)
    first, second, third = dict.fromkeys(heard)
    assert heard == [first] * 2 + [second] * 2 + [third] * 2
    assert bits(cnn) == bits(classifier(n_networks=3).fit(X, Y))
    assert len({id(one.net_.callbacks_[0][1]) for one in cnn.estimators_}) == 3
    with pytest.raises(AttributeError, match=r"has 3.*estimators_\[0\].net_"):
        _ = cnn.net_


def test_what_is_shown(capsys):
    cnn = classifier(n_networks=2, verbose=1).set_callbacks(ProgressBar())
    cnn.fit(X, Y)
    shown = capsys.readouterr()
    assert "CNNClassifier 1/2" in shown.err and "CNNClassifier 2/2" in shown.err


class Fail(Callback):
    """Fails in an epoch of the second network."""

    def __init__(self, networks):
        self.networks = networks

    def on_epoch_end(self, net, **_):
        if not any(module is net.module_ for module in self.networks):
            self.networks.append(net.module_)
        if len(self.networks) == 2 and len(net.history) == 2:
            raise RuntimeError("the machine is on fire")


@pytest.mark.parametrize("random_state", [0, None])
def test_checkpoints_of_all_go_on(tmp_path, random_state):
    model = classifier(
        n_networks=3, max_iter=4, early_stopping=True, checkpoint_dir=tmp_path
    ).set_params(random_state=random_state)
    with pytest.raises(RuntimeError, match="on fire"):
        clone(model).set_params(callbacks=[Fail([])]).fit(X, Y)
    cnn = clone(model).fit(X, Y)
    # of an interrupted network the epochs before are not done again
    assert [one.n_iter_ for one in cnn.estimators_] == [4, 4, 4]
    assert len(list(tmp_path.glob("*/last.safetensors"))) == 3
    if random_state == 0:
        assert bits(cnn) == bits(model.set_params(checkpoint_dir=None).fit(X, Y))
    else:
        assert bits(clone(model).fit(X, Y)) != bits(cnn)


@pytest.mark.parametrize("random_state", [0, None])
@pytest.mark.parametrize("n_networks", [1, 2, 3])
def test_a_network_without_a_state_is_no_other_training(
    tmp_path, random_state, n_networks
):
    model = classifier(
        n_networks=3, max_iter=4, random_state=random_state, checkpoint_dir=tmp_path
    )
    with pytest.raises(RuntimeError, match="on fire"):
        clone(model).set_params(callbacks=[Fail([])]).fit(X, Y)
    first, _ = sorted(tmp_path.glob("*/last.safetensors"), key=os.path.getmtime)
    shutil.rmtree(first.parent)
    cnn = clone(model).set_params(n_networks=n_networks).fit(X, Y)
    if random_state == 0:
        alone = clone(cnn).set_params(checkpoint_dir=None).fit(X, Y)
        assert bits(cnn) == bits(alone)


class FailsAtTwenty(Noisy):
    """Fails in a step, whichever network comes to it."""

    steps: ClassVar[list] = []

    def forward(self, x):
        if self.training:
            self.steps.append(1)
            if len(self.steps) == 20:
                raise RuntimeError("the machine is on fire")
        return super().forward(x)


def test_an_error_in_one_ends_all_and_nothing_is_lost(tmp_path):
    FailsAtTwenty.steps.clear()
    model = classifier(
        filters=None, architecture=FailsAtTwenty, max_iter=5, n_networks=2
    ).set_params(checkpoint_dir=tmp_path)
    with pytest.raises(RuntimeError, match="on fire"):
        clone(model).fit(X, Y)
    assert len(FailsAtTwenty.steps) < 24
    assert not [t for t in threading.enumerate() if "ThreadPool" in t.name]
    resumed = clone(model).fit(X, Y)
    assert bits(resumed) == bits(clone(model).set_params(checkpoint_dir=None).fit(X, Y))
    # one more network does not begin the others anew
    FailsAtTwenty.steps.clear()
    more = clone(model).set_params(n_networks=3, verbose=0)
    with pytest.raises(RuntimeError, match="on fire"):
        more.fit(X, Y)
    assert bits(clone(more).fit(X, Y))[:2] == bits(resumed)


class Interrupts(Noisy):
    """Sends the signal of Ctrl-C in a step, to the thread that waits for all."""

    steps: ClassVar[list] = []

    def forward(self, x):
        if self.training:
            self.steps.append(1)
            if len(self.steps) == 20:
                os.kill(os.getpid(), signal.SIGINT)
        return super().forward(x)


def test_ctrl_c_ends_all_and_nothing_is_lost(tmp_path):
    Interrupts.steps.clear()
    model = classifier(filters=None, architecture=Interrupts, max_iter=400)
    model.set_params(n_networks=2, checkpoint_dir=tmp_path, checkpoint_interval=1000)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt) as caught:
            clone(model).fit(X, Y)
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(Interrupts.steps) < 2000
    assert not [t for t in threading.enumerate() if "ThreadPool" in t.name]
    assert all("The state after epoch" in note for note in caught.value.__notes__)
    assert list(tmp_path.glob("*/last.safetensors"))


def test_in_other_modes_of_torch():
    expected = bits(classifier(n_networks=2).fit(X, Y))
    with torch.inference_mode():
        assert bits(classifier(n_networks=2).fit(X, Y)) == expected
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    try:
        assert bits(classifier(n_networks=2).fit(X, Y)) == expected
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)


def test_weights_that_diverge_are_told_of_each_network():
    cnn = classifier(n_networks=2, learning_rate=1e19, optimizer="sgd", max_iter=3)
    with pytest.warns(ConvergenceWarning, match="Decrease learning_rate") as told:
        cnn.fit(X, Y)
    assert len(told) == 2 and np.isfinite(cnn.predict_proba(X)).all()


@pytest.mark.parametrize("method", ["pickle", "skops"])
def test_saved_and_gone_on_with(method, tmp_path):
    cnn = classifier(n_networks=2).fit(X, Y)
    if method == "pickle":
        other = pickle.loads(pickle.dumps(cnn))
    else:
        save(cnn, tmp_path / "cnn.skops", include_optimizer=True)
        other = load(tmp_path / "cnn.skops")
    np.testing.assert_array_equal(other.predict_proba(X), cnn.predict_proba(X))
    assert bits(other.partial_fit(X, Y)) == bits(cnn.partial_fit(X, Y))


def test_onnx(tmp_path):
    pytest.importorskip("onnxruntime")
    from sklearn_cnn.export import load_onnx, to_onnx

    for y, precision, tolerance in (
        (Y, "bfloat16", 0.02),
        (np.c_[Y % 2, Y > 4], "float32", 1e-4),
    ):
        cnn = classifier(n_networks=2, precision=precision).fit(X, y)
        to_onnx(cnn, tmp_path / "cnn.onnx")
        found = load_onnx(tmp_path / "cnn.onnx").predict_proba(X)
        np.testing.assert_allclose(found, cnn.predict_proba(X), atol=tolerance)


def test_inspection():
    cnn = classifier(n_networks=2).fit(X, Y)
    layers, one = summary(cnn), summary(cnn.estimators_[0])
    assert layers["parameters"].sum() == 2 * one["parameters"].sum()
    assert cnn.n_parameters_ == layers["parameters"].sum()
    assert list(layers["layer"][: len(one)]) == [
        "networks.0." + n for n in one["layer"]
    ]
    for column in ("receptive_field", "output_shape"):
        assert list(layers[column]) == 2 * list(one[column])
    unfitted = classifier(n_networks=2, input_shape=(8, 8))
    assert summary(unfitted, n_outputs=10).shape == layers.shape
    assert f"{cnn.n_parameters_:,} parameters" in cnn._repr_html_()
    curves = TrainingCurveDisplay.from_estimator(cnn)
    assert list(curves.histories) == [f"CNNClassifier, network {i}" for i in range(2)]
    np.testing.assert_array_equal(
        FilterDisplay.from_estimator(cnn).filters,
        FilterDisplay.from_estimator(cnn.estimators_[0]).filters,
    )
    with pytest.raises(ValueError, match=r"the estimator has 2.*cnn.estimators_\[0\]"):
        FeatureMapDisplay.from_estimator(cnn, X)
    FeatureMapDisplay.from_estimator(cnn.estimators_[1], X)
    assert len(LearningRateDisplay.from_estimator(cnn, X, Y, n_steps=10).losses)


def test_features_are_those_of_one():
    cnn = classifier(n_networks=2)
    with pytest.raises(ValueError, match="2 networks, and features are those of one"):
        CNNFeatures(estimator=cnn).fit(X, Y)
    union = FeatureUnion(
        [
            (str(i), CNNFeatures(estimator=FrozenEstimator(one)))
            for i, one in enumerate(cnn.fit(X, Y).estimators_)
        ]
    )
    assert union.fit_transform(X).shape == (200, 16)


class Fixed(Network):
    """Nothing in it is random."""

    varies = False

    def __init__(self, n_channels, shape, n_outputs):
        stages = torch.nn.Sequential(torch.nn.Identity())
        super().__init__(stages, n_channels, shape, n_outputs)


def test_a_network_that_nothing_varies_is_refused():
    model = classifier(filters=None, architecture=Fixed)
    model.fit(X, Y)
    with pytest.raises(ValueError, match=r"n_networks=2 would give.*Set n_networks=1"):
        model.set_params(n_networks=2).fit(X, Y)
