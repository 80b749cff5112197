"""Image files of every kind, good and bad."""

import struct
import sys
import warnings
import zlib
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image, ImageOps

from sklearn_cnn.images import ImageFiles
from sklearn_cnn.images.decoding import decode as decode_as
from sklearn_cnn.images.reading import Reading, as_size, check_mode

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (6, 5), dtype=np.uint8)
COLOURS = RNG.integers(0, 256, (6, 5, 3), dtype=np.uint8)
DEEP = RNG.integers(0, 65_536, (6, 5), dtype=np.uint16)


def decode(source, size=None, mode=None, pages=None):
    return decode_as(source, Reading(size, mode, pages))


def saved(path, image, **options):
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(path, **options)
    return path


def png(width, height, depth=8, colour=0, pixels=b"", transparency=b""):
    """A PNG file with whatever header and pixels."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            chunk(b"tRNS", transparency) if transparency else b"",
            chunk(b"IDAT", zlib.compress(pixels)),
            chunk(b"IEND", b""),
        ]
    )


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "webp", "jp2"])
@pytest.mark.parametrize("image", [GREY, COLOURS], ids=["grey", "colours"])
def test_lossless_files_give_the_pixels_back(tmp_path, suffix, image):
    options = {"lossless": True} if suffix == "webp" else {}
    path = saved(tmp_path / f"image.{suffix}", image, **options)
    found = decode(path)
    expected = image
    if suffix == "webp" and image is GREY:  # WebP knows colours alone
        expected = np.stack([GREY] * 3, axis=-1)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.uint8


def test_a_path_its_bytes_and_an_image_are_the_same(tmp_path):
    path = saved(tmp_path / "image.png", COLOURS)
    for source in (path, str(path), path.read_bytes(), Image.fromarray(COLOURS)):
        np.testing.assert_array_equal(decode(source), COLOURS)


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_sixteen_bits_are_kept(tmp_path, suffix):
    path = saved(tmp_path / f"deep.{suffix}", DEEP)
    found = decode(path)
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, DEEP)
    # to 8 bits by the high byte, not by clipping
    np.testing.assert_array_equal(decode(path, mode="L"), DEEP >> 8)
    grey = np.stack([DEEP >> 8] * 3, axis=-1)
    np.testing.assert_array_equal(decode(path, mode="RGB"), grey)


def test_big_endian_tiff(tmp_path):
    path = saved(tmp_path / "big.tif", Image.fromarray(DEEP.astype(">u2")))
    np.testing.assert_array_equal(decode(path), DEEP)
    assert decode(path).dtype.isnative


def test_eight_bits_as_sixteen_keep_black_and_white(tmp_path):
    path = saved(tmp_path / "grey.png", np.array([[0, 128, 255]], np.uint8))
    assert decode(path, mode="I;16").tolist() == [[0, 128 * 257, 65_535]]


def test_sixteen_bit_images_are_resized_as_such(tmp_path):
    deep = np.repeat(np.repeat(DEEP, 4, axis=0), 4, axis=1)
    found = decode(saved(tmp_path / "deep.png", deep), size=(6, 5))
    assert found.dtype == np.uint16
    assert abs(found.astype(float).mean() - DEEP.mean()) < 0.02 * 65_535


def test_sixteen_bit_colours_are_not_cut_silently():
    pixels = b"".join(b"\0" + bytes(12) for _ in range(2))
    data = png(2, 2, depth=16, colour=2, pixels=pixels)
    with pytest.raises(ValueError, match=r"8 bits for each colour.*mode='RGB'"):
        decode(data)
    assert decode(data, mode="RGB").shape == (2, 2, 3)
    data = png(2, 2, depth=16, colour=2, pixels=pixels, transparency=bytes(6))
    with pytest.raises(ValueError, match="stands for transparent"):
        decode(data, mode="RGB")


@pytest.mark.parametrize("compression", [None, "deflate"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("planes", ["contig", "separate"])
def test_sixteen_bit_colours_of_tiff(tmp_path, compression, byteorder, planes):
    path = tmp_path / "deep.tif"
    colours = COLOURS if planes == "contig" else COLOURS.transpose(2, 0, 1)
    tifffile.imwrite(
        path,
        colours.astype(np.uint16) * 257,
        photometric="rgb",
        planarconfig=planes,
        compression=compression,
        byteorder=byteorder,
    )
    found = decode(path)
    assert found.dtype == np.uint16 and found.dtype.isnative
    np.testing.assert_array_equal(found, COLOURS.astype(np.uint16) * 257)
    if planes == "separate" and compression is None:
        with pytest.raises(ValueError, match=r"plane by plane.*another library"):
            decode(path, mode="RGB")
    else:
        np.testing.assert_array_equal(decode(path, mode="RGB"), COLOURS)


@pytest.mark.parametrize("largest", [1023, 65_535])
def test_sixteen_bit_colours_of_ppm(largest):
    pixels = (COLOURS / 255 * largest).round().astype(">u2")
    for data in (
        f"P6 5 6 {largest}\n".encode() + pixels.tobytes(),
        f"P3 5 6 {largest}\n{' '.join(map(str, pixels.ravel()))}\n".encode(),
    ):
        with pytest.raises(ValueError, match=r"8 bits for each colour.*mode='RGB'"):
            decode(data)
        np.testing.assert_array_equal(decode(data, mode="RGB"), COLOURS)


@pytest.mark.parametrize("no_jp2", [False, True])
def test_sixteen_bit_colours_of_jpeg_2000(tmp_path, no_jp2):
    path = saved(tmp_path / "image.jp2", COLOURS, no_jp2=no_jp2)
    np.testing.assert_array_equal(decode(Image.open(path)), COLOURS)
    data = bytearray(path.read_bytes())
    sizes = data.index(b"\xff\x4f\xff\x51") + 42
    assert data[sizes : sizes + 9 : 3] == b"\7\7\7"  # bits less one
    data[sizes : sizes + 9 : 3] = b"\17\17\17"
    path.write_bytes(data)
    for source in (path, bytes(data), Image.open(path)):
        with pytest.raises(ValueError, match=r"8 bits for each colour.*mode='RGB'"):
            decode(source)
        assert decode(source, mode="RGB").shape == COLOURS.shape


def test_eight_bits_of_ppm_and_tiff_are_kept(tmp_path):
    path = saved(tmp_path / "colours.ppm", COLOURS)
    np.testing.assert_array_equal(decode(path), COLOURS)
    planes = tmp_path / "planes.tif"
    tifffile.imwrite(
        planes, COLOURS.transpose(2, 0, 1), photometric="rgb", planarconfig="separate"
    )
    np.testing.assert_array_equal(decode(planes), COLOURS)


def test_bitmaps_of_sixteen_bits_for_all_colours_are_read():
    masks = (0xF800, 0x07E0, 0x001F)
    header = struct.pack("<IiiHHIIiiII", 40, 4, 1, 1, 16, 3, 8, 0, 0, 0, 0)
    data = struct.pack("<3I4H", *masks, *masks, 0xFFFF)
    start = struct.pack("<2sIHHI", b"BM", 14 + 40 + 20, 0, 0, 14 + 40 + 12)
    found = decode(start + header + data)
    primaries = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]
    assert found.dtype == np.uint8 and found[0].tolist() == primaries


@pytest.mark.parametrize(
    "pixels", [GREY.astype(np.float32) / 7 - 3, GREY.astype(np.int32) + 65_500]
)
def test_floats_and_integers_beyond_sixteen_bits_are_kept(tmp_path, pixels):
    path = saved(tmp_path / "wide.tif", Image.fromarray(pixels))
    found = decode(path)
    assert found.dtype == pixels.dtype
    np.testing.assert_array_equal(found, pixels)
    assert decode(path, (3, 2)).dtype == pixels.dtype
    with pytest.raises(ValueError, match=r"beyond 0 to 65,535.* for mode='L'"):
        decode(path, mode="L")


def test_pixels_that_are_nan_are_refused(tmp_path):
    pixels = np.full((3, 3), np.nan, np.float32)
    with pytest.raises(ValueError, match="pixels that are NaN or infinite"):
        decode(saved(tmp_path / "nan.tif", Image.fromarray(pixels)))


def test_integers_of_thirty_two_bits_that_fit_sixteen_have_these(tmp_path):
    fits = Image.fromarray(DEEP.astype(np.int32))
    np.testing.assert_array_equal(decode(saved(tmp_path / "fits.tif", fits)), DEEP)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_integers_of_unknown_white_are_not_cut_to_eight_bits(tmp_path, mode):
    for data in (GREY.astype(np.int32), DEEP.astype(np.int32)):
        image = Image.fromarray(data)
        for source in (image, saved(tmp_path / "wide.tif", image)):
            with pytest.raises(ValueError, match=r"32 bits, from \d+ to.*mode='I;16'"):
                decode(source, mode=mode)
            np.testing.assert_array_equal(decode(source, mode="I;16"), data)


def test_transparent_level_of_sixteen_bits():
    pixels = struct.pack(">x4H", 0, 1000, 1001, 65_535)
    data = png(4, 1, depth=16, pixels=pixels, transparency=struct.pack(">H", 1000))
    with pytest.raises(ValueError, match=r"transparent.*mode='I;16'.*mode='RGBA'"):
        decode(data)
    assert decode(data, mode="I;16").tolist() == [[0, 65_535, 1001, 65_535]]
    assert decode(data, mode="L").tolist() == [[0, 255, 3, 255]]
    assert decode(data, mode="RGB")[0, 1].tolist() == [255] * 3
    assert decode(data, mode="RGBA")[0, :, 3].tolist() == [255, 0, 255, 255]
    unused = png(4, 1, depth=16, pixels=pixels, transparency=struct.pack(">H", 7))
    assert decode(unused).tolist() == [[0, 1000, 1001, 65_535]]


def test_alpha_of_palettes_and_levels_is_kept_if_it_is_used(tmp_path):
    image = Image.fromarray(np.array([[0, 1], [2, 2]], np.uint8), mode=None)
    used = saved(tmp_path / "used.png", image, transparency=1)
    assert decode(used)[..., 3].tolist() == [[255, 0], [255, 255]]
    unused = saved(tmp_path / "unused.png", image, transparency=9)
    assert decode(unused).tolist() == [[0, 1], [2, 2]]
    palette = Image.fromarray(COLOURS).quantize(20)
    opaque = saved(tmp_path / "opaque.png", palette, transparency=b"\xff" * 20)
    np.testing.assert_array_equal(decode(opaque), np.asarray(palette.convert("RGB")))
    clear = saved(tmp_path / "clear.png", palette, transparency=b"\x80" * 20)
    assert (decode(clear)[..., 3] == 128).all()
    solid = saved(tmp_path / "solid.png", Image.new("RGBA", (2, 2), "red"))
    assert decode(solid).shape == (2, 2, 4)


def test_palette(tmp_path):
    image = Image.fromarray(COLOURS).quantize(200)
    path = saved(tmp_path / "palette.png", image)
    np.testing.assert_array_equal(decode(path), np.asarray(image.convert("RGB")))
    image.info["transparency"] = 0
    path = saved(tmp_path / "transparent.png", image, transparency=0)
    assert decode(path).shape == (6, 5, 4)


def test_black_and_white(tmp_path):
    path = saved(tmp_path / "bits.png", Image.fromarray(GREY > 100))
    np.testing.assert_array_equal(decode(path), np.where(GREY > 100, 255, 0))


def test_transparent_pixels_are_white_where_alpha_is_dropped(tmp_path):
    image = np.zeros((1, 3, 4), np.uint8)
    image[..., :3] = [10, 200, 30]
    image[0, :, 3] = [255, 0, 128]
    path = saved(tmp_path / "alpha.png", image)
    np.testing.assert_array_equal(decode(path), image)
    found = decode(path, mode="RGB")[0].astype(int)
    assert found[0].tolist() == [10, 200, 30] and found[1].tolist() == [255] * 3
    np.testing.assert_allclose(found[2], [132, 227, 142], atol=1)
    assert decode(path, mode="L")[0, 1] == 255


def test_grey_with_alpha(tmp_path):
    image = Image.fromarray(np.dstack([GREY, GREY[::-1]]), mode=None)
    path = saved(tmp_path / "la.png", image)
    found = decode(path)
    assert found.shape == (6, 5, 4)
    np.testing.assert_array_equal(found[..., 3], GREY[::-1])


def test_cmyk_jpeg(tmp_path):
    red = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    found = decode(saved(tmp_path / "cmyk.jpg", red, quality=95))
    assert found.shape == (16, 16, 3)
    np.testing.assert_allclose(found[8, 8], [255, 0, 0], atol=6)


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_exif_orientation(tmp_path, suffix):
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:8, :8] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held turned: rotate by 270 degrees to see it
    path = tmp_path / f"turned.{suffix}"
    saved(path, np.rot90(upright).copy(), exif=exif)
    found = decode(path)
    assert found.shape == upright.shape
    np.testing.assert_allclose(found, upright, atol=3)
    assert decode(path, size=(8, 16)).shape == (8, 16, 3)


@pytest.mark.parametrize("orientation", range(10))
def test_every_orientation_is_that_of_pillow(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path / "turned.png", COLOURS, exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(path)))
    np.testing.assert_array_equal(decode(path), expected)


@pytest.mark.parametrize("suffix", ["png", "webp", "jpg"])
def test_corrupt_exif_is_no_broken_image(tmp_path, suffix):
    options = {} if suffix == "jpg" else {"lossless": True}
    for exif in (b"Exif\0\0garbage!", b"garbage", b"Exif\0\0MM"):
        path = saved(tmp_path / f"image.{suffix}", COLOURS, exif=exif, **options)
        assert decode(path).shape == COLOURS.shape


def test_corrupt_exif_beside_the_orientation_is_left_alone(tmp_path):
    orientation = struct.pack(">HHIHxx", 0x0112, 3, 1, 6)
    resolution = struct.pack(">HHIB3x", 0x011A, 1, 1, 72)  # a byte, not a fraction
    directory = struct.pack(">IH", 8, 2) + orientation + resolution + bytes(4)
    exif = b"Exif\0\0MM\0*" + directory
    path = saved(tmp_path / "turned.png", COLOURS, exif=exif)
    np.testing.assert_array_equal(decode(path), np.rot90(COLOURS, -1))


def test_resizing_is_that_of_pillow(tmp_path):
    image = Image.fromarray(RNG.integers(0, 256, (40, 30, 3), dtype=np.uint8))
    expected = np.asarray(image.resize((12, 10), Image.Resampling.BILINEAR))
    found = decode(saved(tmp_path / "image.png", image), size=(10, 12))
    np.testing.assert_array_equal(found, expected)


def test_large_jpeg_is_read_at_a_smaller_scale_alike(tmp_path):
    image = Image.fromarray(COLOURS).resize((512, 400), Image.Resampling.BICUBIC)
    path = saved(tmp_path / "large.jpg", image, quality=95)
    expected = Image.open(path).resize((32, 32), Image.Resampling.BILINEAR)
    difference = decode(path, size=(32, 32)).astype(int) - np.asarray(expected)
    assert np.abs(difference).mean() < 1.5


def test_images_that_are_lent_keep_their_size(tmp_path):
    image = Image.fromarray(COLOURS).resize((512, 512), Image.Resampling.BICUBIC)
    path = saved(tmp_path / "large.jpg", image, quality=95)
    lent = Image.open(path)
    assert decode(lent, size=(8, 8)).shape == (8, 8, 3)
    assert lent.size == (512, 512)
    np.testing.assert_array_equal(decode(lent), decode(path))


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("image", [GREY, COLOURS, DEEP], ids=["L", "RGB", "I;16"])
def test_every_mode_from_every_kind(image, mode):
    found = decode(Image.fromarray(image), mode=mode)
    channels = {"RGB": (3,), "RGBA": (4,)}.get(mode, ())
    assert found.shape == (6, 5, *channels)
    assert found.dtype == (np.uint16 if mode == "I;16" else np.uint8)


# --- bad files ------------------------------------------------------------------------


def bomb(side):
    return png(side, side, pixels=b"\0")


def bad_files(folder):
    """Files that cannot be read, with what is said of them."""
    jpeg, tiff = BytesIO(), BytesIO()
    big = Image.fromarray(RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    big.save(jpeg, "JPEG")
    big.save(tiff, "TIFF", compression="tiff_lzw")
    contents = {
        "empty.png": (b"", "is empty"),
        "text.png": (b"not an image at all", "no image"),
        "truncated.jpg": (jpeg.getvalue()[:-900], "truncated"),
        "header.jpg": (jpeg.getvalue()[:20], "."),
        "truncated.tif": (tiff.getvalue()[:200], "."),
        "nothing.png": (png(0, 0), "no pixels"),
        "bomb.png": (bomb(30_000), "decompression bomb"),
        "small_bomb.png": (bomb(10_000), "decompression bomb"),
        "wide.png": (png(65_000, 1, pixels=bytes(65_001)), "32768 along a side"),
        "cut.png": (png(60, 60, pixels=bytes(100)), "."),
        "postscript.png": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no"),
    }
    for name, (data, reason) in contents.items():
        (folder / name).write_bytes(data)
        yield folder / name, reason
    yield folder / "missing.png", "No such file"
    yield folder, "not a file"


@pytest.mark.parametrize("number", range(13))
def test_bad_files_are_named_with_the_reason(tmp_path, number):
    path, reason = list(bad_files(tmp_path))[number]
    for source in (path, str(path)):
        with pytest.raises(ValueError, match=reason) as caught:
            decode(source)
        assert repr(str(path)) in str(caught.value)


def test_bad_bytes_and_objects():
    for source, reason in (
        (b"", "no bytes"),
        (b"GIF", "no image"),
        (Image.new("L", (0, 0)), "0x0 pixels"),
        (float("nan"), "nan cannot be read .* neither a path"),
        (None, "neither a path"),
        ("a\0b", "null"),
    ):
        with pytest.raises(ValueError, match=reason):
            decode(source)


def test_a_jpeg_named_png_is_a_jpeg(tmp_path):
    path = tmp_path / "image.png"
    saved(path, COLOURS, format="JPEG")
    assert decode(path).shape == (6, 5, 3)


def test_warnings_filters_are_left_alone(tmp_path):
    before = list(warnings.filters)
    with pytest.raises(ValueError, match="bomb"):
        decode(bomb(10_000))
    assert warnings.filters == before


def test_sizes():
    assert as_size(None) is None
    assert as_size(8) == as_size([8, 8]) == as_size(np.array([8, 8]).tolist()) == (8, 8)
    for size in (
        0,
        -1,
        (8,),
        (8, 0),
        (8, 8.5),
        "8",
        (8, 8, 3),
        40_000,
        True,
        (8, True),
    ):
        with pytest.raises(ValueError, match=r"size=.*\(height, width\)"):
            as_size(size)


def test_modes():
    assert check_mode("L") == "L" and check_mode(None) is None
    with pytest.raises(ValueError, match="mode='grey' must be one of 'L'"):
        check_mode("grey")


def tiff(pixels, **options):
    file = BytesIO()
    tifffile.imwrite(file, pixels, **options)
    return file.getvalue()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_white_is_the_highest_value_however_many_bits(dtype):
    image = RNG.integers(np.iinfo(dtype).max, size=(6, 5), dtype=dtype)
    found = decode(tiff(image, photometric="miniswhite"))
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, np.iinfo(dtype).max - image)


@pytest.mark.parametrize(
    "value, dtype", [(3_000_000_000, np.uint32), (-5, np.int8), (100, np.int8)]
)
@pytest.mark.parametrize("mode", [None, "L", "I;16"])
def test_values_that_pillow_takes_for_others_are_refused(value, dtype, mode):
    data = tiff(np.full((6, 5), value, dtype))
    with pytest.raises(ValueError, match=f"pixels are {dtype.__name__}.*tifffile"):
        decode(data, mode=mode)


def test_integers_that_pillow_reads_stay_what_they_are():
    image = np.arange(-15, 15).reshape(6, 5)
    np.testing.assert_array_equal(decode(tiff(image.astype(np.int16))), image)
    np.testing.assert_array_equal(decode(tiff((image + 99).astype("u4"))), image + 99)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("planes", ["contig", "separate"])
@pytest.mark.parametrize(
    "photometric, n_channels",
    [("rgb", n) for n in (3, 4, 5, 13)] + [("minisblack", n) for n in (2, 3, 4, 5, 13)],
)
def test_all_bands_of_tiff_are_read(dtype, byteorder, n_channels, planes, photometric):
    image = RNG.integers(np.iinfo(dtype).max, size=(6, 5, n_channels), dtype=dtype)
    stored = image if planes == "contig" else np.moveaxis(image, -1, 0)
    data = tiff(
        stored, photometric=photometric, planarconfig=planes, byteorder=byteorder
    )
    found = decode(data)
    assert found.dtype == dtype and found.dtype.isnative
    np.testing.assert_array_equal(found, image)
    assert decode(data, size=(3, 4)).shape == (3, 4, n_channels)
    if photometric == "minisblack":
        with pytest.raises(ValueError, match=r"nobody knows which.*Leave out mode"):
            decode(data, mode="L")


def test_bands_are_turned_upright_and_resized_as_one_by_one():
    bands = RNG.integers(256, size=(8, 6, 5), dtype=np.uint8)
    for orientation in range(1, 9):
        exif = [(274, 3, 1, orientation, True)]
        data = tiff(bands, extratags=exif, planarconfig="contig", photometric=1)
        single = tiff(bands[..., 0], extratags=exif)
        for size in (None, (4, 7)):
            found = decode(data, size=size)
            assert found.shape[2] == 5
            np.testing.assert_array_equal(found[..., 0], decode(single, size=size))


def test_without_tifffile_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "tifffile", None)
    for n_channels in (2, 5):
        data = tiff(
            np.zeros((6, 5, n_channels), np.uint8), photometric=1, planarconfig="contig"
        )
        with pytest.raises(ValueError, match=r"pip install 'sklearn_cnn\[tiff\]'"):
            decode(data)


def test_what_tiff_holds_beyond_sixteen_bits_is_refused():
    for dtype in (np.float32, np.int16, np.uint32):
        data = tiff(np.zeros((6, 5, 4), dtype), planarconfig="contig", photometric=1)
        with pytest.raises(ValueError, match=r"pixels are .*tifffile\.imread"):
            decode(data)


def test_pillow_images_of_files_with_more_bands_name_the_path():
    data = tiff(COLOURS[..., [0, 1, 2, 0]], photometric="rgb", extrasamples=[0])
    with pytest.raises(ValueError, match="Pass the path"):
        decode(Image.open(BytesIO(data)))


def animation(kind):
    frames = [Image.fromarray(np.full((6, 5, 3), 60 * i, np.uint8)) for i in range(4)]
    file = BytesIO()
    options = {"lossless": True} if kind == "WEBP" else {}
    frames[0].save(file, kind, save_all=True, append_images=frames[1:], **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["TIFF", "GIF", "PNG", "WEBP"])
def test_pages_are_not_dropped(kind):
    data = animation(kind)
    # Pillow reads an APNG on from its first page once alone
    for source in (lambda: data, lambda: Image.open(BytesIO(data))):
        with pytest.raises(ValueError, match=r"4 pages.*'channels'.*'depth'.*pages=0"):
            decode(source())
        assert decode(source(), mode="RGB", pages=2).tolist() == [[[120] * 3] * 5] * 6
        volume = decode(source(), mode="L", pages="depth")
        assert volume.shape == (4, 6, 5)
        assert volume[:, 0, 0].tolist() == [0, 60, 120, 180]
        stacked = decode(source(), size=(3, 2), mode="L", pages="channels")
        assert stacked[0, 0].tolist() == [0, 60, 120, 180]
        with pytest.raises(ValueError, match=r"4 page\(s\), and none of pages=4"):
            decode(source(), pages=4)
    lent = Image.open(BytesIO(data))
    decode(lent, mode="L", pages="depth")
    assert lent.tell() == 0


def test_pages_of_sixteen_bits_and_of_several_bands():
    stack = RNG.integers(65_536, size=(3, 6, 5), dtype=np.uint16)
    data = tiff(stack, photometric="minisblack", ome=True, metadata={"axes": "CYX"})
    found = decode(data, pages="channels")
    np.testing.assert_array_equal(found, np.moveaxis(stack, 0, -1))
    bands = RNG.integers(256, size=(3, 6, 5, 7), dtype=np.uint8)
    data = tiff(bands, photometric="minisblack", planarconfig="contig")
    np.testing.assert_array_equal(decode(data, pages="depth"), bands)
    with pytest.raises(ValueError, match="3 pages"):
        decode(data)


def test_overviews_and_masks_are_no_pages():
    file = BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(GREY)
        writer.write(GREY[::2, ::2], subfiletype=1)
        writer.write(GREY > 99, subfiletype=4, photometric=1)
    np.testing.assert_array_equal(decode(file.getvalue()), GREY)


def test_pages_that_differ():
    file = BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(GREY)
        writer.write(GREY[:4])
    with pytest.raises(ValueError, match=r"pages differ.*size and mode"):
        decode(file.getvalue(), pages="channels")
    assert decode(file.getvalue(), pages=1).shape == (4, 5)


def test_the_second_picture_of_a_photograph_is_no_page():
    file = BytesIO()
    image = Image.fromarray(COLOURS)
    image.save(file, "MPO", save_all=True, append_images=[image])
    assert decode(file.getvalue()).shape == (6, 5, 3)


def test_stacks_of_imagej_in_one_page():
    data = tiff(GREY, description="ImageJ=1.53\nimages=9\nslices=9\n", metadata=None)
    with pytest.raises(ValueError, match="stack of ImageJ with 9 pages"):
        decode(data)


def test_twelve_bits_in_sixteen_are_not_black():
    twelve = DEEP >> 4
    with pytest.warns(UserWarning, match="no value above 4,095.*mode='I;16'"):
        decode(tiff(twelve), mode="L")
    declared = tiff(twelve, extratags=[(281, 3, 1, 4095, True)])
    np.testing.assert_array_equal(decode(declared, mode="L"), twelve >> 4)
    np.testing.assert_array_equal(decode(declared), twelve)
    colours = np.dstack([twelve] * 3)
    with pytest.warns(UserWarning, match="few levels"):
        decode(tiff(colours, photometric="rgb"), mode="RGB")


@pytest.mark.parametrize("name", ["mode", "pages"])
@pytest.mark.parametrize("value", [pd.NA, ["L"], "x" * 5000])
def test_other_values_of_mode_and_pages_are_named_in_few_words(name, value, tmp_path):
    path = saved(tmp_path / "grey.png", GREY)
    check = {"mode": check_mode, "pages": lambda pages: ImageFiles([path], pages=pages)}
    with pytest.raises(ValueError, match=f"{name}=") as caught:
        check[name](value)
    assert len(str(caught.value)) < 1000
