"""SaliencyDisplay."""

import builtins
import sys
from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_cnn import CNNClassifier, CNNRegressor
from sklearn_cnn.inspection import SaliencyDisplay

METHODS = ("grad_cam", "integrated_gradients", "occlusion")
PATCH, AROUND = 6, 3


def share_near(attributions, corners):
    """Share of the mass within a patch and half its size around it."""
    shares = []
    for values, corner in zip(abs(attributions), corners, strict=True):
        near = np.zeros_like(values, dtype=bool)
        rows, columns = (slice(max(0, c - AROUND), c + PATCH + AROUND) for c in corner)
        near[rows, columns] = True
        shares.append(values[near].sum() / values.sum())
    return np.mean(shares)


@pytest.mark.parametrize(
    "method, least",
    # what is as fine as pixels responds to the noise too
    [("grad_cam", 0.8), ("integrated_gradients", 0.75), ("occlusion", 0.7)],
)
def test_what_decides_is_found(patches, method, least):
    cnn, X, _, corners = patches
    display = SaliencyDisplay.from_estimator(
        cnn,
        X,
        samples=np.arange(len(X)),
        method=method,
        window=np.int64(4) if method == "occlusion" else None,
    )
    assert display.attributions.shape == X.shape
    # the neighbourhood is a seventh of the image or less
    assert share_near(display.attributions, corners) >= least


def test_grad_cam_by_hand(patches):
    cnn, X, _, _ = patches
    batch = cnn._predictor.prepare(X[:3].copy())
    maps = cnn.module_.stages(batch).detach().requires_grad_()
    module = cnn.module_
    outputs = module.head(module.pool(maps))
    (gradient,) = torch.autograd.grad(outputs[:, 1].sum(), maps)
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    cam = (weights * maps).sum(dim=1, keepdim=True).relu()
    expected = torch.nn.functional.interpolate(cam, (32, 32), mode="bilinear")
    found = SaliencyDisplay.from_estimator(cnn, X, samples=[0, 1, 2], target=1)
    np.testing.assert_allclose(
        found.attributions, expected[:, 0].detach(), rtol=1e-4, atol=1e-6
    )


def test_integrated_gradients_add_up(patches):
    cnn, X, _, _ = patches
    display = SaliencyDisplay.from_estimator(
        cnn, X, samples=[0, 1], method="integrated_gradients", target=1
    )
    batch = cnn._predictor.prepare(X[:2].copy())
    with torch.no_grad():
        outputs = [
            cnn.module_(b)[:, 1].numpy() for b in (batch, torch.zeros(1, 1, 32, 32))
        ]
    np.testing.assert_allclose(
        display.attributions.sum(axis=(1, 2)), outputs[0] - outputs[1], rtol=0.02
    )


def test_occlusion_by_hand(fitted, digits):
    X, _ = digits
    display = SaliencyDisplay.from_estimator(
        fitted, X, samples=3, method="occlusion", window=np.array([8, 4]), target=2
    )
    left, middle, right = (X[3:4].copy() for _ in range(3))
    mean = fitted._predictor.prepare.mean
    left[:, :, :4] = middle[:, :, 2:6] = right[:, :, 4:] = mean
    decision = fitted.decision_function(np.concatenate([X[3:4], left, middle, right]))
    a, b, c = decision[0, 2] - decision[1:, 2]
    expected = np.repeat([a, (a + b) / 2, (b + c) / 2, c], 2)
    np.testing.assert_allclose(display.attributions[0, 5], expected, rtol=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_the_network_is_left_as_it_was(fitted, digits, method):
    X, _ = digits
    before = fitted.predict_proba(X)
    gradients = [p.grad for p in fitted.module_.parameters()]
    state = torch.get_rng_state()
    displays = [
        SaliencyDisplay.from_estimator(fitted, X, samples=[4, 9], method=method)
        for _ in range(2)
    ]
    assert torch.equal(torch.get_rng_state(), state)
    # those of the last training step, or None
    for parameter, gradient in zip(fitted.module_.parameters(), gradients, strict=True):
        assert parameter.requires_grad and parameter.grad is gradient
    assert not any(
        m._forward_hooks or m._backward_hooks or m._forward_pre_hooks
        for m in fitted.module_.modules()
    )
    np.testing.assert_array_equal(*(d.attributions for d in displays))
    np.testing.assert_array_equal(fitted.predict_proba(X), before)


def test_layers_and_titles(fitted, digits):
    X, y = digits
    display = SaliencyDisplay.from_estimator(fitted, X, y)
    assert display.axes_.shape == (2, 6)
    probability = fitted.predict_proba(X[:1]).max()
    assert display.axes_[0, 0].get_title() == (
        f"true {y[0]}\npredicted {fitted.predict(X[:1])[0]} ({probability:.0%})"
    )
    last = SaliencyDisplay.from_estimator(fitted, X, layer="stages.stage2")
    assert not np.allclose(last.attributions, display.attributions)
    named = SaliencyDisplay.from_estimator(fitted, X, layer="stages.stage1")
    np.testing.assert_array_equal(named.attributions, display.attributions)


def test_grad_cam_takes_maps_that_can_point_at_something():
    """Those of 7x7 of a 28x28 image, not the later ones of 3x3, nor the first."""
    X = np.random.default_rng(0).normal(size=(20, 28, 28)).astype(np.float32)
    cnn = CNNClassifier(filters=(2, 3, 4, 5), max_iter=1, random_state=0)
    cnn.fit(X, np.arange(20) % 2)
    display = SaliencyDisplay.from_estimator(cnn, X, samples=0)
    middle = SaliencyDisplay.from_estimator(cnn, X, samples=0, layer="stages.stage2")
    np.testing.assert_array_equal(display.attributions, middle.attributions)


def test_one_pixel_does_not_outshine_all_others(digits):
    X, _ = digits
    attributions = np.full((2, 8, 8), 0.1)
    attributions[0, 0, 0] = 100.0
    attributions[1] = 0.0
    display = SaliencyDisplay(X[:2], attributions, method="integrated_gradients")
    display.plot()
    opacity = display.axes_[1, 0].images[-1].get_array()[..., 3]
    assert (opacity > 0.8).all()
    assert not display.axes_[1, 0].get_xlabel()
    assert display.axes_[1, 1].get_xlabel() == "no evidence"


def test_targets_of_a_regressor_are_short(digits):
    X, y = digits
    cnn = CNNRegressor(filters=(2,), max_iter=1, random_state=0).fit(X, y / 7)
    display = SaliencyDisplay.from_estimator(cnn, X, y / 7, samples=1)
    assert display.axes_[0, 0].get_title().startswith(f"true {y[1] / 7:.4g}\n")


@pytest.mark.parametrize("method", METHODS)
def test_signals_are_coloured_lines(fitted_signals, signals, method):
    X, y = signals
    display = SaliencyDisplay.from_estimator(
        fitted_signals, X, y, samples=[0, 1], method=method
    )
    assert display.attributions.shape == (2, 32)
    assert display.axes_.shape == (2, 1)
    (line,) = display.axes_[1, 0].collections
    np.testing.assert_allclose(line.get_segments()[3], [(3, X[1, 3]), (4, X[1, 4])])


def test_volumes_show_the_slice_that_counts_most(fitted_volumes, volumes):
    X, _ = volumes
    display = SaliencyDisplay.from_estimator(
        fitted_volumes, X, samples=[1], method="integrated_gradients"
    )
    depth = abs(display.attributions[0]).sum(axis=(1, 2)).argmax()
    assert display.axes_[1, 0].get_xlabel() == f"slice {depth}"
    low, high = X[1, depth].min(), X[1, depth].max()
    np.testing.assert_allclose(
        display.axes_[0, 0].images[0].get_array(),
        (X[1, depth] - low) / (high - low),
        atol=1e-6,
    )


def test_regressors_pipelines_and_frozen_networks(digits):
    X, y = digits
    cnn = CNNRegressor(filters=(4, 4), max_iter=1, random_state=0)
    pipeline = make_pipeline(FunctionTransformer(np.negative), cnn)
    pipeline.fit(X, np.column_stack([y, -y]))
    one = SaliencyDisplay.from_estimator(pipeline, X, target=1)
    assert one.titles[0].startswith("predicted -")
    np.testing.assert_array_equal(one.pictures, -X[:6])
    for parameter in cnn.module_.parameters():
        parameter.requires_grad_(False)
    frozen = SaliencyDisplay.from_estimator(pipeline, X, target=1)
    np.testing.assert_array_equal(frozen.attributions, one.attributions)


def test_multi_label_needs_a_target(digits):
    X, y = digits
    labels = np.column_stack([y < 5, y % 2]).astype(int)
    cnn = CNNClassifier(filters=(4, 4), max_iter=1, random_state=0).fit(X, labels)
    with pytest.raises(ValueError, match=r"Pass one of \[0, 1\]"):
        SaliencyDisplay.from_estimator(cnn, X)
    display = SaliencyDisplay.from_estimator(cnn, X, target=1)
    assert display.titles[0].startswith("for 1 (")


@pytest.mark.parametrize("n", [1, 4])
def test_long_titles_do_not_overlap(digits, n):
    X, y = digits
    labels = np.array(["an upper-case ampersand " * n, "a lower-case letter"])[y % 2]
    cnn = CNNClassifier(filters=(4,), max_iter=1, random_state=0).fit(X, labels)
    display = SaliencyDisplay.from_estimator(cnn, X, labels)
    display.figure_.canvas.draw()
    boxes = [ax.title.get_window_extent() for ax in display.axes_[0]]
    assert not any(a.overlaps(b) for a, b in pairwise(boxes))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"method": "gradcam"}, r"method='gradcam' must be one of \['grad_cam'"),
        ({"samples": [0, 300]}, "samples=300 is out of range"),
        ({"samples": []}, "must be an index"),
        ({"samples": np.arange(300) < 3}, r"samples=.{,40} must.*numpy.flatnonzero"),
        ({"target": [1, 2]}, r"target=\[1, 2\] is not in classes_"),
        ({"target": True}, r"target=True is not in classes_"),
        ({"target": 77}, r"target=77 is not in classes_, \[0, 1,"),
        ({"layer": "stages.stage9"}, "Did you mean 'stages.stage2'"),
        ({"layer": "head.output"}, r"no spatial extent, but Grad-CAM needs"),
        ({"layer": "pool"}, "no spatial extent"),
        ({"layer": "stages", "method": "occlusion"}, "layer='stages' has no effect"),
        ({"window": 3}, "window=3 has no effect on method='grad_cam'"),
        ({"window": 9, "method": "occlusion"}, r"larger than the samples, \(8, 8\)"),
        ({"window": (3,), "method": "occlusion"}, r"sequence of 2 of them"),
        ({"y": [1, 2]}, "y has 2 entries, but X has 300 samples"),
    ],
)
def test_bad_input(fitted, digits, options, message):
    with pytest.raises(ValueError, match=message):
        SaliencyDisplay.from_estimator(fitted, digits[0], **options)


def test_unfitted_and_tiny(digits):
    X, y = digits
    with pytest.raises(NotFittedError):
        SaliencyDisplay.from_estimator(CNNClassifier(), X)
    regressor = CNNRegressor(filters=(2,), max_iter=1, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match=r"target=False must be the number"):
        SaliencyDisplay.from_estimator(regressor, X, target=False)
    with pytest.raises(ValueError, match=r"target=1 .* from 0 to 0"):
        SaliencyDisplay.from_estimator(regressor, X, target=1)
    pixel = CNNClassifier(filters=(2,), max_iter=1, input_shape=(1, 1, 1))
    pixel.fit(X[:, 3:4, 3:4], y)
    with pytest.raises(ValueError, match="no spatial extent"):
        SaliencyDisplay.from_estimator(pixel, X[:, 3:4, 3:4])


def test_without_captum_the_extra_is_named(fitted, digits, monkeypatch):
    original = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name.split(".")[0] == "captum":
            raise ImportError(name)
        return original(name, *args, **kwargs)

    for name in [name for name in sys.modules if name.split(".")[0] == "captum"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ImportError, match=r"pip install 'sklearn_cnn\[captum\]'"):
        SaliencyDisplay.from_estimator(fitted, digits[0])
