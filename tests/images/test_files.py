"""Images on disk in the place of arrays."""

import copy
import io
import os
import pickle

import h5py
import joblib
import numpy as np
import pytest
import tifffile
import torch
import zarr
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image, ImageFile
from scipy.sparse import coo_array
from sklearn.model_selection import train_test_split

from sklearn_cnn import CNNClassifier
from sklearn_cnn.images import ImageFiles, image_folder, read_ahead, take_rows
from sklearn_cnn.images.prefetch import prefetched
from sklearn_cnn.images.stored import mapped_file


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (20, 6, 5, 3), dtype=np.uint8)


@pytest.fixture
def paths(tmp_path, pixels):
    paths = [tmp_path / f"{i:02}.png" for i in range(len(pixels))]
    for path, image in zip(paths, pixels, strict=True):
        Image.fromarray(image).save(path)
    return paths


def test_it_looks_like_the_array(paths, pixels):
    X = ImageFiles(paths)
    assert X.shape == pixels.shape and X.dtype == np.uint8 and X.ndim == 4
    assert len(X) == 20
    np.testing.assert_array_equal(X, pixels)
    np.testing.assert_array_equal(X[-1], pixels[-1])
    np.testing.assert_array_equal(list(X)[3], pixels[3])
    assert np.asarray(X, dtype=float).dtype == float
    with pytest.raises(IndexError):
        X[20]
    with pytest.raises(ValueError, match="without a copy"):
        np.array(X, copy=False)


@pytest.mark.parametrize("cache_bytes", [0, 7 * 90, 10**6])
@pytest.mark.parametrize(
    "key",
    [
        slice(3, 17, 2),
        slice(None, None, -1),
        [5, 2, 2],
        np.arange(20) % 3 == 0,
        [],
        (np.array([4, 1]), ...),
        (slice(2), slice(None)),
    ],
    ids=str,
)
def test_views_read_what_the_array_holds(paths, pixels, key, cache_bytes):
    X = ImageFiles(paths, cache_bytes=cache_bytes)
    for _ in range(2):
        view = X[key]
        assert isinstance(view, ImageFiles) and view.shape == pixels[key].shape
        np.testing.assert_array_equal(view, pixels[key])
        np.testing.assert_array_equal(view[::-1], pixels[key][::-1])
        assert view.paths.tolist() == [
            str(paths[i]) for i in np.arange(20)[key[0] if type(key) is tuple else key]
        ]


def test_pixels_are_not_indexed(paths):
    X = ImageFiles(paths)
    rows = np.array([1, 2])
    for key in (np.s_[:, 0], None, np.zeros((2, 2), int), (rows, rows)):
        with pytest.raises(IndexError, match="indexed by rows"):
            X[key]


def test_nothing_is_read_by_views_and_splits(paths, pixels):
    X = ImageFiles(paths)
    for path in paths:
        path.unlink()
    train, test = train_test_split(X[2:], random_state=0)
    assert len(train) + len(test) == 18
    with pytest.raises(ValueError, match=r"03\.png.*No such file"):
        X[3]


def test_the_cache_is_shared_bounded_and_left_behind(paths, pixels):
    X = ImageFiles(paths, cache_bytes=8 * 90)
    np.asarray(X[:5])
    copied = pickle.loads(pickle.dumps(X))
    assert len(pickle.dumps(X)) < 10_000
    for path in paths[1:]:
        path.unlink()
    np.testing.assert_array_equal(X[::-1][-5:], pixels[4::-1])
    with pytest.raises(ValueError, match="No such file"):
        copied[1]
    with pytest.raises(ValueError, match="No such file"):
        X[5]


def test_threads_decode_the_same(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (9, 150, 130), dtype=np.uint8)
    paths = [tmp_path / f"{i}.png" for i in range(9)]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image).save(path)
    for n_workers in (None, 1, 2, 20):
        np.testing.assert_array_equal(ImageFiles(paths, n_workers=n_workers), images)
    paths[5].write_bytes(b"text")
    paths[7].write_bytes(b"")
    with pytest.raises(ValueError, match=r"5\.png"):
        np.asarray(ImageFiles(paths, n_workers=2))


def test_images_that_differ_are_named(paths):
    Image.new("RGB", (9, 9)).save(paths[4])
    Image.new("L", (5, 6)).save(paths[5])
    X = ImageFiles(paths)
    with pytest.raises(ValueError, match=r"04\.png.*\(9, 9, 3\).*00\.png.*size="):
        X[4]
    with pytest.raises(ValueError, match=r"05\.png.*\(6, 5\).*mode="):
        X[5]
    assert np.asarray(ImageFiles(paths, size=8, mode="L")).shape == (20, 8, 8)


@pytest.mark.parametrize(
    "paths, parameters, message",
    [
        ("one.png", {}, "image_folder"),
        ([], {}, "paths is empty"),
        (None, {}, "paths=None is no list of paths"),
        (5, {}, "paths=5 is no list of paths"),
        ({"a.png"}, {}, "paths is a set, which has no order"),
        ([b"data"], {}, r"paths\[0\].*bytes.*ImageReader"),
        (["http://host/a.png"], {}, r"a\.png' is a URL.*zarr"),
        (np.array([["none.png"]]), {}, r"shape \(1, 1\).*one column"),
        (["none.png"], {}, "none.png.*No such file"),
        (["a.png"], {"size": 0}, "size=0"),
        (["a.png"], {"mode": "grey"}, "mode='grey'"),
        (["a.png"], {"n_workers": 0}, "n_workers=0"),
        (["a.png"], {"n_workers": True}, "n_workers=True"),
    ],
)
def test_bad_arguments(paths, parameters, message):
    with pytest.raises(ValueError, match=message):
        ImageFiles(paths, **parameters)


def test_bad_cache(paths):
    for bad in (-1, True, 1.5):
        with pytest.raises(ValueError, match=f"cache_bytes={bad}"):
            ImageFiles(paths, cache_bytes=bad)


# --- arrays on disk -------------------------------------------------------------------


def hdf5(folder, pixels):
    return h5py.File(folder / "data.h5", "w").create_dataset("images", data=pixels)


def zarr_array(folder, pixels):
    chunks = (3, *pixels.shape[1:])
    return zarr.create_array(folder / "data.zarr", data=pixels, chunks=chunks)


def mapped(folder, pixels):
    array = np.memmap(folder / "data", pixels.dtype, "w+", shape=pixels.shape)
    array[:] = pixels
    array.flush()
    return array


@pytest.mark.parametrize(
    "make", [hdf5, zarr_array, mapped, lambda folder, pixels: pixels]
)
def test_arrays_on_disk(tmp_path, pixels, make):
    array = make(tmp_path, pixels)
    X = ImageFiles.from_array(array)
    for rows in ([3, 1, 1, 19], slice(2, 18), slice(None, None, -3), [], [7]):
        taken = take_rows(X[rows], slice(None))
        np.testing.assert_array_equal(taken, pixels[rows])
        assert not np.shares_memory(taken, array) if make is mapped else True
    np.testing.assert_array_equal(X[4], pixels[4])
    if make is hdf5:
        array.file.flush()
        array.file.close()
        X = ImageFiles.from_array(h5py.File(tmp_path / "data.h5")["images"])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(X)), pixels)


VIEWS = {
    "all": lambda array: array,
    "rows": lambda array: array[5:15],
    "reversed": lambda array: array[::-2],
    "pixels": lambda array: array[2:, ::-2, 1:4],
    "moved": lambda array: np.moveaxis(array, -1, 1),
    "dtype": lambda array: array.view("V3")[..., 0].view("u1").reshape(20, 6, 15),
    "plain": lambda array: np.asarray(array)[::-1],
    "windows": lambda array: sliding_window_view(array, 3, axis=1),
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_a_copy_of_a_map_reads_the_same_file(tmp_path, pixels, view):
    X = ImageFiles.from_array(view(mapped(tmp_path, pixels)))
    copied = pickle.loads(pickle.dumps(X))
    for same in (copied, copy.deepcopy(X), pickle.loads(pickle.dumps(copied))):
        np.testing.assert_array_equal(same, view(pixels))
    assert len(pickle.dumps(X)) < 2_000
    with (tmp_path / "data").open("r+b") as file:
        file.write(bytes(pixels.nbytes))
    assert not np.asarray(copied).any()
    assert mapped_file(copied._source.array) is not None  # its pages are given back


@pytest.mark.parametrize("mode", ["r", "c"])
def test_processes_read_views_of_maps(tmp_path, pixels, mode):
    mapped(tmp_path, pixels)
    array = np.memmap(tmp_path / "data", np.uint8, mode, shape=pixels.shape)
    if mode == "c":
        array[3] = 7
    views = [array[::-1], array[:, ::-2], np.asarray(array)[4:, ::-1], array]
    images = [ImageFiles.from_array(view) for view in views]
    found = joblib.Parallel(2)(joblib.delayed(np.asarray)(X) for X in images)
    for read, view in zip(found, views, strict=True):
        np.testing.assert_array_equal(read, view)


def test_a_map_without_a_name_is_copied(tmp_path, pixels):
    mapped(tmp_path, pixels)
    path = os.fsencode(tmp_path / "data")
    X = ImageFiles.from_array(np.memmap(path, np.uint8, "r", shape=pixels.shape)[::-1])
    (found,) = joblib.Parallel(2)([joblib.delayed(np.asarray)(X)])
    np.testing.assert_array_equal(found, pixels[::-1])


@pytest.mark.parametrize("n_bytes", [-1, 1])
def test_a_copy_refuses_a_file_of_another_size(tmp_path, pixels, n_bytes):
    X = pickle.loads(pickle.dumps(ImageFiles.from_array(mapped(tmp_path, pixels))))
    os.truncate(tmp_path / "data", pixels.nbytes + n_bytes)
    assert X[2:].shape == (18, 6, 5, 3)
    with pytest.raises(ValueError, match=r"data' cannot be opened.*bytes.*Keep the"):
        X[0]


def test_a_copy_names_a_file_that_is_gone(tmp_path, pixels):
    X = ImageFiles.from_array(mapped(tmp_path, pixels))
    (tmp_path / "data").unlink()
    with pytest.raises(
        ValueError, match=r"data' cannot be opened: .*No such.*Keep the"
    ):
        pickle.loads(pickle.dumps(X))[0]
    np.testing.assert_array_equal(X, pixels)


def test_processes_name_a_file_that_is_open_for_writing(tmp_path, pixels):
    X = ImageFiles.from_array(hdf5(tmp_path, pixels))
    with pytest.raises(
        ValueError, match=r"data\.h5' cannot be opened: .*lock.*close it"
    ):
        joblib.Parallel(2)(joblib.delayed(np.asarray)(part) for part in (X, X[:3]))


def test_a_copy_refuses_another_dataset(tmp_path, pixels):
    with hdf5(tmp_path, pixels).file as file:
        X = pickle.loads(pickle.dumps(ImageFiles.from_array(file["images"])))
        del file["images"]
        file["images"] = pixels[:9]
    with pytest.raises(ValueError, match=r"'/images' has shape \(9, 6, 5, 3\).*\(20,"):
        X[0]
    with h5py.File(tmp_path / "data.h5", "w"):
        pass
    with pytest.raises(ValueError, match=r"data\.h5' cannot be opened"):
        X[0]


@pytest.mark.parametrize("make", [hdf5, mapped])
def test_a_file_that_changed_hashes_otherwise(tmp_path, pixels, make):
    array = make(tmp_path, pixels)
    if make is hdf5:
        array.file.close()
        array = h5py.File(tmp_path / "data.h5")["images"]
    X = ImageFiles.from_array(array)
    before, copied = joblib.hash(X), pickle.loads(pickle.dumps(X))
    assert joblib.hash(copied) == before == joblib.hash(X)
    assert joblib.hash(X[1:]) != before
    (path,) = tmp_path.iterdir()
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1000))
    assert joblib.hash(X) == joblib.hash(copied) != before


def test_hdf5_that_cannot_be_opened_anew(tmp_path, pixels):
    dataset = hdf5(tmp_path, pixels)
    memory = h5py.File(tmp_path / "none.h5", "w", driver="core", backing_store=False)
    for bad, message in (
        (dataset.astype("f4"), "AsTypeView.*Pass the dataset itself"),
        (memory.create_dataset("x", data=pixels), r"none\.h5.*in memory.*dataset\[:\]"),
        (
            h5py.File(io.BytesIO(), "w").create_dataset("x", data=pixels),
            r"BytesIO.*\[:\]",
        ),
        (dataset.file.create_dataset(None, data=pixels), "without a name"),
    ):
        with pytest.raises(ValueError, match=message):
            ImageFiles.from_array(bad)


def test_private_changes_of_a_map_are_kept(tmp_path, pixels):
    mapped(tmp_path, pixels)
    array = np.memmap(tmp_path / "data", np.uint8, "c", shape=pixels.shape)
    array[3] = 7
    X = ImageFiles.from_array(array)
    for images in (X, pickle.loads(pickle.dumps(X))):
        assert np.asarray(images)[3].max() == np.asarray(images)[3].min() == 7


def test_nan_is_found_where_it_is_read():
    array = np.zeros((9, 4, 4))
    array[6, 1, 1] = np.inf
    X = ImageFiles.from_array(array)
    np.asarray(X[:6])
    with pytest.raises(ValueError, match="NaN or infinity in row 6"):
        np.asarray(X[3:])


@pytest.mark.parametrize(
    "bad, message",
    [
        ([[1]], "is a list"),
        (np.zeros(3), "two axes or more"),
        (np.zeros((5, 0)), r"shape \(5, 0\).*one pixel"),
        (torch.zeros(3, 4, 4), r"torch\.Tensor.*tensor\.numpy\(\)"),
        (coo_array(np.eye(3)), r"coo_array.*toarray\(\)"),
        (np.ma.masked_equal(np.eye(3), 1), r"masked.*filled\(value\)"),
    ],
)
def test_bad_arrays(bad, message):
    with pytest.raises(ValueError, match=message):
        ImageFiles.from_array(bad, cache_bytes=10)


def test_arrays_have_no_paths_and_masks_that_mask_nothing_are_no_matter():
    X = ImageFiles.from_array(np.ma.array(np.eye(3)))
    np.testing.assert_array_equal(X, np.eye(3))
    with pytest.raises(AttributeError, match="from an array have no paths"):
        _ = X.paths


# --- folders --------------------------------------------------------------------------


def fill(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4)).save(path, "PNG")


def test_folder(tmp_path):
    fill(tmp_path, "b/2.png", "b/1.PNG", "a/deep/x.jpeg", "a/y.tif", "a/.hidden.png")
    fill(tmp_path, ".cache/z.png")
    (tmp_path / "a" / "notes.txt").write_text("not an image")
    (tmp_path / "readme.md").write_text("neither")
    with pytest.warns(
        UserWarning, match=r"2 file\(s\) are left out.*: 1 \.md, 1 \.txt"
    ):
        X, labels = image_folder(tmp_path)
    found = [path.removeprefix(str(tmp_path)) for path in X.paths]
    assert found == ["/a/y.tif", "/a/deep/x.jpeg", "/b/1.PNG", "/b/2.png"]
    assert labels.tolist() == ["a", "a", "b", "b"]


def test_bad_folders(tmp_path):
    with pytest.raises(ValueError, match="is not a folder"):
        image_folder(tmp_path / "missing")
    with pytest.raises(ValueError, match="no folders"):
        image_folder(tmp_path)
    for path in (None, b"images", 3):
        with pytest.raises(ValueError, match=r"path=.* must be the path of a folder"):
            image_folder(path)
    fill(tmp_path, "stray.png")
    with pytest.raises(ValueError, match=r"'stray\.png'.*no folders of.*ImageFiles"):
        image_folder(tmp_path)
    fill(tmp_path, "a/1.png")
    with pytest.raises(ValueError, match=r"stray\.png.*beside"):
        image_folder(tmp_path)
    (tmp_path / "stray.png").unlink()
    (tmp_path / "b").mkdir()
    with pytest.raises(ValueError, match=r"'.*b' holds no images"):
        image_folder(tmp_path)


@pytest.mark.parametrize("link, target", [("a/2.png", "x/1.png"), ("c", "x")])
def test_links_are_not_followed_unless_asked(tmp_path, link, target):
    root = tmp_path / "root"
    fill(tmp_path, "root/a/1.png", "x/1.png")
    (root / link).symlink_to(tmp_path / target)
    with pytest.warns(UserWarning, match=r"1 link.*left out.*follow_links=True"):
        X, _ = image_folder(root)
    assert X.paths.tolist() == [str(root / "a" / "1.png")]
    X, _ = image_folder(root, follow_links=True)
    assert len(X) == 2


def test_a_class_of_links_alone_says_so(tmp_path):
    fill(tmp_path, "root/a/1.png", "x/1.png")
    (tmp_path / "root" / "b").mkdir()
    (tmp_path / "root" / "b" / "1.png").symlink_to(tmp_path / "x" / "1.png")
    with pytest.raises(ValueError, match=r"b' holds no images.*follow_links=True"):
        image_folder(tmp_path / "root")


def test_some_classes_and_some_images_of_each(tmp_path):
    names = [f"{name}/{i}.png" for name in ("a", "b", "test") for i in range(7)]
    fill(tmp_path, *names)
    X, y = image_folder(tmp_path, classes=["test", "a"], max_per_class=3)
    assert y.tolist() == ["a"] * 3 + ["test"] * 3
    assert [path[-5] for path in X.paths] == list("024024")
    X, y = image_folder(tmp_path, classes=["test"], max_per_class=70)
    assert len(X) == len(y) == 7
    for classes, message in (
        (["tset"], r"no such folder. Did you mean 'test'\?"),
        ("test", "must be a list"),
        (3, "must be a list"),
        ([], "is empty"),
    ):
        with pytest.raises(ValueError, match=f"classes.*{message}"):
            image_folder(tmp_path, classes=classes)
    with pytest.raises(ValueError, match="max_per_class=0"):
        image_folder(tmp_path, max_per_class=0)


def bad_folder(tmp_path):
    """Seven images in two classes, of which three are bad, the first among them."""
    fill(tmp_path, *[f"a/{i}.png" for i in range(4)], *[f"b/{i}.png" for i in range(3)])
    (tmp_path / "a" / "0.png").write_text("no picture")
    whole = (tmp_path / "a" / "2.png").read_bytes()
    (tmp_path / "a" / "2.png").write_bytes(whole[:-30])
    (tmp_path / "b" / "2.png").write_bytes(b"")
    return ["a/0.png", "a/2.png", "b/2.png"]


@pytest.mark.parametrize("cache_bytes", [0, "auto"])
def test_bad_files_are_skipped_with_their_labels(tmp_path, cache_bytes):
    bad = [str(tmp_path / name) for name in bad_folder(tmp_path)]
    with pytest.warns(UserWarning, match=r"^3 of 7 images cannot be read") as caught:
        X, y = image_folder(tmp_path, on_error="skip", cache_bytes=cache_bytes)
    assert len(caught) == 1 and caught[0].filename == __file__
    assert bad[0] in str(caught[0].message)
    assert y.tolist() == ["a", "a", "b", "b"] and len(X) == 4
    assert list(X.skipped) == bad and "the file is empty" in X.skipped[bad[2]]
    assert not set(bad) & set(X.paths)
    X.check_files()
    expected = np.stack([np.asarray(Image.open(path)) for path in X.paths])
    np.testing.assert_array_equal(X, expected)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(X[1:])), expected[1:])
    CNNClassifier(filters=(2,), max_iter=1).fit(X, y)


def test_labels_of_paths_are_kept_in_line(tmp_path):
    bad_folder(tmp_path)
    paths = sorted(tmp_path.glob("*/*.png"))
    with pytest.warns(UserWarning, match="X.kept"):
        X = ImageFiles(paths, on_error="skip")
    kept = [False, True, False, True, True, True, False]
    assert X.kept.tolist() == kept
    assert X.paths.tolist() == [str(p) for p, k in zip(paths, kept, strict=True) if k]
    assert X[1:3].kept.sum() == 2
    for path in X.paths:
        os.unlink(path)
    with pytest.raises(ValueError, match=r"None of the 7 images can be read.*a/0.png"):
        ImageFiles(paths, on_error="skip")
    with pytest.raises(ValueError, match="on_error='zeros'"):
        ImageFiles(paths, on_error="zeros")


def test_images_of_another_size_are_not_skipped(paths):
    Image.new("RGB", (9, 9)).save(paths[3])
    with pytest.raises(ValueError, match=r"03.png' is of shape \(9, 9, 3\).*size="):
        ImageFiles(paths, on_error="skip")


def test_decoded_images_are_kept_if_they_fit(paths, pixels, monkeypatch):
    X = ImageFiles(paths)
    np.testing.assert_array_equal(X, pixels)
    for path in paths:
        path.unlink()
    np.testing.assert_array_equal(X[::-1], pixels[::-1])
    with pytest.raises(ValueError, match="No such file"):
        np.asarray(pickle.loads(pickle.dumps(X)))


def test_decoded_images_are_not_kept_if_they_do_not_fit(paths, pixels, monkeypatch):
    monkeypatch.setattr("sklearn_cnn.images.files._FILE_BYTES", pixels.nbytes - 1)
    X = ImageFiles(paths)
    np.testing.assert_array_equal(X, pixels)
    paths[0].unlink()
    with pytest.raises(ValueError, match="No such file"):
        np.asarray(X)


def test_folders_deeper_than_anybody_keeps_images(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("root", "a", *["deep"] * 150):
        os.mkdir(name)
        monkeypatch.chdir(name)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"path has folders within folders, 100 deep"):
        image_folder("root")
    with pytest.raises(ValueError, match=r"path='aaa.*\.\.\.a*' is not a folder"):
        image_folder("a" * 5_000)


def test_the_folder_itself_may_be_a_link_but_not_a_circle(tmp_path):
    fill(tmp_path, "root/a/1.png")
    (tmp_path / "link").symlink_to(tmp_path / "root")
    assert len(image_folder(tmp_path / "link")[0]) == 1
    (tmp_path / "root" / "a" / "up").symlink_to(tmp_path / "root")
    with pytest.raises(ValueError, match="folder that it is in"):
        image_folder(tmp_path / "root", follow_links=True)


def test_what_pillow_opens_is_an_image_whatever_its_name(tmp_path):
    names = ["1.jfif", "2.JPE", "3.avif", "4.pnm", "5", "6.image", "7.tif8", "8.heic"]
    fill(tmp_path, *(f"a/{name}" for name in names))
    tifffile.imwrite(
        tmp_path / "a" / "9.stack", np.zeros((4, 4, 5), np.uint8), photometric=1
    )
    X, _ = image_folder(tmp_path)
    assert len(X) == 9


def test_photographs_that_cannot_be_read_are_counted(tmp_path):
    fill(tmp_path, "a/1.png", "b/1.png")
    for i in range(16):
        heic = tmp_path / "a" / f"{i}.HEIC"
        heic.write_bytes(b"\0\0\0\x18ftypheic" + bytes(12))
    with pytest.warns(
        UserWarning, match=r"16 file\(s\).*16 \.heic.*register_heif_opener"
    ):
        X, _ = image_folder(tmp_path)
    assert len(X) == 2
    with pytest.raises(ValueError, match=r"15\.HEIC.*register_heif_opener"):
        ImageFiles([heic])


class Flat(ImageFile.ImageFile):
    """A format of a plugin: pixels of one grey, of the fourth byte."""

    format = "FLAT"

    def _open(self):
        self._size, self._mode, self.tile = (4, 4), "L", []
        self._im = Image.core.fill("L", (4, 4), self.fp.read(4)[3])

    def load(self):
        return self.im.pixel_access()


def starts_flat(start):
    return start.startswith(b"FLA")


def test_plugins_are_registered_where_images_are_unpickled(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "OPEN", {**Image.OPEN})
    monkeypatch.setattr(Image, "ID", [*Image.ID])
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.flat").write_bytes(b"FLA\x07")
    Image.register_open("FLAT", Flat, starts_flat)
    X, _ = image_folder(tmp_path)
    data = pickle.dumps(X)
    del Image.OPEN["FLAT"]
    with pytest.raises(ValueError, match="another format"):
        X[0]
    assert pickle.loads(data)[0].tolist() == [[7] * 4] * 4


@pytest.mark.parametrize("parts", [("train", "valid"), ("Train", "test", "val")])
def test_parts_of_a_data_set_are_no_classes(tmp_path, parts):
    fill(tmp_path, *(f"{part}/{c}/1.png" for part in parts for c in "ab"))
    with pytest.raises(ValueError, match=r"parts of a data set.*image_folder\("):
        image_folder(tmp_path)
    _, y = image_folder(tmp_path / parts[0])
    assert y.tolist() == ["a", "b"]


def test_thumbnails_of_storage_devices_are_no_photographs(tmp_path):
    fill(tmp_path, "a/1.png", "a/@eaDir/1.png/thumb.png", "@eaDir/x.png", "b/1.png")
    fill(tmp_path, "#recycle/c.png", "__MACOSX/a/1.png", "a/.thumbnails/1.png")
    (tmp_path / "a" / "Thumbs.db").write_bytes(b"db")
    _, y = image_folder(tmp_path)
    assert y.tolist() == ["a", "b"]


# --- reading ahead --------------------------------------------------------------------


def test_reading_ahead_is_bounded_and_in_order():
    called = []

    def double(i):
        called.append(i)
        return 2 * i

    results = prefetched(double, range(100), depth=3)
    assert next(results) == 0
    results.close()
    assert len(called) <= 4
    assert list(prefetched(double, range(5))) == [0, 2, 4, 6, 8]


def test_errors_come_in_their_place():
    results = prefetched(lambda i: 1 // (2 - i), range(9))
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_arrays_in_memory_are_not_read_ahead(pixels):
    parts = read_ahead(pixels, [np.array([1]), np.array([2])])
    pixels[2] = 0
    assert next(parts).any() and not next(parts).any()


# --- bad files ------------------------------------------------------------------------


def test_a_fit_lists_bad_files_before_it_trains(paths):
    y = np.arange(20) % 2
    X = ImageFiles(paths)
    for i in (3, 7):
        paths[i].write_text("no picture")
    paths[9].unlink()
    Image.new("RGB", (9, 9)).save(paths[11])
    with pytest.raises(ValueError, match=r"4 files cannot") as caught:
        CNNClassifier(filters=(4,), input_scaling=None).fit(X, y)
    assert all(paths[i].name in str(caught.value) for i in (3, 7, 9, 11))
    ok = X[[0, 1, 2, 4]]
    ok.check_files()
    assert joblib.hash(ok) == joblib.hash(ImageFiles(paths)[[0, 1, 2, 4]])
    for path in paths[1:]:
        path.unlink(missing_ok=True)
    with pytest.raises(ValueError, match="and 6 more") as caught:
        X.check_files()
    assert len(str(caught.value)) < 5000
    ok.check_files()  # each but once


def test_messages_of_paths_are_cut():
    for paths in ("x" * 5000, ["a", {"bytes": bytes(10**6), "path": "a"}]):
        with pytest.raises(ValueError) as caught:
            ImageFiles(paths)
        assert len(str(caught.value)) < 1000
