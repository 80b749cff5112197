"""Everything that users hold can be fitted on."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
import torch

from sklearn_cnn import CNNClassifier, CNNRegressor

SMALL = {"filters": (4, 8), "max_iter": 2, "random_state": 0}


def fitted(X, y, **parameters):
    return CNNClassifier(**{**SMALL, **parameters}).fit(X, y)


def assert_same_predictions(first, second, X, X_second):
    np.testing.assert_array_equal(
        first.predict_proba(X), second.predict_proba(X_second)
    )


@pytest.mark.parametrize("number", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize(
    "name, value, others",
    [
        ("momentum", 0.75, {"optimizer": "sgd"}),
        ("learning_rate", 2**-7, {}),
        ("backbone_learning_rate", 0.5, {}),
        ("weight_decay", 0.25, {}),
        ("dropout", 0.25, {}),
        ("conv_dropout", 0.25, {}),
        ("label_smoothing", 0.25, {}),
        ("validation_fraction", 0.25, {"early_stopping": True}),
        ("tol", 0.5, {"early_stopping": True, "validation_fraction": 0.2}),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_numbers_of_numpy_are_numbers(digits, number, name, value, others):
    """As numpy.linspace gives them to a grid."""
    X, y = digits[0][:60], digits[1][:60]
    given = fitted(X, y, **others, **{name: number(value)})
    plain = fitted(X, y, **others, **{name: value})
    assert_same_predictions(given, plain, X, X)
    assert given.loss_curve_ == plain.loss_curve_


@pytest.mark.parametrize("number", [np.int64, np.uint8])
@pytest.mark.parametrize(
    "name", ["batch_size", "max_iter", "n_iter_no_change", "n_networks", "verbose"]
)
def test_integers_of_numpy_are_integers(digits, number, name):
    X, y = digits[0][:60], digits[1][:60]
    given, plain = (fitted(X, y, **{name: kind(2)}) for kind in (number, int))
    assert_same_predictions(given, plain, X, X)


@pytest.mark.parametrize(
    "shape, parameters, input_shape",
    [
        ((20, 12), {}, (12, 1)),
        ((20, 6, 5), {}, (6, 5, 1)),
        ((20, 6, 5, 3), {}, (6, 5, 3)),
        ((20, 4, 6, 5, 2), {}, (4, 6, 5, 2)),
        ((20, 12, 3), {"spatial_dims": 1}, (12, 3)),
        ((20, 4, 6, 5), {"spatial_dims": 3}, (4, 6, 5, 1)),
        ((20, 3, 6, 5), {"data_format": "channels_first"}, (3, 6, 5)),
        ((20, 6, 5), {"data_format": "channels_first"}, (1, 6, 5)),
        ((20, 30), {"input_shape": (6, 5)}, (6, 5, 1)),
        ((20, 90), {"input_shape": [6, 5, 3]}, (6, 5, 3)),
        ((20, 90), {"input_shape": (-1, 5, 3)}, (6, 5, 3)),
        ((20, 24), {"input_shape": (-1, 2), "spatial_dims": 1}, (12, 2)),
        ((20, 48), {"input_shape": (2, 4, -1), "spatial_dims": 3}, (2, 4, 6, 1)),
        ((20, 6, 5), {"input_shape": (6, 5)}, (6, 5, 1)),
    ],
)
def test_shapes(shape, parameters, input_shape):
    X = np.random.default_rng(0).normal(size=shape)
    y = np.arange(20) % 2
    cnn = fitted(X, y, **parameters)
    assert cnn.input_shape_ == input_shape
    assert cnn.n_features_in_ == np.prod(shape[1:])
    assert cnn.predict_proba(X).shape == (20, 2)
    first = next(p for p in cnn.module_.parameters())
    channels = input_shape[0 if "data_format" in parameters else -1]
    assert first.shape[1] == channels


def test_one_image_is_the_same_in_every_form(digits):
    X, y = digits
    images = fitted(X, y)
    assert_same_predictions(images, fitted(X[..., 0], y), X, X[..., 0])
    flat = X.reshape(len(X), -1)
    assert_same_predictions(images, fitted(flat, y, input_shape=(8, 8)), X, flat)
    first = np.moveaxis(X, -1, 1)
    assert_same_predictions(
        images, fitted(first, y, data_format="channels_first"), X, first
    )
    tensor = torch.from_numpy(X)
    assert_same_predictions(images, fitted(tensor, y), X, tensor)


def test_channels_first_and_last_agree_for_several_channels():
    X = np.random.default_rng(0).normal(size=(30, 6, 7, 3))
    y = np.arange(30) % 3
    first = np.ascontiguousarray(np.moveaxis(X, -1, 1))
    last, other = fitted(X, y), fitted(first, y, data_format="channels_first")
    np.testing.assert_allclose(
        last.predict_proba(X), other.predict_proba(first), rtol=1e-5
    )


def test_an_image_without_channel_axis_is_one_with_one_channel(digits):
    X, y = digits
    cnn = fitted(X, y)
    assert_same_predictions(cnn, cnn, X, X[..., 0])


def test_data_frame_of_pixels(digits):
    X, y = digits
    flat = X.reshape(len(X), -1)
    flat = flat.astype(np.uint8)
    frame = pd.DataFrame(flat).add_prefix("pixel")
    cnn = fitted(frame, pd.Series(y, name="digit"), input_shape=(8, 8))
    assert list(cnn.feature_names_in_[:2]) == ["pixel0", "pixel1"]
    assert_same_predictions(cnn, fitted(flat, y, input_shape=(8, 8)), frame, flat)
    with pytest.raises(ValueError, match="feature names should match"):
        cnn.predict(frame.iloc[:, ::-1])


def test_feature_names_are_forgotten_by_a_fit_on_images(digits):
    X, y = digits
    frame = pd.DataFrame(X.reshape(len(X), -1)).add_prefix("pixel")
    cnn = fitted(frame, y, input_shape=(8, 8)).set_params(input_shape=None)
    assert not hasattr(cnn.fit(X, y), "feature_names_in_")


def test_tensors_of_every_kind(digits):
    X, y = digits
    X = X.astype(np.float32)
    cnn = fitted(X, y)
    for tensor in (
        torch.from_numpy(X).to(torch.bfloat16),  # digits are 0, ..., 16: exact
        torch.from_numpy(X).requires_grad_(),
        [torch.from_numpy(x) for x in X],
    ):
        assert_same_predictions(cnn, cnn, X, tensor)


def test_nested_lists(digits):
    X, y = digits
    cnn = fitted(X[:40], y[:40])
    assert_same_predictions(cnn, cnn, X[:5], X[:5].tolist())


def test_wide_integers_lose_nothing_before_the_mean_is_subtracted():
    # float32 cannot tell these apart: it would lose the class entirely
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    pattern = rng.integers(0, 4, size=(60, 6, 6)) + 6 * y[:, None, None]
    cnn = fitted(pattern + 10**9, y, max_iter=10)
    assert cnn.score(pattern + 10**9, y) == 1


def test_statistics_come_from_the_training_rows_per_channel():
    rng = np.random.default_rng(0)
    X = rng.normal([5, -100], [2, 30], size=(40, 5, 5, 2))
    weights = rng.uniform(0, 2, size=40) * (np.arange(40) % 3 > 0)
    y = np.arange(40) % 2
    cnn = CNNClassifier(**SMALL).fit(X, y, sample_weight=weights)
    mean = np.average(X.mean(axis=(1, 2)), axis=0, weights=weights)
    std = np.sqrt(
        np.average(((X - mean) ** 2).mean(axis=(1, 2)), axis=0, weights=weights)
    )
    np.testing.assert_allclose(cnn._predictor.prepare.mean, mean)
    np.testing.assert_allclose(cnn._predictor.prepare.scale, std)


def test_no_input_scaling():
    X = np.random.default_rng(0).normal(size=(20, 5, 5)) * 3 + 1
    cnn = fitted(X, np.arange(20) % 2, input_scaling=None)
    np.testing.assert_allclose(
        cnn._predictor.prepare(X[:2].copy())[:, 0], X[:2], rtol=1e-6
    )


@pytest.mark.parametrize("width, shape", [(64, "(8, 8)"), (3 * 81, "(9, 9, 3)")])
def test_flat_images_warn(width, shape):
    X = np.random.default_rng(0).normal(size=(20, width))
    y = np.arange(20) % 2
    with pytest.warns(
        UserWarning, match=f"1-D signals.*input_shape={re.escape(shape)}"
    ):
        cnn = fitted(X, y)
    assert cnn.input_shape_ == (width, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted(X, y, spatial_dims=1)
        fitted(X, y, input_shape=(-1, 1))
        fitted(X[:, :-1], y)
        fitted(X[:, :49], y)
        cnn.predict(X)


def test_nothing_is_copied_whole_to_float():
    import tracemalloc

    X = np.zeros((4000, 40, 40), np.uint8)
    X[::2, :20] = 200
    y = np.arange(4000) % 2
    cnn = CNNClassifier(filters=(2,), max_iter=1, batch_size=64, random_state=0)
    cnn.fit(X[:200], y[:200])
    tracemalloc.start()
    cnn.fit(X, y).predict(X)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # a float32 copy would take 4 * X.nbytes; statistics convert 8 MB pieces
    assert peak < 2 * X.nbytes + 32e6 < 4 * X.nbytes + 32e6
    assert peak < 40e6


def test_regressor_on_volumes(volumes):
    X, y = volumes
    cnn = CNNRegressor(**{**SMALL, "max_iter": 15}, spatial_dims=3)
    assert cnn.fit(X, y * 5.0).score(X, y * 5.0) > 0.8


def test_signals(signals):
    X, y = signals
    assert CNNClassifier(max_iter=15, random_state=0).fit(X, y).score(X, y) > 0.95
