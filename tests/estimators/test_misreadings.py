"""X and y that fit, but are hardly meant as they are read."""

import warnings

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_cnn import CNNClassifier, CNNFeatures, CNNRegressor
from sklearn_cnn.images import ImageFiles

Y = np.arange(12) % 3


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, (12, *shape), dtype=np.uint8)


def small(kind=CNNClassifier, **parameters):
    return kind("simple", filters=(2,), max_iter=1, random_state=0, **parameters)


SUSPICIOUS = {
    "channels first": ((3, 16, 12), {}, 'data_format="channels_first"'),
    "grey, channels first": ((1, 16, 12), {}, 'data_format="channels_first"'),
    "volumes, channels first": ((1, 8, 9, 8), {}, 'data_format="channels_first"'),
    "series, channels first": ((1, 30), {"spatial_dims": 1}, "channels_first"),
    "series as images": ((1, 30), {}, r"numpy.squeeze\(X, axis=1\)"),
    "series of one channel": ((30, 1), {}, r"numpy.squeeze\(X, axis=2\)"),
    "images as volumes": ((1, 9, 10, 3), {}, r"numpy.squeeze\(X, axis=1\)"),
    "an axis too many": ((9, 10, 1, 1), {}, r"numpy.squeeze\(X, axis=3\)"),
    "one row": ((3, 1, 9), {"data_format": "channels_first"}, r"axis=2\)"),
}


@pytest.mark.parametrize("name", SUSPICIOUS)
def test_suspicious_axes_are_warned_of_once(name):
    shape, parameters, remedy = SUSPICIOUS[name]
    X = noise(*shape)
    with pytest.warns(UserWarning, match=remedy) as caught:
        small(**parameters).fit(X, Y)
    assert len(caught) == 1 and caught[0].filename == __file__
    assert f"input_shape={shape}" in str(caught[0].message)
    # who says what a sample is, knows
    small(**parameters, input_shape=shape).fit(X, Y)


def test_the_remedies_are_silent():
    X = noise(3, 16, 12)
    small(data_format="channels_first").fit(X, Y)
    small().fit(np.moveaxis(X, 1, -1), Y)
    small(spatial_dims=1).fit(np.squeeze(noise(1, 30), axis=1), Y)


@pytest.mark.parametrize(
    "shape", [(16, 12, 1), (16, 12), (16, 12, 3), (4, 4, 64), (5,)]
)
def test_usual_shapes_are_silent(shape):
    small(spatial_dims=1 if shape == (5,) else "auto").fit(noise(*shape), Y)


def test_whatever_is_fitted_warns():
    X = noise(3, 16, 12)
    pipeline = make_pipeline(FunctionTransformer(), small(CNNRegressor))
    for fit in (
        lambda: pipeline.fit(X, Y * 0.5),
        lambda: small().partial_fit(ImageFiles.from_array(X), Y, classes=[0, 1, 2]),
        lambda: CNNFeatures("lenet", filters=(2, 2)).fit(X),
    ):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fit()
        # CNNFeatures warn of random filters too
        found = [w for w in caught if "channels come first" in str(w.message)]
        assert [w.filename for w in found] == [__file__]


def test_one_hot_labels_are_warned_of():
    X = noise(9, 9)
    for y in (np.eye(3)[Y], np.eye(3, dtype=int)[Y].tolist(), torch.eye(3)[Y]):
        with pytest.warns(UserWarning, match=r"y.argmax\(axis=1\)") as caught:
            cnn = small().fit(X, y)
        assert len(caught) == 1 and cnn.multilabel_


def test_sets_of_labels_are_not():
    X, y = noise(9, 9), np.eye(3, dtype=int)[Y]
    small().fit(X, csr_array(y))
    y[0] = 1
    small().fit(X, y)
    y[0] = 0
    small().fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        small(CNNRegressor).fit(X, np.eye(3)[Y])


# --- what the network gets ------------------------------------------------------------


@pytest.mark.parametrize("shape", [(9, 9, 3), (9, 9), (20,)])
def test_mean_and_scale_prepare_what_the_network_takes(shape):
    X = noise(*shape)
    cnn = small(precision="float32", spatial_dims=len(shape[:2])).fit(X, Y)
    full = X.reshape(12, *cnn.input_shape_)
    batch = np.moveaxis((full - cnn.input_mean_) / cnn.input_scale_, -1, 1)
    with torch.no_grad():
        outputs = cnn.module_(torch.from_numpy(batch).float())
    found = outputs.softmax(dim=1).numpy()
    np.testing.assert_allclose(found, cnn.predict_proba(X), atol=1e-5)
    cnn.input_mean_[:] = 0  # is a copy
    assert cnn.input_mean_.all()


def test_without_scaling_there_is_neither():
    cnn = small(input_scaling=None).fit(noise(9, 9), Y)
    assert cnn.input_mean_ is None and cnn.input_scale_ is None
