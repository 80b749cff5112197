"""What "auto" stands for, as a fit has it."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from skorch.callbacks import Callback

from sklearn_cnn import CNNClassifier, CNNRegressor
from sklearn_cnn.augmentation import RandomAffine, RandomCrop

SMALL = {"filters": (8, 16), "max_iter": 4, "random_state": 0}
#: What grey images of classes have by default.
GREY = {
    "augmentation": RandomAffine(10, translate=1 / 16, scale=0.1, padding_mode="edge"),
    "weight_decay": 0.01,
    "learning_rate": 0.01,
    "batch_size": 32,
}


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:300].reshape(-1, 8, 8), y[:300]


def weights(cnn):
    return [p.detach().numpy() for p in cnn.module_.parameters()]


def same(first, second):
    return all(map(np.array_equal, weights(first), weights(second)))


def test_auto_is_what_it_stands_for(digits):
    auto = CNNClassifier(**SMALL).fit(*digits)
    assert same(auto, CNNClassifier(**SMALL, **GREY).fit(*digits))


def test_it_matters(digits):
    auto = CNNClassifier(**SMALL).fit(*digits)
    assert not same(auto, CNNClassifier(**SMALL, augmentation=None).fit(*digits))


def test_maps_are_dropped_out_at_widths_that_were_tried(digits):
    def probabilities(**parameters):
        cnn = CNNClassifier(max_iter=1, random_state=0, **parameters).fit(*digits)
        return [m.p for m in cnn.module_.modules() if "Dropout" in type(m).__name__]

    assert probabilities() == [0.1] * 3
    assert probabilities(conv_dropout=0.0) == probabilities(filters=(32,)) == []
    assert probabilities(dropout=0.5) == [0.5]


def test_colour_images_are_moved(digits):
    X, y = digits
    X = np.stack([X, X[:, ::-1], X[:, :, ::-1]], axis=-1)
    auto = CNNClassifier(**SMALL).fit(X, y)
    crop = RandomCrop(1 / 16, padding_mode="edge")
    named = CNNClassifier(**SMALL, augmentation=crop, weight_decay=0.05, batch_size=64)
    assert same(auto, named.fit(X, y))


def test_numbers_are_of_images_as_they_are(digits):
    auto = CNNRegressor(**SMALL).fit(*digits)
    named = CNNRegressor(**SMALL, augmentation=None, conv_dropout=0.0)
    assert same(auto, named.fit(*digits))


def test_a_part_of_the_samples_is_taken_as_it_is(digits):
    X, y = digits
    auto = CNNClassifier(**SMALL).partial_fit(X, y, classes=np.unique(y))
    named = CNNClassifier(**SMALL, augmentation=None, conv_dropout=0.0)
    assert same(auto, named.partial_fit(X, y, classes=np.unique(y)))


def test_labels_are_smoothed_by_the_loss_of_the_warm_up(digits):
    cnn = CNNClassifier(**{**SMALL, "max_iter": 10}).fit(*digits)
    share = cnn.loss_curve_[2] / np.log(10)
    smoothing = cnn._learner.loss.label_smoothing
    assert smoothing == pytest.approx(min(0.2, share**2)) and smoothing > 0


def test_labels_that_cannot_be_learned_are_smoothed_most(digits):
    X, y = digits
    y = np.random.default_rng(0).permutation(y)
    cnn = CNNClassifier(**{**SMALL, "max_iter": 10}).fit(X, y)
    assert cnn._learner.loss.label_smoothing == 0.2


def test_the_validation_loss_is_never_smoothed(digits):
    X, y = digits
    fits = [
        CNNClassifier(**SMALL, label_smoothing=smoothing).fit(X, y, X_val=X, y_val=y)
        for smoothing in ("auto", 0.3)
    ]
    for cnn in fits:
        log_loss = -cnn.predict_log_proba(X)[np.arange(len(y)), y].mean()
        assert cnn.history_["valid_loss"].iloc[-1] == pytest.approx(log_loss, rel=1e-4)


def test_smoothing_goes_on_from_a_checkpoint(digits, tmp_path):
    whole = CNNClassifier(**{**SMALL, "max_iter": 8}).fit(*digits)
    cnn = clone(whole).set_params(checkpoint_dir=tmp_path)

    class Stop(Exception):
        pass

    class Stopping(Callback):
        def on_epoch_end(self, net, **kwargs):
            if len(net.history) == 6:
                raise Stop

    with pytest.raises(Stop):
        clone(cnn).set_params(callbacks=[Stopping()]).fit(*digits)
    assert same(cnn.fit(*digits), whole)


def test_verbose_says_what_auto_stands_for(digits, capsys):
    chosen = {"learning_rate": 0.02, "max_iter": 1, "random_state": 0}
    CNNClassifier(**chosen, n_networks=2, verbose=1).fit(*digits)
    (line,) = [x for x in capsys.readouterr().out.splitlines() if "auto" not in x and x]
    assert line.startswith("CNNClassifier: architecture='simple', augmentation=Random")
    assert line.endswith("conv_dropout=0.1")
    assert "augmentation=RandomAffine(" in line and "batch_size=32" in line
    assert "learning_rate" not in line and "max_iter" not in line


def test_views_are_of_the_default_augmentation():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 32, 32)), np.arange(30) % 2
    cnn = CNNClassifier(**SMALL, test_time_augmentation=True).fit(X, y)
    one = cnn.predict_proba(X)
    assert not np.array_equal(
        one, cnn.set_params(test_time_augmentation=False).predict_proba(X)
    )


def test_a_network_of_many_images_is_as_planned():
    X, y = np.zeros((40_000, 2, 2), dtype="uint8"), np.arange(40_000) % 2
    cnn = CNNClassifier(max_iter=1, batch_size=20_000, random_state=0).fit(X, y)
    modules = [type(module).__name__ for module in cnn.module_.modules()]
    assert "ReLU" in modules and not any("Dropout" in name for name in modules)
