"""Scale and offset: given, or learned from the training images alone."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torchvision.transforms.v2 import functional

from sklearn_cnn.transforms import ChannelScaler, Flatten, Rescale


def test_rescale_is_that_of_torchvision(photos):
    found = Rescale().fit_transform(photos)
    expected = functional.to_dtype(torch.tensor(photos), torch.float32, scale=True)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-7)


@pytest.mark.parametrize(
    "given, expected",
    [
        ("bool", "float32"),
        ("uint8", "float32"),
        ("uint16", "float32"),
        ("int32", "float64"),
        ("uint64", "float64"),
        ("float16", "float16"),
        ("float32", "float32"),
        ("float64", "float64"),
    ],
)
def test_scaled_images_are_floats_that_hold_them(photos, given, expected):
    X = (photos // 128).astype(given)
    for step in (Rescale(0.5, 3), ChannelScaler()):
        assert step.fit_transform(X).dtype == expected
    exact = Rescale(0.5, 3).fit_transform(X)
    np.testing.assert_array_equal(exact, X * 0.5 + 3)
    np.testing.assert_array_equal(Rescale(0.5, 3).inverse_transform(exact), X)


def test_large_integers_keep_small_differences():
    X = np.array([[0, 1, 2]]) + 2**40
    found = ChannelScaler(spatial_dims=1).fit_transform(X)
    np.testing.assert_allclose(found, np.sqrt(1.5) * np.array([[-1, 0, 1]]))


def test_inverse_transform_gives_the_images_back(photos):
    for step in (
        Rescale(1 / 127.5, -1),
        ChannelScaler(),
        ChannelScaler(with_mean=False),
    ):
        back = step.inverse_transform(step.fit_transform(photos))
        np.testing.assert_allclose(back, photos, atol=1e-4)
        with pytest.raises(ValueError, match="fitted on shape"):
            step.inverse_transform(back[:, :-1])


@pytest.mark.parametrize(
    "step, message",
    [
        (Rescale(0), "scale=0 would make all pixels equal"),
        (Rescale(float("nan")), "The 'scale' parameter of Rescale"),
        (Rescale(float("inf")), "The 'scale' parameter of Rescale"),
        (Rescale("1"), "The 'scale' parameter of Rescale"),
        (Rescale(1, float("inf")), "The 'offset' parameter of Rescale"),
        (ChannelScaler(with_mean=2), "The 'with_mean' parameter"),
    ],
)
def test_bad_parameters_are_named(photos, step, message):
    with pytest.raises(ValueError, match=message):
        step.fit(photos)


def test_values_beyond_the_range_of_the_dtype_are_refused(photos):
    with pytest.raises(ValueError, match="beyond the range of float16"):
        Rescale(1e4).transform(photos.astype(np.float16))
    with pytest.raises(ValueError, match="beyond the range of float64"):
        Rescale(1e300).transform(photos * 1e20)


def test_the_scaler_is_a_standard_scaler_of_channels(photos):
    pixels = photos.reshape(-1, 3).astype(float)
    reference = StandardScaler().fit(pixels)
    scaler = ChannelScaler().fit(photos)
    for name in ("mean_", "var_", "scale_"):
        np.testing.assert_allclose(getattr(scaler, name), getattr(reference, name))
    assert scaler.n_samples_seen_ == 2
    expected = reference.transform(pixels).reshape(photos.shape)
    np.testing.assert_allclose(scaler.transform(photos), expected, rtol=1e-5, atol=1e-6)
    exact = scaler.transform(photos.astype(np.float64))
    np.testing.assert_allclose(exact, expected, atol=1e-12)


def test_mean_and_deviation_can_be_left_out(photos):
    X = photos.astype(np.float64)
    mean, std = X.mean(axis=(0, 1, 2)), X.std(axis=(0, 1, 2))
    centred = ChannelScaler(with_std=False).fit_transform(X)
    np.testing.assert_allclose(centred, X - mean)
    divided = ChannelScaler(with_mean=False).fit_transform(X)
    np.testing.assert_allclose(divided, X / std)


@pytest.mark.parametrize("shape", [(30, 9), (30, 9, 13, 5), (30, 3, 4, 5, 2)])
def test_statistics_of_signals_images_and_volumes(shape):
    X = np.random.default_rng(0).normal(3, 2, size=shape)
    axes = tuple(range(X.ndim - (X.ndim > 3)))
    scaler = ChannelScaler().fit(X)
    np.testing.assert_allclose(scaler.mean_, np.atleast_1d(X.mean(axis=axes)))
    first = ChannelScaler(data_format="channels_first")
    if X.ndim > 3:
        first.fit(np.moveaxis(X, -1, 1))
        np.testing.assert_allclose(first.scale_, scaler.scale_)


def test_a_constant_channel_becomes_zero():
    X = np.random.default_rng(0).normal(size=(5, 4, 4, 2))
    X[..., 1] = 0.1
    scaler = ChannelScaler().fit(X)
    assert scaler.scale_[1] == 1
    np.testing.assert_allclose(scaler.transform(X)[..., 1], 0, atol=1e-15)
    many = np.full((4000, 4, 4, 1), 0.1)
    np.testing.assert_array_equal(ChannelScaler().fit(many).scale_, [1])


def test_pieces_give_the_statistics_of_the_whole(digits):
    X, _ = digits
    weights = np.random.default_rng(0).uniform(size=len(X))
    whole = ChannelScaler().fit(X, sample_weight=weights)
    pieces = ChannelScaler()
    for rows in np.array_split(np.arange(len(X)), [1, 7, 50, 200]):
        pieces.partial_fit(X[rows], sample_weight=weights[rows])
    for name in ("mean_", "var_", "scale_", "n_samples_seen_"):
        np.testing.assert_allclose(
            getattr(pieces, name), getattr(whole, name), rtol=1e-12
        )


def test_a_fit_forgets_and_a_piece_must_have_the_same_shape(photos):
    scaler = ChannelScaler().partial_fit(photos)
    mean = scaler.mean_
    with pytest.raises(ValueError, match="fitted on shape"):
        scaler.partial_fit(photos[:, 1:])
    with pytest.raises(ValueError, match="NaN"):
        scaler.partial_fit(np.full(photos.shape, np.nan))
    np.testing.assert_array_equal(scaler.mean_, mean)
    np.testing.assert_array_equal(scaler.fit(photos[:1]).n_samples_seen_, 1)


def test_weights_are_repetitions_and_zero_removes(digits):
    X, _ = digits
    weights = np.arange(len(X)) % 3
    weighted = ChannelScaler().fit(X, sample_weight=weights)
    repeated = ChannelScaler().fit(np.repeat(X, weights, axis=0))
    assert weighted.n_samples_seen_ == repeated.n_samples_seen_
    np.testing.assert_allclose(weighted.mean_, repeated.mean_, rtol=1e-12)
    np.testing.assert_allclose(weighted.var_, repeated.var_, rtol=1e-12)
    with pytest.raises(ValueError, match="Sample weights must contain"):
        ChannelScaler().fit(X, sample_weight=0 * weights)


class Spy(ChannelScaler):
    """Notes what it was fitted on."""

    seen: list = []  # noqa: RUF012

    def fit(self, X, y=None, sample_weight=None):
        super().fit(X, y, sample_weight)
        self.seen.append((X, self.mean_, self.scale_))
        return self


def test_a_grid_search_scales_by_the_training_fold_alone(digits):
    X, y = digits
    # each sample has a level of its own, so that no two folds have one mean
    X = X + 100.0 * np.arange(len(X))[:, None, None, None]
    Spy.seen.clear()
    pipeline = make_pipeline(Spy(), Flatten(), SVC())
    folds = KFold(3)
    search = GridSearchCV(pipeline, {"svc__C": [1.0]}, cv=folds).fit(X, y)
    trained_on = [rows for rows, _ in folds.split(X)] + [np.arange(len(X))]
    assert len(Spy.seen) == len(trained_on)
    for (seen, mean, scale), rows in zip(Spy.seen, trained_on, strict=True):
        np.testing.assert_array_equal(seen, X[rows])
        np.testing.assert_allclose(mean, X[rows].mean())
        np.testing.assert_allclose(scale, X[rows].std())
    best = search.best_estimator_[0]
    np.testing.assert_allclose(best.mean_, X.mean())


def test_the_scaler_survives_cloning_and_pickling(photos):
    scaler = ChannelScaler().fit(photos)
    loaded = pickle.loads(pickle.dumps(scaler))
    np.testing.assert_array_equal(loaded.transform(photos), scaler.transform(photos))
    assert not hasattr(clone(scaler), "mean_")


@pytest.mark.parametrize("weight", [np.ones(2) * 1j, [None] * 2, "a", {}, np.nan])
def test_weights_that_are_none(weight):
    with pytest.raises((TypeError, ValueError), match="sample_weight"):
        ChannelScaler().fit(np.ones((2, 3, 3)), sample_weight=weight)
