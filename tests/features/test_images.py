from __future__ import annotations

import io
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from askattend.errors import ImageError
from askattend.features.images import GREYS, open_image, resize

ORIENTATION = 0x0112


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def pixels(image: Image.Image) -> npt.NDArray[np.uint8]:
    return np.asarray(image)


def ramp(rows: int = 4, columns: int = 6) -> npt.NDArray[np.uint8]:
    return np.arange(rows * columns * 3, dtype=np.uint8).reshape(rows, columns, 3)


@pytest.mark.parametrize(
    "mode", ["1", "L", "P", "LA", "La", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV"]
)
def test_every_mode_becomes_rgb(mode: str) -> None:
    image = Image.new(mode, (5, 3))
    assert open_image(image).mode == "RGB"
    assert open_image(image).size == (5, 3)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK", "YCbCr", "P", "1"])
def test_white_stays_white_and_black_black(mode: str) -> None:
    for colour in (0, 255):
        plain = Image.new("RGB", (4, 4), (colour,) * 3)
        assert (pixels(open_image(plain.convert(mode))) == colour).all()


def test_an_rgb_png_keeps_every_pixel(tmp_path: Path) -> None:
    Image.fromarray(ramp()).save(tmp_path / "a.png")
    for source in (tmp_path / "a.png", str(tmp_path / "a.png"), (tmp_path / "a.png").read_bytes()):
        assert (pixels(open_image(source)) == ramp()).all()


@given(arrays.arrays(np.uint8, (3, 4, 4)))
def test_alpha_lies_on_white(rgba: npt.NDArray[np.uint8]) -> None:
    colour, alpha = rgba[..., :3].astype(float), rgba[..., 3:] / 255
    expected = colour * alpha + 255 * (1 - alpha)
    for source in (rgba, encoded(Image.fromarray(rgba))):
        assert np.abs(pixels(open_image(source)) - expected).max() <= 1


def test_a_palette_may_have_a_transparent_colour() -> None:
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.putdata([0, 1])
    shown = open_image(encoded(palette, transparency=0))
    assert pixels(shown).tolist() == [[[255, 255, 255], [40, 50, 60]]]


def test_grey_may_have_a_transparent_value() -> None:
    grey = Image.fromarray(np.array([[7, 9]], dtype=np.uint8))
    assert pixels(open_image(encoded(grey, transparency=7)))[0, :, 0].tolist() == [255, 9]


@given(arrays.arrays(np.uint16, (2, 3)))
def test_16_bit_grey_is_scaled_not_clipped(values: npt.NDArray[np.uint16]) -> None:
    # 12 bits, say, of a camera or an X-ray, in a file of 16 would be black.
    bound = min(b for b in (255, 1023, 4095, 16383, 65535) if values.max() <= b)
    expected = np.rint(values / bound * 255)
    image = Image.fromarray(values)
    assert image.mode == "I;16"
    for source in (values, image, encoded(image), encoded(image, "TIFF")):
        shown = pixels(open_image(source))
        assert (shown == expected[..., None]).all()


def test_big_endian_16_bit_grey() -> None:
    values = np.array([[0, 32768, 65535]], dtype=">u2")
    image = Image.frombytes("I;16B", (3, 1), values.tobytes())
    assert pixels(open_image(image))[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([0, 128, 255], [0, 128, 255]),
        ([0, 32768, 65535], [0, 128, 255]),
        ([-1000, 0, 1000], [0, 128, 255]),
        ([0, 500_000, 1_000_000], [0, 128, 255]),
    ],
)
def test_32_bit_integers_are_scaled_from_the_least_range(
    values: list[int], shown: list[int]
) -> None:
    image = Image.fromarray(np.array([values], dtype=np.int32))
    assert image.mode == "I"
    assert pixels(open_image(image))[0, :, 0].tolist() == shown


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 128.0, 255.0], [0, 128, 255]),
        ([-3.0, 0.0, 3.0], [0, 128, 255]),
        ([0.0, float("nan"), 1.0], [0, 0, 255]),
        ([0.0, float("inf"), 1.0], [0, 0, 255]),
        ([0.0, 0.0, 0.0], [0, 0, 0]),
        ([-2.0, -2.0, 0.0], [0, 0, 255]),
        ([0.0, 0.5, 1.0000002], [0, 128, 255]),  # resampling overshoots
        ([-0.04, 0.5, 1.07], [0, 128, 255]),
        ([0.0, 127.5, 260.0], [0, 128, 255]),
        ([0.0, 1.0, 2.0], [0, 128, 255]),  # neither 0..1 nor 0..255
        ([0.0, 0.0005, 0.001], [0, 128, 255]),
        ([0.0, 2047.5, 4095.0], [0, 128, 255]),
        ([0.0, 1.0, -3.4e38], [0, 255, 0]),  # how maps mark a missing value
    ],
)
def test_floats_of_a_tiff(values: list[float], shown: list[int]) -> None:
    image = Image.fromarray(np.array([values], dtype=np.float32))
    assert pixels(open_image(encoded(image, "TIFF")))[0, :, 0].tolist() == shown


def test_a_hot_pixel_leaves_the_contrast() -> None:
    ramp_of_floats = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (64, 1))
    ramp_of_floats[3, 0] = 1e6
    greys = pixels(open_image(Image.fromarray(ramp_of_floats)))[..., 0]
    assert greys[5].tolist() == np.rint(np.linspace(0, 255, 64)).tolist()
    assert greys[3, 0] == 255


def test_the_range_that_grey_was_scaled_from_is_told() -> None:
    deep = Image.fromarray(np.array([[0, 700, 4000]], dtype=np.uint16))
    assert open_image(encoded(deep)).info[GREYS] == (0.0, 4095.0)
    assert GREYS not in open_image(encoded(Image.new("L", (3, 1)))).info


def png_with(kind: bytes, body: bytes, *, last: bool = False) -> bytes:
    """A lime picture with one more chunk, before its pixels or behind them."""
    plain = encoded(Image.new("RGB", (8, 8), "lime"))
    chunk = len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4)
    at = plain.index(b"IEND") - 4 if last else 33
    return plain[:at] + chunk + plain[at:]


LONG = 3 << 20


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (b"zTXt", b"Comment\0\0" + zlib.compress(b"A" * LONG)),
        (b"iTXt", b"Comment\0\1\0\0\0" + zlib.compress(b"A" * LONG)),
        (b"tEXt", b"Comment\0" + b"A" * LONG),
        (b"iCCP", b"p\0\0" + zlib.compress(bytes(LONG))),
    ],
)
def test_a_png_with_a_long_text_is_whole(kind: bytes, body: bytes, last: bool) -> None:
    data = png_with(kind, body, last=last)
    assert pixels(open_image(data))[5, 5].tolist() == [0, 255, 0]
    torn = data[: data.index(b"IDAT") + 8] + b"\0\0" + data[data.index(b"IDAT") + 10 :]
    with pytest.raises(ImageError, match=r"cannot be decoded \((?!.*too large)"):
        open_image(torn)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "a pointer of Git LFS"),
        (b"\n<!DOCTYPE html><html>404", "a web page"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "a drawing in SVG"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC photo"),
        (b"%PDF-1.7", "a PDF"),
        (b"anything", "not an image in a format"),
    ],
)
def test_what_is_no_image_is_named(content: bytes, problem: str) -> None:
    with pytest.raises(ImageError, match=problem):
        open_image(content)


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    file = tmp_path / "red.png"
    Image.new("RGB", (8, 8), "red").save(file)
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(ImageError, match=r"cannot be read \(Permission denied\)"):
        open_image(file)


def test_a_flat_negative_image_is_still_an_image() -> None:
    flat = Image.fromarray(np.full((2, 2), -3.0, dtype=np.float32))
    assert open_image(flat).size == (2, 2)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", ["RGB", "L", "I;16"])
def test_orientation_is_undone(orientation: int, mode: str) -> None:
    # How the EXIF standard says that the stored rows and columns lie in the scene.
    stored: dict[int, Callable[[npt.NDArray[Any]], npt.NDArray[Any]]] = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
        8: lambda a: np.rot90(a, -1),
    }
    scene: npt.NDArray[Any] = ramp() if mode == "RGB" else ramp()[..., 0].copy()
    if mode == "I;16":
        scene = scene.astype(np.uint16) * 257
    upright = pixels(open_image(scene))
    turned = stored[orientation](scene)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    image = Image.fromarray(np.ascontiguousarray(turned))
    assert (pixels(open_image(encoded(image, exif=exif))) == upright).all()


def test_opening_leaves_the_callers_image_alone() -> None:
    image = Image.fromarray(ramp())
    image.getexif()[ORIENTATION] = 6
    assert open_image(image).size == (4, 6)
    assert image.size == (6, 4)
    assert image.getexif()[ORIENTATION] == 6


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("block", [b"MM\0*\xff\xff\xff\xff", b"not a TIFF header"])
def test_a_malformed_exif_block_does_not_matter(block: bytes) -> None:
    data = encoded(Image.fromarray(ramp()), "JPEG", exif=b"Exif\0\0" + block)
    assert open_image(data).size == (6, 4)


def test_the_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (2, 2), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert pixels(open_image(data))[0, 0].tolist() == [255, 0, 0]


@given(
    arrays.arrays(
        st.sampled_from([np.uint8, np.float32, np.float64, np.bool_]),
        st.sampled_from([(2, 3), (2, 3, 1), (2, 3, 3)]),
        elements={"min_value": 0, "max_value": 1},
    )
)
def test_arrays(array: npt.NDArray[Any]) -> None:
    scale = 1 if array.dtype == np.uint8 else 255
    expected = np.rint(np.broadcast_to(np.atleast_3d(array) * np.float64(scale), (2, 3, 3)))
    for given_array in (array, np.asfortranarray(array)):
        assert (pixels(open_image(given_array)) == expected).all()


@pytest.mark.parametrize(
    ("array", "problem"),
    [
        (np.zeros((2, 2, 2), np.uint8), "shape (2, 2, 2)"),
        (np.zeros(4, np.uint8), "shape (4,)"),
        (np.zeros((0, 4), np.uint8), "shape (0, 4)"),
        (np.full((2, 2), 2.0), "from 2 to 2"),
        (np.array([[0.0, np.nan]]), "nan"),
        (np.zeros((2, 2), np.int64), "int64"),
        (np.zeros((2, 2), np.complex64), "complex64"),
    ],
)
def test_arrays_that_are_no_image(array: npt.NDArray[Any], problem: str) -> None:
    with pytest.raises(ImageError) as caught:
        open_image(array, name="the upload")
    assert problem in str(caught.value)
    assert str(caught.value).startswith("the upload: ")
    assert caught.value.remedy


def test_files_that_are_no_image(tmp_path: Path) -> None:
    whole = encoded(Image.fromarray(ramp(40, 40)), "JPEG")
    bad = {
        "truncated.jpg": whole[: len(whole) // 2],
        "empty.jpg": b"",
        "text.png": b"not an image at all",
    }
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder.jpg").mkdir()
    for name, problem in {
        "missing.jpg": "no such file",
        "truncated.jpg/inside": "no such file",
        "truncated.jpg": "cannot be decoded (",
        "empty.jpg": "empty",
        "text.png": "not an image",
        "folder.jpg": "a folder",
    }.items():
        with pytest.raises(ImageError) as caught:
            open_image(tmp_path / name)
        assert problem in caught.value.problem
        assert caught.value.where == str(tmp_path / name)
        assert caught.value.remedy


def test_bytes_are_called_by_their_name() -> None:
    with pytest.raises(ImageError, match=r"^photo\.jpg: "):
        open_image(b"nothing", name="photo.jpg")


def test_a_decompression_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(Image.new("L", (100, 100)))
    for limit in (100 * 100 - 1, 100 * 100 // 2 - 1):  # where Pillow warns, and where it raises
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with pytest.raises(ImageError, match="megapixels"):
            open_image(data)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100 * 100)
    assert open_image(data).size == (100, 100)


@settings(max_examples=150, deadline=None)
@given(kind=st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"]), data=st.data())
def test_damage_raises_nothing_but_image_error(kind: str, data: st.DataObject) -> None:
    content = bytearray(encoded(Image.fromarray(ramp(16, 16)), kind))
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content)))]
    try:
        message = open_image(bytes(content)).mode
    except ImageError as error:
        message = str(error)
    assert " at 0x" not in message  # it must be the same in every run


@pytest.mark.parametrize("size", [32, 64])
def test_resize_keeps_the_whole_picture(size: int) -> None:
    wide = np.zeros((60, 200, 3), np.uint8)
    wide[:30, :100, 0] = 255  # red at the upper left, blue at the lower right
    wide[30:, 100:, 2] = 255
    square = resize(Image.fromarray(wide), size)
    half = size // 2
    middle = (slice(4, half - 4), slice(half + 4, -4))
    red, green, blue = square.float()
    assert (red[middle[0], middle[0]] == 255).all()
    assert (red[middle[1], middle[1]] == 0).all()
    assert (blue[middle[1], middle[1]] == 255).all()
    assert not green.any()


def test_resize_is_near_plain_bicubic() -> None:
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (20, 30, 3), dtype=np.uint8))
    photo = coarse.resize((1200, 900), Image.Resampling.BICUBIC)
    plain = np.asarray(photo.resize((64, 64), Image.Resampling.BICUBIC)).astype(int)
    ours = resize(photo, 64).permute(1, 2, 0).numpy().astype(int)
    assert np.abs(ours - plain).mean() < 1


def test_resize_takes_any_mode_and_leaves_a_square_alone() -> None:
    assert (resize(Image.fromarray(ramp(8, 8)), 8).permute(1, 2, 0).numpy() == ramp(8, 8)).all()
    assert (resize(Image.new("L", (8, 4), 9), 8) == 9).all()
