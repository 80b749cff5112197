"""What may stand for X, and what is said of what may not."""

import os

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from skorch.helper import SliceDataset

from sklearn_cnn import CNNClassifier, CNNFeatures
from sklearn_cnn.images import ImageFiles, take_rows
from sklearn_cnn.transforms import (
    Flatten,
    HOGDescriptor,
    ImageReader,
    Rescale,
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


# --- what is no array -----------------------------------------------------------------

IMAGES = np.random.default_rng(0).random((8, 6, 6, 3)).astype(np.float32)
Y = np.arange(8) % 2
DATASET = torch.utils.data.TensorDataset(
    torch.as_tensor(IMAGES).permute(0, 3, 1, 2), torch.as_tensor(Y)
)


class Folder(torch.utils.data.Dataset):
    samples, targets = [("a.png", 0)], [0]


@pytest.mark.parametrize(
    "X, message",
    [
        (
            {"image": IMAGES, "label": Y},
            r"dict with the keys image, label.*X\['image'\]",
        ),
        (set(range(8)), "set, which has no order"),
        (frozenset(range(8)), "frozenset, which has no order"),
        (iter(IMAGES), r"pass list\(X\)"),
        ((image for image in IMAGES), r"generator.*pass list\(X\)"),
        (torch.utils.data.DataLoader(DATASET), r"DataLoader.*torch\.cat"),
        (DATASET, r"TensorDataset.*X=\[numpy\.asarray\(x\) for x, _ in dataset\]"),
        (Folder(), r"ImageFiles\(\[path for path, _ in dataset\.samples\]"),
        (SliceDataset(DATASET), r"SliceDataset of skorch.*numpy\.stack"),
        (np.ones((8, 36), complex), r"complex128.*X\.real"),
        (np.ones((8, 6, 6), complex), r"complex128.*X\.real"),
        ([*np.ones((7, 36)).tolist(), [1j] * 36], r"complex128.*X\.real"),
        (np.ones((8, 36), "M8[s]"), r"datetime64\[s\].*must hold numbers"),
        (np.ones((8, 6, 6), "m8[D]"), r"timedelta64\[D\].*must hold numbers"),
        (pd.DataFrame(np.ones((8, 4), "M8[s]")), r"datetime64\[s\].*hold numbers"),
        (np.full((8, 36), np.longdouble("1e400")), "beyond those of float64"),
        (np.full((8, 6, 6), np.longdouble("-1e400")), "beyond those of float64"),
        (torch.ones((8, 6, 6), device="meta"), "'meta', which holds no values"),
        (torch.eye(8).to_sparse(), r"X\.to_dense\(\)"),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_what_is_no_array_is_told_what_to_pass(X, message):
    for step in (CNNClassifier(filters=(4,), max_iter=1), Flatten(), Unflatten((6, 6))):
        with pytest.raises(ValueError, match=message) as caught:
            step.fit(X, Y)
        assert len(str(caught.value)) < 600


@pytest.mark.filterwarnings("ignore:torch.quantize:UserWarning")
def test_quantised_tensors():
    X = torch.quantize_per_tensor(torch.ones(8, 36), 0.1, 0, torch.quint8)
    with pytest.raises(ValueError, match=r"X\.dequantize\(\)"):
        Flatten().fit(X)


def test_tensors_of_every_kind_are_read():
    tensor = torch.as_tensor(IMAGES)
    grad = tensor.clone().requires_grad_()
    half = tensor.to(torch.float8_e4m3fn)
    imaginary = torch.complex(tensor, -tensor)
    for X, expected in (
        (grad, tensor),
        (list(grad), tensor),
        ([list(image) for image in grad], tensor),
        (half, half.float()),
        (list(half), half.float()),
        (imaginary.conj().imag, tensor),
        (torch._neg_view(tensor), -tensor),
    ):
        found = Flatten().fit_transform(X)
        np.testing.assert_array_equal(found, expected.numpy().reshape(8, -1))


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("size", [6, 9])
def test_channels_at_the_other_end_are_moved_by_a_remedy_that_works(first, size):
    data_format = "channels_first" if first else "channels_last"
    X = np.moveaxis(IMAGES, -1, 1) if first else IMAGES
    step = Rescale(2.0, data_format=data_format).fit(X)
    other = np.ones((2, size, size, 3) if first else (2, 3, size, size))
    axes = (-1, 1) if first else (1, -1)
    with pytest.raises(ValueError, match=rf"moveaxis\(X, {axes[0]}, {axes[1]}\)"):
        step.transform(other)


class Table:
    """What tables of polars and pyarrow have in common."""

    def __init__(self, names):
        self.column_names, self.shape = names, (8, len(names))

    def __len__(self):
        return 8

    def __array__(self, dtype=None, copy=None):
        return np.ones(self.shape)

    def __dataframe__(self):
        raise NotImplementedError


def test_names_of_other_tables_are_kept():
    for step in (Rescale(2.0), Unflatten((2, 1))):
        step.fit(Table(["a", "b"]))
        assert step.feature_names_in_.tolist() == ["a", "b"]
        step.transform(pd.DataFrame(np.ones((8, 2)), columns=["a", "b"]))
        with pytest.raises(ValueError, match="feature names"):
            step.transform(Table(["b", "a"]))


@pytest.mark.skipif(os.name == "nt", reason="open files cannot be cut there")
def test_a_memmap_that_was_cut_is_an_error_and_no_crash(tmp_path):
    path = tmp_path / "images"
    mapped = np.memmap(path, np.uint8, "w+", shape=(5000, 8, 8))
    files = ImageFiles.from_array(mapped)
    os.truncate(path, 4096)
    for read in (
        lambda: take_rows(mapped, slice(4000, 4100)),
        lambda: take_rows(mapped[1000:], np.array([3])),
        lambda: files[4000],
        lambda: Flatten().fit(mapped),
        lambda: CNNClassifier(filters=(4,), max_iter=1).fit(files, np.arange(5000) % 2),
    ):
        with pytest.raises(ValueError, match=r"images, has 4096 bytes.*Keep the file"):
            read()
