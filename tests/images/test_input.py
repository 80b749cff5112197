"""What may stand for X, and what is said of what may not."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.compose import ColumnTransformer

from sklearn_cnn import CNNClassifier, CNNFeatures
from sklearn_cnn.images import ImageFiles
from sklearn_cnn.transforms import (
    Flatten,
    HOGDescriptor,
    ImageReader,
    Resize,
    Unflatten,
)

MASKED = np.ma.masked_equal(np.arange(4 * 6 * 6.0).reshape(4, 6, 6), 7)


@pytest.mark.parametrize(
    "X",
    [
        MASKED,
        list(MASKED),
        [list(image) for image in MASKED],
        pd.Series(list(MASKED)),
        MASKED.reshape(4, 36),
    ],
)
@pytest.mark.parametrize(
    "step", [CNNClassifier(filters=(4,), max_iter=1), Resize(4), Flatten()]
)
def test_a_mask_is_not_lost(step, X):
    with pytest.raises(ValueError, match=r"masked.*X\.filled\(value\)"):
        step.fit(X, [0, 1, 0, 1])


def test_a_mask_is_not_lost_between_rows_and_images():
    with pytest.raises(ValueError, match=r"X\.filled\(value\)"):
        Unflatten((6, 6)).fit(MASKED.reshape(4, 36))
    flatten = Flatten().fit(MASKED.data)
    with pytest.raises(ValueError, match=r"X\.filled\(value\)"):
        flatten.inverse_transform(MASKED.reshape(4, 36))
    with pytest.raises(ValueError, match=r"X\.filled\(value\)"):
        ImageReader().transform(np.ma.array(["a", "b"], object, mask=[0, 1]))


def test_a_mask_of_nothing_is_no_matter():
    X = np.ma.array(MASKED.data, mask=np.zeros(MASKED.shape, bool))
    assert type(Flatten().fit_transform(X)) is np.ndarray
    assert type(ImageFiles.from_array(X)[:]._source.array) is np.ndarray
    np.testing.assert_array_equal(
        Resize(4).fit_transform(X), Resize(4).fit_transform(X.data)
    )


# --- columns of tables ----------------------------------------------------------------


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    images = rng.normal(size=(12, 6, 5)).astype(np.float32)
    return images, pd.DataFrame({"img": list(images), "k": np.arange(12.0)})


def forms(frame):
    column = np.empty((len(frame), 1), object)
    column[:, 0] = list(frame["img"])
    yield frame["img"]
    yield frame[["img"]]
    yield column
    yield pd.DataFrame({"img": [image.tolist() for image in frame["img"]]})
    yield pd.DataFrame({"img": [torch.as_tensor(image) for image in frame["img"]]})


def test_a_column_of_arrays_is_read_as_its_images(frame):
    images, table = frame
    y = np.arange(12) % 2
    cnn = CNNClassifier(filters=(4,), max_iter=1, random_state=0)
    expected = clone(cnn).fit(images, y).predict_proba(images)
    for X in forms(table):
        fitted = clone(cnn).fit(X, y)
        assert fitted.n_features_in_ == 1 and fitted.input_shape_ == (6, 5, 1)
        np.testing.assert_allclose(fitted.predict_proba(X), expected, rtol=1e-6)
        np.testing.assert_allclose(fitted.predict_proba(images), expected, rtol=1e-6)
    assert clone(cnn).fit(table[["img"]], y).feature_names_in_.tolist() == ["img"]


def test_signals_in_the_cells_of_a_table(frame):
    nested = pd.DataFrame({"x": [pd.Series(image[0]) for image in frame[0]]})
    step = Flatten().fit(nested)
    assert step.n_features_in_ == 1
    expected = np.stack(list(nested["x"]))
    np.testing.assert_array_equal(step.transform(nested), expected)
    np.testing.assert_array_equal(step.transform(expected), expected)
    np.testing.assert_array_equal(Flatten().fit(expected).transform(nested), expected)


def test_columns_that_are_refused(frame):
    _, table = frame
    with pytest.raises(ValueError, match=r"2 columns.*arrays.*X\['image'\]"):
        Flatten().fit(table)
    with pytest.raises(ValueError, match=r"column 'other'.*fitted on 'img'"):
        Flatten().fit(table[["img"]]).transform(
            table[["img"]].rename(columns={"img": "other"})
        )


@pytest.mark.parametrize("column", ["img", ["img"]])
@pytest.mark.parametrize("output", ["default", "pandas"])
@pytest.mark.parametrize(
    "step, names",
    [
        (Flatten(), [f"img_{i}" for i in range(30)]),
        (HOGDescriptor(pixels_per_cell=2, cells_per_block=2), None),
        (CNNFeatures(estimator=CNNClassifier(filters=(4,), max_iter=1)), None),
    ],
)
def test_names_and_tables_behind_a_column_transformer(
    frame, column, step, names, output
):
    _, table = frame
    join = ColumnTransformer(
        [("a", step, column), ("k", "passthrough", ["k"])],
        verbose_feature_names_out=False,
    ).set_output(transform=output)
    found = join.fit_transform(table, np.arange(12) % 2)
    n_features = found.shape[1] - 1
    if names is None:
        names = [f"{type(step).__name__.lower()}{i}" for i in range(n_features)]
    assert list(join.get_feature_names_out()) == [*names, "k"]
    if output == "pandas":
        assert list(found) == [*names, "k"]
