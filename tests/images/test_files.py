"""Images on disk in the place of arrays."""

import copy
import pickle

import h5py
import numpy as np
import pytest
import zarr
from PIL import Image
from sklearn.model_selection import train_test_split

from sklearn_cnn.images import ImageFiles, image_folder, read_ahead, take_rows
from sklearn_cnn.images.prefetch import prefetched
from sklearn_cnn.images.sources import ArraySource


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
    for key in (np.s_[:, 0], None, np.zeros((2, 2), int)):
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
        ([b"data"], {}, r"paths\[0\].*bytes.*ImageReader"),
        (np.array([["none.png"]]), {}, r"shape \(1, 1\).*one column"),
        (["none.png"], {}, "none.png.*No such file"),
        (["a.png"], {"size": 0}, "size=0"),
        (["a.png"], {"mode": "grey"}, "mode='grey'"),
        (["a.png"], {"n_workers": 0}, "n_workers=0"),
    ],
)
def test_bad_arguments(paths, parameters, message):
    with pytest.raises(ValueError, match=message):
        ImageFiles(paths, **parameters)


def test_bad_cache(paths):
    with pytest.raises(ValueError, match="cache_bytes=-1"):
        ImageFiles(paths, cache_bytes=-1)


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


@pytest.mark.parametrize(
    "rows", [slice(None), slice(5, 15), slice(None, None, -2)], ids=str
)
def test_a_copy_of_a_map_reads_the_same_file(tmp_path, pixels, rows):
    X = ImageFiles.from_array(mapped(tmp_path, pixels)[rows])
    copied = pickle.loads(pickle.dumps(X))
    np.testing.assert_array_equal(copied, pixels[rows])
    np.testing.assert_array_equal(copy.deepcopy(X), pixels[rows])
    if rows != slice(None, None, -2):  # a map has no steps: these rows are copied
        assert len(pickle.dumps(X)) < 2_000
        with (tmp_path / "data").open("r+b") as file:
            file.write(bytes(pixels.nbytes))
        assert not np.asarray(copied).any()


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


def test_bad_arrays():
    for bad, message in (([[1]], "is a list"), (np.zeros(3), "two axes or more")):
        with pytest.raises(ValueError, match=message):
            ArraySource(bad)


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
    with pytest.raises(ValueError, match=r"is a link.*follow_links=True"):
        image_folder(root)
    X, _ = image_folder(root, follow_links=True)
    assert len(X) == 2


def test_the_folder_itself_may_be_a_link_but_not_a_circle(tmp_path):
    fill(tmp_path, "root/a/1.png")
    (tmp_path / "link").symlink_to(tmp_path / "root")
    assert len(image_folder(tmp_path / "link")[0]) == 1
    (tmp_path / "root" / "a" / "up").symlink_to(tmp_path / "root")
    with pytest.raises(ValueError, match="folder that it is in"):
        image_folder(tmp_path / "root", follow_links=True)


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
