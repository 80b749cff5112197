"""FeatureMapDisplay."""

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_cnn import CNNClassifier
from sklearn_cnn.inspection import FeatureMapDisplay


def test_maps_are_what_a_hook_sees(fitted, digits):
    X, _ = digits
    found = []
    layer = fitted.module_.stages.stage2[0].norm
    hook = layer.register_forward_hook(lambda _, __, output: found.append(output))
    fitted.predict(X[7:8])
    hook.remove()
    display = FeatureMapDisplay.from_estimator(
        fitted, X, layer="stages.stage2.0.norm", sample=7
    )
    ((name, maps),) = display.feature_maps.items()
    assert name == "stages.stage2.0.norm"
    np.testing.assert_allclose(maps, found[0][0].numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(display.picture, X[7])
    assert display.axes_.shape == (2, 8)
    assert "8 of 9 maps of 4x4" in display.axes_[1, 0].get_title(loc="left")


def test_every_stage_by_default(fitted, digits):
    X, _ = digits
    state = torch.get_rng_state()
    display = FeatureMapDisplay.from_estimator(fitted, X, max_maps=9)
    assert list(display.feature_maps) == ["stages.stage1", "stages.stage2"]
    assert display.axes_.shape == (4, 8)  # the nine of the second take two rows
    assert torch.equal(torch.get_rng_state(), state)
    assert not any(m._forward_hooks for m in fitted.module_.modules())
    again = FeatureMapDisplay.from_estimator(fitted, X, sample=-len(X))
    for name, maps in display.feature_maps.items():
        np.testing.assert_array_equal(again.feature_maps[name], maps)


def test_signals_and_volumes(fitted_signals, signals, fitted_volumes, volumes):
    display = FeatureMapDisplay.from_estimator(fitted_signals, signals[0])
    maps = display.feature_maps["stages.stage1"]
    np.testing.assert_array_equal(display.axes_[1, 2].lines[0].get_ydata(), maps[2])
    display = FeatureMapDisplay.from_estimator(fitted_volumes, volumes[0])
    assert display.feature_maps["stages.stage1"].shape == (3, 2, 3, 3)


def test_the_earlier_steps_of_a_pipeline_are_applied(digits):
    X, y = digits
    flat = X.reshape(len(X), -1)
    cnn = CNNClassifier(filters=(3,), input_shape=(8, 8), max_iter=1, random_state=0)
    pipeline = make_pipeline(
        StandardScaler(), make_pipeline(FunctionTransformer(np.negative), cnn)
    ).fit(flat, y)
    display = FeatureMapDisplay.from_estimator(pipeline, flat, sample=1)
    scaled = -pipeline[0].transform(flat)
    np.testing.assert_array_equal(display.picture, scaled[1].reshape(8, 8, 1))
    direct = FeatureMapDisplay.from_estimator(pipeline[-1][-1], scaled, sample=1)
    np.testing.assert_array_equal(
        display.feature_maps["stages.stage1"], direct.feature_maps["stages.stage1"]
    )


def test_channels_first(digits):
    X, y = digits
    first = np.moveaxis(np.concatenate([X, 16 - X], axis=-1), -1, 1)
    cnn = CNNClassifier(
        filters=(3,), data_format="channels_first", max_iter=1, random_state=0
    ).fit(first, y)
    display = FeatureMapDisplay.from_estimator(cnn, first, sample=5)
    np.testing.assert_array_equal(display.picture, np.moveaxis(first[5], 0, -1))


class Functional(torch.nn.Module):
    """A network without stages, with a layer that it leaves out."""

    def __init__(self, n_channels, spatial_shape, n_outputs):
        super().__init__()
        self.convolution = torch.nn.Conv2d(n_channels, 4, 3)
        self.unused = torch.nn.ReLU()
        self.output = torch.nn.Linear(4, n_outputs)

    def forward(self, x):
        return self.output(self.convolution(x).relu_().mean(dim=(2, 3)))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"sample": 300}, r"sample=300 is out of range: X has 300 samples, numbered"),
        ({"sample": -301}, "sample=-301 is out of range"),
        ({"sample": 1.5}, r"sample=1.5 must be an index"),
        ({"sample": [0, 1]}, r"sample=\[0, 1\] must be an index"),
        ({"layer": "stages.stage3"}, r"Did you mean 'stages.stage2' or"),
        ({"layer": "head.output"}, r"gives \(10,\) for a sample, which has no spatial"),
        ({"max_maps": 0}, "max_maps=0 must be an integer of at least 1"),
        ({"layer": ""}, "is not in the network"),
    ],
)
def test_bad_input(fitted, digits, options, message):
    with pytest.raises(ValueError, match=message):
        FeatureMapDisplay.from_estimator(fitted, digits[0], **options)


def test_other_bad_input(fitted, digits):
    X, y = digits
    with pytest.raises(NotFittedError):
        FeatureMapDisplay.from_estimator(CNNClassifier(), X)
    with pytest.raises(ValueError, match=r"images of shape \(7, 8, 1\).*fitted on"):
        FeatureMapDisplay.from_estimator(fitted, X[:, 1:])
    cnn = CNNClassifier(Functional, max_iter=1, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match=r"Functional is not\. Name"):
        FeatureMapDisplay.from_estimator(cnn, X)
    with pytest.raises(ValueError, match="takes no part in a forward pass"):
        FeatureMapDisplay.from_estimator(cnn, X, layer="unused")
    # what comes after the layer works in place
    display = FeatureMapDisplay.from_estimator(cnn, X, layer="convolution")
    assert display.feature_maps["convolution"].min() < 0
