"""Sizes of another ratio of sides, and limits of pixels."""

import pickle
import warnings

import numpy as np
import pytest
from PIL import Image

from sklearn_cnn.images import ImageFiles, image_folder
from sklearn_cnn.transforms import ImageReader, Resize


@pytest.fixture
def wide(tmp_path):
    """A dark square between two bright bars of a picture on white paper."""
    pixels = np.full((20, 40, 3), [250, 240, 230], np.uint8)
    pixels[:, 10:30] = [0, 60, 120]
    pixels[::19, 10:30] = [250, 240, 230]
    pixels[0, 0] = 0
    path = tmp_path / "a" / "wide.png"
    path.parent.mkdir()
    Image.fromarray(pixels).save(path)
    return path, pixels


def test_padding_keeps_the_ratio_and_goes_on_with_the_border(wide):
    path, pixels = wide
    found = np.asarray(ImageFiles([path], size=(40, 40), resize="pad"))[0]
    np.testing.assert_array_equal(found[10:30], pixels)
    assert (found[:10] == [250, 240, 230]).all() and (found[30:] == found[0, 0]).all()
    found = np.asarray(ImageFiles([path], size=(20, 50), resize="pad", fill=7))[0]
    np.testing.assert_array_equal(found[:, 5:45], pixels)
    assert (found[:, :5] == 7).all() and (found[:, 45:] == 7).all()


def test_cropping_keeps_the_ratio_and_the_middle(wide):
    path, pixels = wide
    found = ImageReader(size=20, resize="crop").fit_transform([path])[0]
    np.testing.assert_array_equal(found, pixels[:, 10:30])
    found = ImageReader(size=(10, 40), resize="crop").fit_transform([path])[0]
    np.testing.assert_array_equal(found, pixels[5:15])


@pytest.mark.parametrize("resize", ["stretch", "pad", "crop"])
@pytest.mark.parametrize("size", [(32, 32), (13, 57)])
@pytest.mark.parametrize("shape", [(20, 40), (40, 21, 3), (50, 7)])
def test_files_and_arrays_are_resized_alike(tmp_path, resize, size, shape):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    smooth = (rows * 3 + columns * 2 + 20).astype(np.uint8)
    pixels = np.dstack([smooth] * 3) if len(shape) == 3 else smooth
    path = tmp_path / "smooth.png"
    Image.fromarray(pixels).save(path)
    X = ImageFiles([path], size=size, resize=resize)
    other = Resize(size, resize=resize).fit_transform([pixels])
    assert X.shape == other.shape
    # of a window in the middle, one has fractions of a pixel
    difference = np.abs(np.asarray(X).astype(int) - other)
    assert np.median(difference) <= 1 and difference.max() <= 40


def test_sixteen_bits_are_padded(tmp_path):
    pixels = np.full((4, 8), 40_000, np.uint16)
    path = tmp_path / "deep.png"
    Image.fromarray(pixels).save(path)
    found = np.asarray(ImageFiles([path], size=8, resize="pad"))
    assert found.dtype == np.uint16 and (found == 40_000).all()


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"resize": "pad"}, "resize='pad'.*size is None"),
        ({"resize": "fit", "size": 8}, "resize='fit' must be"),
        ({"fill": "white", "size": 8}, "fill='white' must be a number"),
        ({"fill": np.nan, "size": 8}, "fill=nan must be a number"),
        ({"fill": 256, "size": 8, "resize": "pad"}, "fill=256 is no value"),
        ({"max_pixels": 0}, "max_pixels=0"),
    ],
)
def test_bad_parameters(wide, parameters, message):
    with pytest.raises(ValueError, match=message):
        ImageFiles([wide[0]], **parameters)


# --- limits ---------------------------------------------------------------------------


def test_a_limit_of_pixels_goes_along_to_other_processes(wide):
    path, _ = wide
    small = path.with_name("0.png")
    Image.new("RGB", (4, 4)).save(small)
    X = ImageFiles([small, path], size=4, max_pixels=799)
    with pytest.raises(ValueError, match=r"wide.png' cannot be read.*max_pixels=799"):
        pickle.loads(pickle.dumps(X)).check_files()
    X, _ = image_folder(path.parent.parent, size=4, max_pixels=800)
    X.check_files()
    reader = ImageReader(size=4, max_pixels=799)
    with pytest.raises(ValueError, match=r"40x20 pixels.*max_pixels=799"):
        reader.fit_transform([path])


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "gif"])
def test_a_limit_beyond_that_of_pillow(tmp_path, suffix, monkeypatch):
    path = tmp_path / f"image.{suffix}"
    Image.new("L", (30, 20), 50).save(path)
    expected = np.asarray(ImageFiles([path]))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 400)  # warns of up to twice as many
    with warnings.catch_warnings(), pytest.raises(ValueError, match="max_pixels if"):
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        ImageFiles([path])
    for source in (path, path.read_bytes()):
        found = ImageReader(max_pixels=600).fit_transform([source])
        np.testing.assert_array_equal(found, expected)
    with pytest.raises(ValueError, match="no image"):
        ImageReader(max_pixels=600).fit_transform([b"GIF89a"])
