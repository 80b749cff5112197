"""A transformer that reads images."""

import pickle
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import SkipTestWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import estimator_checks_generator

from sklearn_cnn.images import ImageFiles
from sklearn_cnn.transforms import Flatten, ImageReader


def checks():
    """scikit-learn's checks, as many as it has for estimators of strings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkipTestWarning)
        return list(estimator_checks_generator(ImageReader()))


@pytest.mark.parametrize("estimator, check", checks())
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (12, 6, 5, 3), dtype=np.uint8)


@pytest.fixture
def paths(tmp_path, pixels):
    paths = [tmp_path / f"{i:02}.png" for i in range(len(pixels))]
    for path, image in zip(paths, pixels, strict=True):
        Image.fromarray(image).save(path)
    return paths


@pytest.mark.parametrize("n_jobs", [None, 1, 2, -1])
def test_every_container(paths, pixels, n_jobs):
    names = [str(path) for path in paths]
    for X in (
        paths,
        tuple(names),
        np.array(names),
        np.array(paths, dtype=object).reshape(-1, 1),
        pd.Series(names, index=range(5, 17)),
        pd.DataFrame({"path": names}),
        [path.read_bytes() for path in paths],
        pd.Series([path.read_bytes() for path in paths]),
        [Image.open(path) for path in paths],
    ):
        found = ImageReader(n_jobs=n_jobs).fit_transform(X)
        np.testing.assert_array_equal(found, pixels)
        assert found.dtype == np.uint8 and found.flags.writeable


def test_images_that_share_a_file_are_read_on_several_threads(tmp_path):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (400, 400, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "image.png")
    for _ in range(10):
        with open(tmp_path / "image.png", "rb") as file:
            images = [*[Image.open(file)] * 4, *(Image.open(file) for _ in range(4))]
            found = ImageReader(n_jobs=4).transform(images)
        assert (found == pixels).all()


def test_size_and_mode(paths):
    found = ImageReader(size=(8, 9), mode="L").fit(paths).transform(paths)
    assert found.shape == (12, 8, 9)


def test_every_bad_file_is_listed(paths):
    paths[3].write_bytes(b"")
    paths[7].unlink()
    with pytest.raises(ValueError, match="2 of 13 images") as caught:
        ImageReader().fit_transform([*paths, *paths[:1]])
    assert "row 3: " in str(caught.value) and "07.png" in str(caught.value)


def test_zeros_stand_in_with_a_warning(paths, pixels):
    paths[3].write_bytes(b"")
    with pytest.warns(UserWarning, match=r"1 of 12 images.*\n.*row 3: .*03\.png"):
        found = ImageReader(on_error="zeros").fit_transform(paths)
    assert not found[3].any()
    np.testing.assert_array_equal(np.delete(found, 3, 0), np.delete(pixels, 3, 0))


def test_the_warning_points_to_the_caller(paths):
    paths[3].write_bytes(b"")
    reader = ImageReader(on_error="zeros")
    for step in (reader, make_pipeline(make_pipeline(reader))):
        for method in (step.fit_transform, step.fit(paths).transform):
            with pytest.warns(UserWarning, match="1 of 12 images") as caught:
                method(paths)
            assert [warning.filename for warning in caught] == [__file__]


def test_zeros_of_unknown_size_are_an_error(tmp_path):
    reader = ImageReader(on_error="zeros")
    with (
        pytest.warns(UserWarning, match="blank"),
        pytest.raises(ValueError, match="None of the 1 images"),
    ):
        reader.fit_transform([tmp_path / "missing.png"])


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "I;16"])
def test_zeros_of_known_size_and_mode_are_like_other_batches(paths, mode):
    reader = ImageReader(size=(4, 3), mode=mode, on_error="zeros").fit(paths)
    with pytest.warns(UserWarning, match="2 of 2 images"):
        found = reader.transform(["missing.png", "gone.png"])
    expected = reader.transform(paths[:2])
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    assert not found.any()


def test_missing_values_are_bad_images(paths):
    column = pd.Series([*map(str, paths), None, float("nan")])
    with pytest.raises(ValueError, match="2 of 14 images"):
        ImageReader().fit_transform(column)


def test_mixed_images_are_one_clear_error(paths):
    Image.new("RGB", (9, 9)).save(paths[2])
    Image.new("L", (5, 6)).save(paths[4])
    with pytest.raises(ValueError, match=r"3 different.*size=.*mode=.*row 2.*02\.png"):
        ImageReader().fit_transform(paths)
    assert ImageReader(size=5, mode="RGB").fit_transform(paths).shape == (12, 5, 5, 3)


@pytest.mark.parametrize(
    "X, parameters, message",
    [
        ("one.png", {}, r"single image.*\[X\]"),
        (".", {}, r"X='\.' is a folder.*list of files.*image_folder"),
        (Path(), {}, "is a folder"),
        (None, {}, "X=None is no list of images"),
        ([], {}, "0 sample"),
        (np.array([["a", "b"]]), {}, r"shape \(1, 2\).*one column"),
        (["a.png"], {"size": 0}, "size=0"),
        (["a.png"], {"size": True}, "size=True"),
        (["a.png"], {"size": (4, 4, 4)}, "size="),
        (["a.png"], {"mode": "grey"}, "mode='grey'"),
        (["a.png"], {"on_error": "skip"}, "on_error"),
        (["a.png"], {"n_jobs": 1.5}, "n_jobs"),
    ],
)
def test_bad_arguments(X, parameters, message):
    for method in ("fit", "transform", "fit_transform"):
        with pytest.raises(ValueError, match=message):
            getattr(ImageReader(**parameters), method)(X)


def test_image_files_read_themselves(paths):
    with pytest.raises(ValueError, match=r"Leave ImageReader out, or pass it X\.paths"):
        ImageReader().transform(ImageFiles(paths))


def test_a_column_of_paths_beside_numbers(paths, pixels):
    frame = pd.DataFrame({"path": [str(p) for p in paths], "age": np.arange(12.0)})
    read = make_pipeline(ImageReader(mode="L"), Flatten())
    for column in ("path", ["path"]):
        both = ColumnTransformer(
            [("image", read, column), ("age", "passthrough", ["age"])]
        )
        assert both.fit_transform(frame).shape == (12, 31)
    search = GridSearchCV(
        make_pipeline(both, SVC()),
        {"columntransformer__image__imagereader__size": [4, 6]},
        cv=2,
    )
    assert search.fit(frame, np.arange(12) % 2).best_score_ >= 0


def test_clone_and_pickle(paths, pixels):
    reader = ImageReader(size=(6, 5), n_jobs=2)
    assert clone(reader).get_params() == reader.get_params()
    found = pickle.loads(pickle.dumps(reader.fit(paths))).transform(paths)
    np.testing.assert_array_equal(found, pixels)
    np.testing.assert_array_equal(ImageReader().transform(paths), pixels)


def test_rows_of_hugging_face(paths):
    data = [path.read_bytes() for path in paths]
    rows = [{"bytes": d, "path": None} for d in data]
    rows[1] = {"bytes": None, "path": str(paths[1])}
    expected = ImageReader().fit_transform(paths)
    for X in (rows, pd.Series(rows), pd.DataFrame({"image": rows})):
        np.testing.assert_array_equal(ImageReader().fit_transform(X), expected)


def test_messages_are_cut(paths):
    for X in (
        [str(path) + "x" * 500 for path in paths] * 30,
        [{"image": path.read_bytes() * 10_000} for path in paths] * 30,
        [bytes(10**6)] * 300,
        ["x" * 50_000] * 300,
    ):
        with pytest.raises(ValueError, match=r"\d+ of \d+ images.*\n.*") as caught:
            ImageReader().fit_transform(X)
        assert len(str(caught.value)) < 12_000 and " more" in str(caught.value)
