"""Steps before a network, in a search."""

import pickle
import tempfile

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklearn_cnn import CNNClassifier
from sklearn_cnn.transforms import (
    CenterCrop,
    ChannelScaler,
    Flatten,
    Grayscale,
    HOGDescriptor,
    ImageReader,
    Pad,
    Rescale,
    Resize,
    Unflatten,
)

CNN = CNNClassifier(filters=(4,), max_iter=2, random_state=0)


@pytest.fixture
def coloured(zeros_and_ones):
    X, y = zeros_and_ones
    return np.repeat(X, 3, axis=-1).astype(np.uint8), y


def test_steps_and_a_network_are_searched_and_saved(coloured):
    X, y = coloured
    pipeline = make_pipeline(Resize(8), Grayscale(), ChannelScaler(), CNN)
    grid = {"resize__size": [(6, 5), 10], "resize__interpolation": ["nearest"]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, y)
    assert len(search.cv_results_["params"]) == 2
    best = search.best_estimator_
    assert best[-1].input_shape_[-1] == 1
    expected = best.predict_proba(X)
    loaded = pickle.loads(pickle.dumps(best))
    np.testing.assert_array_equal(loaded.predict_proba(X), expected)
    again = clone(best).fit(X, y)
    np.testing.assert_array_equal(again.predict_proba(X), expected)


@pytest.mark.parametrize(
    "change, remedy",
    [
        (lambda X: X, r"Convert them with sklearn_cnn.transforms.Grayscale\(\)"),
        (lambda X: X[..., :2], r"to 1 channel\(s\) with .*SelectChannels"),
        (lambda X: X[:, 1:, :, :1], r"sklearn_cnn.transforms.Resize\(\(8, 8\)\)"),
    ],
)
def test_the_remedy_of_a_wrong_shape_is_named_and_works(coloured, change, remedy):
    X, y = coloured
    cnn = clone(CNN).fit(Grayscale().transform(X), y)
    with pytest.raises(ValueError, match=f"{remedy}.* or fit again"):
        cnn.predict(change(X))
    assert len(cnn.predict(Grayscale().transform(X))) == len(X)
    assert len(cnn.predict(Resize((8, 8)).transform(X[:, 1:, :, :1]))) == len(X)


def test_the_remedy_knows_where_the_channels_are(coloured):
    X, y = coloured
    cnn = clone(CNN).set_params(data_format="channels_first")
    cnn.fit(np.moveaxis(X, -1, 1), y)
    with pytest.raises(ValueError, match=r"Resize\(\(8, 8\), data_format=.*first"):
        cnn.predict(np.moveaxis(X, -1, 1)[:, :, 1:])


# --- tables ---------------------------------------------------------------------------


@pytest.fixture
def table(tmp_path):
    """Images of one grey each, beside their grey; the rows are shuffled."""
    paths = [tmp_path / f"{i}.png" for i in range(9)]
    for i, path in enumerate(paths):
        Image.fromarray(np.full((4, 4), i, np.uint8)).save(path)
    frame = pd.DataFrame({"path": [str(path) for path in paths], "k": np.arange(9)})
    return frame.sample(frac=1, random_state=0)


STEPS = {
    "flatten": lambda: make_pipeline(ImageReader(), Flatten()),
    "steps": lambda: make_pipeline(ImageReader(), Pad(1, fill=0), Flatten()),
    "unfitted": lambda: make_pipeline(ImageReader(), Pad(1), CenterCrop(4), Flatten()),
    "back": lambda: make_pipeline(
        ImageReader(), Flatten(), Unflatten((4, 4)), Flatten()
    ),
    "memory": lambda: make_pipeline(ImageReader(), Flatten(), memory=TEMPORARY.name),
}
TEMPORARY = tempfile.TemporaryDirectory()


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("column", ["path", ["path"]])
def test_rows_stay_beside_each_other_in_pandas(table, steps, column):
    join = ColumnTransformer(
        [("im", STEPS[steps](), column), ("k", "passthrough", ["k"])]
    )
    with config_context(transform_output="pandas"):
        for fitted in (join.fit_transform(table), join.transform(table)):
            assert fitted.index.equals(table.index)
            pixels = fitted.iloc[:, :-1].max(axis=1)
            np.testing.assert_array_equal(pixels, fitted.iloc[:, -1])
            assert len(fitted) == 9


def test_hog_keeps_the_index():
    images = pd.Series(
        list(np.random.default_rng(0).random((6, 16, 16))), index=[*"fedcba"]
    )
    with config_context(transform_output="pandas"):
        hog = HOGDescriptor(pixels_per_cell=4).fit(images)
        pd.testing.assert_index_equal(hog.transform(images).index, images.index)
        reader = Rescale(2.0).fit(images)
        rescaled = reader.transform(images)
        pd.testing.assert_index_equal(hog.transform(rescaled).index, images.index)
        # what is cut from it has other rows
        assert hog.transform(rescaled[:3]).index.tolist() == [0, 1, 2]


def test_output_and_names_behind_a_column_transformer(table):
    join = ColumnTransformer(
        [("im", STEPS["flatten"](), "path"), ("k", "passthrough", ["k"])]
    ).set_output(transform="pandas")
    found = join.fit_transform(table)
    assert list(found) == [*(f"im__path_{i}" for i in range(16)), "k__k"]
    assert found.index.equals(table.index)
    assert list(join.get_feature_names_out()) == list(found)
    assert type(STEPS["flatten"]()[0].fit_transform(table["path"])) is np.ndarray
