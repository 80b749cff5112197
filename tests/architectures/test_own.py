"""Networks of the user's own, of the right form and of others."""

import functools
import pickle
import warnings

import numpy as np
import pytest
import timm
import torch
import torchvision
from sklearn.base import clone
from torch import nn

from sklearn_cnn import CNNClassifier

X = np.random.default_rng(0).normal(size=(24, 8, 8, 3))
y = np.arange(24) % 2


class OfClasses(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.dense = nn.Linear(192, num_classes)


def broken(n_channels, spatial_shape, n_outputs):
    return nn.Linear(-1, n_outputs)


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        (OfClasses, r"=OfClasses cannot .*: OfClasses\(num_classes=n_outputs\)"),
        (torchvision.models.resnet18, "architecture='torchvision:resnet18'"),
        (torchvision.models.ResNet, "architecture='torchvision:resnet18'"),
        (
            functools.partial(timm.create_model, "resnet10t", num_classes=2),
            "architecture='timm:resnet10t'",
        ),
        (
            lambda n: nn.Linear(1, n),
            "<lambda> cannot be called with .*=lambda n_channels",
        ),
        (lambda c, s, n: {}, "must return a torch.nn.Module, got dict. Pass a func"),
        (broken, r"=broken failed .* = \(3, \(8, 8\), 2\): RuntimeError"),
        (nn.Sequential(nn.Linear(3, 2)), r"cannot process .*\(1, 3, 8, 8\)"),
        (
            nn.Sequential(nn.Flatten(), nn.Linear(192, 3)),
            r"returns \(1, 3\)\. .* a module must have",
        ),
    ],
)
def test_what_is_of_another_form_is_told_how_to_write_it(architecture, message):
    cnn = CNNClassifier(architecture)
    with pytest.raises((TypeError, ValueError), match=f"architecture.*{message}"):
        cnn.fit(X, y)
    assert not [name for name in vars(cnn) if name.endswith("_")]


def test_a_parameter_of_an_architecture_cannot_be_set_from_outside():
    with pytest.raises(ValueError, match=r"architecture__num_units.*n_channels, spat"):
        CNNClassifier().set_params(architecture__num_units=5)
    with pytest.raises(ValueError, match=r"filters__a cannot be set: filters=None"):
        CNNClassifier().set_params(filters__a=5)


def test_a_module_is_copied_and_trained_from_its_weights():
    module = nn.Sequential(nn.Flatten(), nn.Linear(192, 2))
    before = module[1].weight.detach().clone()
    cnn = CNNClassifier(module, max_iter=1, learning_rate=1e-6, random_state=0)
    cnn.fit(X, y)
    assert torch.equal(module[1].weight, before)
    assert module.training
    torch.testing.assert_close(cnn.module_[1].weight, before, rtol=0, atol=1e-3)
    assert not torch.equal(cnn.module_[1].weight, before)
    expected = cnn.predict_proba(X)
    np.testing.assert_array_equal(clone(cnn).fit(X, y).predict_proba(X), expected)
    again = pickle.loads(pickle.dumps(cnn))
    np.testing.assert_array_equal(again.predict_proba(X), expected)
    again.set_params(warm_start=True).fit(X, y)


def ending_in(*layers, first=nn.Identity):
    return lambda n_channels, spatial_shape, n_outputs: nn.Sequential(
        nn.Flatten(), first(), nn.Linear(192, n_outputs), *layers
    )


class Functional(nn.Module):
    def __init__(self, n_channels, spatial_shape, n_outputs):
        super().__init__()
        self.dense = nn.Linear(192, n_outputs)

    def forward(self, x):
        return self.dense(x.flatten(1)).softmax(dim=1)


LABELS = np.c_[y, 1 - y, np.arange(24) % 3 == 0].astype(int)


@pytest.mark.parametrize(
    ("architecture", "targets", "function"),
    [
        (ending_in(nn.Softmax(dim=1)), y, "softmax"),
        (ending_in(nn.Softmax(dim=1)), np.arange(24) % 5, "softmax"),
        (Functional, y, "softmax"),
        (ending_in(nn.Sigmoid()), LABELS, "sigmoid"),
        (ending_in(nn.Sigmoid()), y, "sigmoid"),
    ],
)
def test_probabilities_at_the_end_get_a_warning(architecture, targets, function):
    with pytest.warns(
        UserWarning, match=f"ends in a {function}.*Remove the {function}"
    ):
        CNNClassifier(architecture, max_iter=1).fit(X, targets)


@pytest.mark.parametrize(
    "architecture",
    [
        ending_in(),
        ending_in(nn.LogSoftmax(dim=1)),
        ending_in(nn.ReLU()),
        ending_in(nn.Tanh()),
        ending_in(first=lambda: nn.LayerNorm(192)),
        "resnet18",
    ],
)
@pytest.mark.parametrize("targets", [y, LABELS])
def test_other_ends_get_none(architecture, targets):
    for seed in range(1 if isinstance(architecture, str) else 10):
        cnn = CNNClassifier(architecture, max_iter=1, random_state=seed)
        with warnings.catch_warnings(record=True) as caught:
            cnn.fit(X, targets)
        assert not [w for w in caught if "ends in a" in str(w.message)]
