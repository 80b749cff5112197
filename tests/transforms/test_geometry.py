"""Images of another size are those of torchvision, and of scikit-image."""

import numpy as np
import pandas as pd
import pytest
import torch
from skimage import transform
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional

from sklearn_cnn import CNNClassifier
from sklearn_cnn.transforms import CenterCrop, Flatten, Pad, Resize

MODES = {
    "nearest": InterpolationMode.NEAREST_EXACT,
    "bilinear": InterpolationMode.BILINEAR,
    "bicubic": InterpolationMode.BICUBIC,
}


def by_torchvision(function, images, *args, **parameters):
    tensor = torch.from_numpy(np.moveaxis(images, -1, 1).copy())
    return np.moveaxis(function(tensor, *args, **parameters).numpy(), 1, -1)


@pytest.mark.parametrize("size", [(20, 30), (150, 90), (107, 160)])
@pytest.mark.parametrize("mode", list(MODES))
@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_resize_is_that_of_torchvision(photos, size, mode, antialias, dtype):
    X = photos.astype(dtype)
    found = Resize(size, interpolation=mode, antialias=antialias).fit_transform(X)
    expected = by_torchvision(
        functional.resize, X, size, interpolation=MODES[mode], antialias=antialias
    )
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("n_channels", [1, 3, 13])
@pytest.mark.parametrize("size", [(1, 1), (5, 1), (1, 5), (5, 5)])
def test_grey_levels_are_rounded_whatever_is_left(photos, n_channels, size):
    X = np.resize(photos, (2, 60, 70, n_channels))
    exact = Resize(size).fit_transform(X.astype(np.float64))
    found = Resize(size).fit_transform(X)
    assert found.dtype == np.uint8
    assert np.abs(found - exact).max() < 1 + 1e-6


@pytest.mark.parametrize("n_channels", [1, 2, 4, 13])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_resize_of_any_number_of_channels(photos, n_channels, dtype):
    X = np.resize(photos[..., :1], (2, 107, 160, 1)) + np.arange(n_channels)
    X = X.astype(dtype)
    found = Resize((40, 50)).fit_transform(X)
    single = [Resize((40, 50)).fit_transform(X[..., i]) for i in range(n_channels)]
    np.testing.assert_allclose(found, np.stack(single, axis=-1), rtol=1e-5)


@pytest.mark.parametrize("n_samples", [1, 3])
@pytest.mark.parametrize("size", [(4, 1), (1, 4), (5, 8)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_images_of_one_pixel_across(n_samples, size, dtype):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, size=(n_samples, 30, 1, 5)).astype(dtype)
    single = [Resize(size).fit_transform(X[..., [i]].astype(float)) for i in range(5)]
    found = Resize(size).fit_transform(X)
    np.testing.assert_allclose(found, np.concatenate(single, axis=-1), atol=1 + 1e-6)


@pytest.mark.parametrize("size", [(150, 200), (107, 300)])
def test_enlarging_is_that_of_scikit_image(photos, size):
    found = Resize(size).fit_transform(photos.astype(np.float64))
    expected = transform.resize(
        photos, (2, *size, 3), order=1, mode="edge", preserve_range=True
    )
    np.testing.assert_allclose(found, expected, atol=1e-9)
    rounded = Resize(size).fit_transform(photos)
    assert np.abs(rounded - expected).max() < 1 + 1e-6


def test_shrinking_is_close_to_that_of_scikit_image(photos):
    # a triangle there, a Gaussian here: not the same, but no aliasing in either
    found = Resize((27, 40)).fit_transform(photos.astype(np.float64))
    smooth = transform.resize(
        photos, (2, 27, 40, 3), anti_aliasing=True, preserve_range=True
    )
    aliased = Resize((27, 40), antialias=False).fit_transform(photos.astype(float))
    assert np.abs(found - smooth).mean() < np.abs(aliased - smooth).mean() / 3


@pytest.mark.parametrize("mode", list(MODES))
@pytest.mark.parametrize("dtype", ["uint16", "int16", "int32", "uint32", "float16"])
def test_other_numbers_are_rounded_once_and_keep_their_range(photos, mode, dtype):
    X = np.where(photos > 127, 65_000 if dtype == "uint16" else 30_000, 0)
    if dtype == "float16":
        X = X / 1000
    resize = Resize((150, 40), interpolation=mode)
    found = resize.fit_transform(X.astype(dtype))
    exact = resize.fit_transform(X.astype(np.float64))
    assert found.dtype == dtype
    if dtype == "float16":
        np.testing.assert_array_equal(found, exact.astype(dtype))
    else:
        limits = np.iinfo(dtype)
        np.testing.assert_array_equal(
            found, np.rint(exact).clip(limits.min, limits.max)
        )


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "uint64"])
@pytest.mark.parametrize("mode", list(MODES))
@pytest.mark.parametrize("spatial_dims", [1, 2, 3])
def test_the_largest_and_smallest_integers_stay_what_they_are(
    dtype, mode, spatial_dims
):
    resize = Resize(5, interpolation=mode, spatial_dims=spatial_dims)
    for value in (np.iinfo(dtype).min, np.iinfo(dtype).max):
        X = np.full((2, *[8] * spatial_dims), value, dtype)
        found = resize.fit_transform(X)
        assert found.dtype == dtype
        np.testing.assert_allclose(found.astype(float), float(value), rtol=1e-15)


def test_nearest_copies_integers_that_floats_do_not_hold():
    labels = 2**62 + np.arange(16).reshape(1, 4, 4)
    found = Resize(2, interpolation="nearest").fit_transform(labels)
    np.testing.assert_array_equal(found, labels[:, 1::2, 1::2])


@pytest.mark.parametrize("n_lines", [30, 128, 224])
def test_nearest_chooses_as_torchvision_between_two_pixels(n_lines):
    ramp = np.arange(n_lines)[None, :, None, None]
    for dtype in (np.uint8, np.float32, np.float64):
        X = ramp.astype(dtype)
        for size in (90, 230, 237, 249, 332, 365):
            found = Resize((size, 1), interpolation="nearest").fit_transform(X)
            expected = by_torchvision(
                functional.resize, X, (size, 1), interpolation=MODES["nearest"]
            )
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_overshoot_beyond_the_range_of_floats_is_an_error(dtype):
    X = np.zeros((1, 8, 8), dtype)
    X[:, :, 4:] = np.finfo(dtype).max
    with pytest.raises(ValueError, match="resized values of X are beyond the range of"):
        Resize(16, interpolation="bicubic").fit(X)
    assert Resize(16, interpolation="nearest").fit_transform(X).max() == X.max()


def test_masks_are_averaged_as_fractions_or_copied(photos):
    masks = photos[..., 0] > 100
    halves = Resize((50, 80)).fit_transform(masks)
    assert halves.dtype == np.float32
    np.testing.assert_allclose([halves.min(), halves.max()], [0, 1], rtol=1e-6)
    copied = Resize((50, 80), interpolation="nearest").fit_transform(masks)
    assert copied.dtype == bool


def test_signals_and_volumes_are_interpolated_along_every_axis():
    ramp = np.arange(8.0)
    doubled = np.concatenate([[0], np.arange(0.25, 7, 0.5), [7]])
    signals = Resize(16).fit_transform(np.stack([ramp, 2 * ramp]))
    np.testing.assert_allclose(signals, np.stack([doubled, 2 * doubled]))
    volume = ramp[:, None, None] + 10 * ramp[:, None] + 100 * ramp
    found = Resize(16, spatial_dims=3).fit_transform(volume[None])
    expected = doubled[:, None, None] + 10 * doubled[:, None] + 100 * doubled
    np.testing.assert_allclose(found[0], expected)
    rounded = Resize(16, spatial_dims=3).fit_transform(volume[None].astype(np.uint16))
    np.testing.assert_array_equal(rounded[0], np.rint(expected))


def test_small_volumes_are_rounded_once():
    volume = np.random.default_rng(0).integers(0, 255, size=(2, 6, 7, 8, 2))
    exact = Resize(5).fit_transform(volume.astype(np.float64))
    found = Resize(5).fit_transform(volume.astype(np.uint8))
    assert np.abs(found - exact).max() < 0.5 + 1e-4


@pytest.mark.parametrize("size", [(100, 100), (101, 33), (107, 160), (1, 1)])
def test_center_crop_is_that_of_torchvision(photos, size):
    expected = by_torchvision(functional.center_crop, photos, size)
    np.testing.assert_array_equal(CenterCrop(size).fit_transform(photos), expected)
    odd = photos[:, 1:, 1:]
    size = tuple(np.minimum(size, odd.shape[1:3]).tolist())
    expected = by_torchvision(functional.center_crop, odd, size)
    np.testing.assert_array_equal(CenterCrop(size).fit_transform(odd), expected)


def test_an_integer_is_every_axis(photos):
    assert CenterCrop(64).fit_transform(photos).shape == (2, 64, 64, 3)
    assert Resize(64).fit_transform(photos).shape == (2, 64, 64, 3)


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric"])
def test_pad_is_that_of_torchvision(photos, mode):
    X = photos.astype(np.float32)
    # left, top, right, bottom
    expected = by_torchvision(functional.pad, X, [3, 1, 4, 2], padding_mode=mode)
    pad = Pad([(1, 2), (3, 4)], padding_mode=mode)
    np.testing.assert_array_equal(pad.fit_transform(X), expected)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.float32])
def test_pad_fills_in_every_dtype(dtype):
    X = np.zeros((2, 3, 4), dtype)
    found = Pad((2, 1), fill=1).fit_transform(X)
    assert found.dtype == dtype and found.shape == (2, 7, 6)
    assert found.sum() == 2 * (7 * 6 - 3 * 4)


def test_channels_first_is_the_same_with_its_axes_moved(photos):
    first = np.moveaxis(photos, -1, 1)
    for Step, argument in ((Resize, (30, 50)), (CenterCrop, (30, 50)), (Pad, (3, 5))):
        found = Step(argument, data_format="channels_first").fit_transform(first)
        expected = np.moveaxis(Step(argument).fit_transform(photos), -1, 1)
        np.testing.assert_array_equal(found, expected)


def test_pieces_of_an_array_are_those_of_the_whole(photos):
    X = np.tile(photos, (20, 1, 1, 1))
    found = Resize((33, 55)).fit_transform(X)
    np.testing.assert_array_equal(found[-2:], Resize((33, 55)).fit_transform(photos))


def test_an_unfitted_step_takes_any_size_and_a_fitted_one_its_own(photos):
    resize = Resize(16)
    assert resize.transform(photos).shape == resize.transform(photos[:, 9:]).shape
    assert not hasattr(resize, "input_shape_")
    resize.fit(photos)
    with pytest.raises(ValueError, match=r"fitted on shape \(107, 160, 3\)"):
        resize.transform(photos[:, 9:])


@pytest.mark.parametrize(
    "step, message",
    [
        (Resize(0), "size=0 must be an integer of at least 1"),
        (Resize((16, 0)), r"size=\(16, 0\) must be an integer of at least 1"),
        (Resize((16, 1.5)), r"size=\(16, 1.5\) must be"),
        (Resize((16, 16, 16)), "has 3 entries, but the samples of X have 2"),
        (Resize(True), "size=True must be an integer of at least 1"),
        (Resize((True, 3)), r"size=\(True, 3\) must be an integer"),
        (Resize(np.array(3)), r"size=array\(3\) must be an integer"),
        (CenterCrop(True), "size=True must be an integer"),
        (CenterCrop(np.array(3)), r"size=array\(3\) must be an integer"),
        (Pad(True), "padding=True must be an integer of at least 0"),
        (Pad([(False, 1), (1, 1)]), "must be an integer of at least 0"),
        (Pad(np.array(3)), r"padding=array\(3\) must be an integer"),
        (Pad([np.array(3), np.array(3)]), r"padding=\[.* must be an integer"),
        (Resize(1.5), "The 'size' parameter of Resize"),
        (Resize(8, interpolation="cubic"), "'interpolation' parameter"),
        (CenterCrop(161), r"size=\(161, 161\) is larger than .* \(107, 160\)"),
        (CenterCrop(-1), "size=-1 must be an integer of at least 1"),
        (Pad(-1), "padding=-1 must be an integer of at least 0"),
        (Pad((1, -2)), r"padding=\(1, -2\) must be"),
        (Pad([(1, 2, 3), (1, 2, 3)]), "two entries for each axis"),
        (Pad([(1, 2)]), "has 1 entries, but the samples of X have 2"),
        (Pad(1, fill=256), "fill=256 cannot be a value of X, which has dtype uint8"),
        (Pad(1, fill=-1), "fill=-1"),
        (Pad(1, fill=2**70), "fill=1180591620717411303424 cannot be"),
        (Pad(1, fill=0.5), "fill=0.5"),
        (Pad(1, fill=float("nan")), "fill=nan"),
        (Pad(1, padding_mode="same"), "'padding_mode' parameter"),
    ],
)
def test_bad_parameters_are_named_at_fit_and_without_one(photos, step, message):
    for method in (step.fit, step.transform):
        with pytest.raises(ValueError, match=message):
            method(photos)
    assert not hasattr(step, "n_features_in_")


def test_a_parameter_changed_after_the_fit_is_checked(photos):
    with pytest.raises(ValueError, match="size=0"):
        Resize(8).fit(photos).set_params(size=0).transform(photos)


def test_flat_images_are_pointed_out():
    with pytest.warns(UserWarning, match=r"Unflatten\(\(8, 8\)\) before this step"):
        CenterCrop(4).fit(np.zeros((3, 64)))


# --- images of several sizes ----------------------------------------------------------

SIZES = [(9, 9), (7, 7), (12, 8), (7, 7)]


def ragged(channels=(), dtype=np.uint8):
    rng = np.random.default_rng(0)
    return [rng.integers(256, size=(*size, *channels)).astype(dtype) for size in SIZES]


def ragged_forms(images):
    objects = np.empty(len(images), object)
    objects[:] = images
    tensors = [torch.as_tensor(image) for image in images]
    series = pd.Series(images)
    return images, tuple(images), objects, tensors, series, pd.DataFrame({"x": series})


@pytest.mark.parametrize("step", [Resize(8), CenterCrop(6)])
@pytest.mark.parametrize("channels", [(), (3,)])
@pytest.mark.parametrize("form", range(6))
def test_images_of_several_sizes_are_taken(step, channels, form):
    images = ragged(channels)
    X = ragged_forms(images)[form]
    expected = np.concatenate([clone(step).fit_transform(i[None]) for i in images])
    fitted = clone(step).fit(X)
    for found in (fitted.transform(X), clone(step).transform(X)):
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, expected)
    n_channels = channels[0] if channels else 1
    assert fitted.input_shape_ == (None, None, n_channels)
    # what is left over may be of any size, and of one alone
    other = np.ones((2, 10, 11, *channels), np.uint8)
    assert len(fitted.transform(other)) == 2
    if not channels:
        coloured = np.ones((2, 10, 11, 3), np.uint8)
        with pytest.raises(ValueError, match="fitted on shape"):
            fitted.transform(coloured)


def test_sizes_that_a_step_leaves_are_told():
    with pytest.raises(ValueError, match=r"Pad leaves them so.*Resize"):
        Pad(1).fit_transform(ragged())
    with pytest.raises(ValueError, match=r"1 and 3 channels.*Grayscale"):
        Resize(8).fit([np.ones((4, 4, 1)), np.ones((5, 5, 3))])
    for grey in (np.ones((4, 4)), np.ones((4, 4, 1))):
        for X in ([grey, np.ones((4, 4, 3))], [np.ones((4, 4, 3)), grey]):
            with pytest.raises(ValueError, match=r"number of channels.*Grayscale"):
                Flatten().fit(X)
    with pytest.raises(ValueError, match=r"different shapes.*Resize"):
        Flatten().fit(ragged())
    step = Resize(8).fit(np.ones((2, 9, 9)))
    with pytest.raises(ValueError, match="fitted on shape"):
        step.transform(ragged())
    with pytest.raises(ValueError, match="NaN"):
        Resize(8).fit([np.full((4, 4), np.nan), np.ones((5, 5))])


def test_images_of_several_sizes_in_a_pipeline():
    y = np.arange(4) % 2
    pipeline = make_pipeline(
        Resize(8), CNNClassifier(filters=(4,), max_iter=1, random_state=0)
    )
    X = ragged((3,))
    assert pipeline.fit(X, y).predict(X[1:2]).shape == (1,)
    assert pipeline.predict(pd.Series(X, index=[*"dcba"])).shape == (4,)


@pytest.mark.parametrize(
    "step", [Resize(2**40), Resize((2**30, 1)), Pad(10**6), Pad(10**400)]
)
def test_images_that_no_memory_holds_are_not_begun(step):
    name = "size" if isinstance(step, Resize) else "padding"
    with pytest.raises(ValueError, match=f"{name}=.* makes images of more than"):
        step.fit(np.zeros((2, 4, 4)))


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_padding_keeps_the_ratio_and_goes_on_with_the_border(photos, data_format):
    options = {"data_format": data_format}
    axis = -1 if data_format == "channels_last" else 1
    X = np.moveaxis(photos[:, :80], -1, axis)
    step = Resize((50, 40), resize="pad", **options)
    found = np.moveaxis(step.fit_transform(X), axis, -1)
    inner = Resize((20, 40), **options).fit_transform(X)
    inner = np.moveaxis(inner, axis, -1)
    np.testing.assert_array_equal(found[:, 15:35], inner)
    edges = [inner[:, 0], inner[:, -1], inner[:, 1:-1, 0], inner[:, 1:-1, -1]]
    medians = np.quantile(np.concatenate(edges, 1), 0.5, axis=1, method="lower")
    expected = np.broadcast_to(medians[:, None, None], found[:, :15].shape)
    np.testing.assert_array_equal(found[:, :15], expected)
    np.testing.assert_array_equal(found[:, 35:], expected)
    found = np.moveaxis(clone(step).set_params(fill=9).fit_transform(X), axis, -1)
    np.testing.assert_array_equal(found[:, 15:35], inner)
    assert (found[:, :15] == 9).all() and (found[:, 35:] == 9).all()


def test_cropping_keeps_the_ratio_and_the_middle(photos):
    found = Resize((30, 20), resize="crop").fit_transform(photos[:, :80])
    whole = Resize((30, 60)).fit_transform(photos[:, :80])
    np.testing.assert_array_equal(found, CenterCrop((30, 20)).fit_transform(whole))


def test_volumes_and_several_sizes_keep_their_ratios(photos):
    volumes = np.random.default_rng(0).random((2, 4, 8, 16))
    found = Resize(8, resize="pad", spatial_dims=3).fit_transform(volumes)
    assert found.shape == (2, 8, 8, 8) and (found[:, 3:5, 2:6] > 0).all()
    several = [photos[0], photos[0][:60, ::2]]
    found = Resize(32, resize="pad").fit_transform(several)
    for image, one in zip(several, found, strict=True):
        alone = Resize(32, resize="pad").fit_transform(image[None])
        np.testing.assert_array_equal(one, alone[0])


def test_a_fill_that_the_images_cannot_hold_is_named(photos):
    with pytest.raises(ValueError, match=r"fill=300 cannot be a value of X"):
        Resize(32, resize="pad", fill=300).fit_transform(photos)
    with pytest.raises(ValueError, match="'fill' parameter"):
        Resize(32, resize="pad", fill="white").fit_transform(photos)
