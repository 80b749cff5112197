"""FilterDisplay."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from sklearn_cnn import CNNClassifier
from sklearn_cnn.inspection import FilterDisplay

ANGLES = np.array([0, 45, 90, 135])


def gratings(n_samples, side=20, period=4):
    """Noisy waves in four directions."""
    rng = np.random.default_rng(0)
    angles = ANGLES[np.arange(n_samples) % 4]
    rows, columns = np.indices((side, side))
    direction, phase = np.deg2rad(angles), rng.uniform(0, 2 * np.pi, n_samples)
    x, y = (f(direction)[:, None, None] for f in (np.cos, np.sin))
    waves = 2 * np.pi / period * (columns * x + rows * y) + phase[:, None, None]
    noise = rng.normal(size=(n_samples, side, side))
    return (np.cos(waves) + 0.5 * noise).astype(np.float32), angles


def distances(filters, size=64):
    """Angles between the peak of every filter's spectrum and all gratings."""
    spectra = abs(
        np.fft.fft2(filters - filters.mean((1, 2), keepdims=True), (size,) * 2)
    )
    peaks = spectra.reshape(len(filters), -1).argmax(axis=1)
    frequencies = np.fft.fftfreq(size)
    rows, columns = frequencies[peaks // size], frequencies[peaks % size]
    angles = np.rad2deg(np.arctan2(rows, columns))
    return abs((angles[:, None] - ANGLES + 90) % 180 - 90)


def test_filters_of_a_first_layer_on_gratings_have_their_orientations():
    X, y = gratings(400)
    cnn = CNNClassifier(filters=(8,), kernel_size=9, max_iter=8, random_state=0)
    trained = FilterDisplay.from_estimator(cnn.fit(X, y)).filters[:, 0]
    away = distances(trained)
    assert away.min(axis=1).max() < 5
    assert set(away.argmin(axis=1)) == {0, 1, 2, 3}
    # random filters have any
    cnn.set_params(learning_rate=1e-9, max_iter=1)
    random = FilterDisplay.from_estimator(cnn.fit(X, y)).filters[:, 0]
    assert distances(random).min(axis=1).max() > 15


def test_grey_filters_share_one_scale(fitted):
    display = FilterDisplay.from_estimator(fitted)
    layer = fitted.module_.stages.stage1[0].conv.conv
    weights = layer.weight.detach().numpy()
    np.testing.assert_array_equal(display.filters, weights)
    assert display.layer == "stages.stage1.0.conv.conv"
    drawn = [ax.images[0] for ax in display.axes_.flat]
    assert len(drawn) == 6
    np.testing.assert_array_equal(drawn[4].get_array(), weights[4, 0])
    assert {image.get_clim() for image in drawn} == {
        (-abs(weights).max(), abs(weights).max())
    }
    assert "6 filters of stages.stage1.0.conv.conv" in display.figure_.get_suptitle()
    # a copy, not a view of the network
    display.filters[:] = 0
    assert layer.weight.any()


def test_other_layers_have_a_panel_for_each_channel(fitted):
    display = FilterDisplay.from_estimator(
        fitted, layer="stages.stage2.0.conv.conv", max_filters=5
    )
    assert display.filters.shape == (9, 6, 3, 3)
    assert display.axes_.shape == (5, 6)
    np.testing.assert_array_equal(
        display.axes_[3, 2].images[0].get_array(), display.filters[3, 2]
    )
    assert display.axes_[0, 2].get_title() == "channel 2"
    assert "5 of 9 filters" in display.figure_.get_suptitle()


def test_three_channels_are_colours(zeros_and_ones):
    X, y = zeros_and_ones
    colours = np.concatenate([X, 2 * X, 16 - X], axis=-1)
    cnn = CNNClassifier(filters=(10,), max_iter=1, random_state=0).fit(colours, y)
    display = FilterDisplay.from_estimator(cnn)
    assert display.axes_.shape == (2, 8)
    image = display.axes_[1, 1].images[0].get_array()
    assert image.shape == (3, 3, 3) and image.min() == 0 and image.max() == 1
    assert not display.axes_[1, 2].axison


def test_filters_of_signals_are_curves(fitted_signals):
    display = FilterDisplay.from_estimator(fitted_signals)
    assert display.filters.shape == (4, 1, 3)
    _, curve = display.axes_[0, 3].lines
    np.testing.assert_array_equal(curve.get_ydata(), display.filters[3, 0])


def test_filters_of_volumes_are_rows_of_slices(fitted_volumes):
    display = FilterDisplay.from_estimator(fitted_volumes)
    assert display.axes_.shape == (3, 3)
    np.testing.assert_array_equal(
        display.axes_[2, 1].images[0].get_array(), display.filters[2, 0, 1]
    )
    assert display.axes_[0, 1].get_title() == "slice 1"


def test_bad_input(fitted):
    with pytest.raises(NotFittedError):
        FilterDisplay.from_estimator(CNNClassifier())
    with pytest.raises(ValueError, match=r"Did you mean 'stages.stage1.0.conv.conv'"):
        FilterDisplay.from_estimator(fitted, layer="stages.stage1.0.conv.cnov")
    with pytest.raises(ValueError, match=r"is a BatchNorm2d, which has no filters"):
        FilterDisplay.from_estimator(fitted, layer="stages.stage1.0.norm")
    with pytest.raises(ValueError, match="max_filters=-1 must be"):
        FilterDisplay.from_estimator(fitted, max_filters=-1)
    with pytest.raises(ValueError, match=r"layer=3 is not in the network"):
        FilterDisplay.from_estimator(fitted, layer=3)
