"""Images from clients: what is refused, when, and what is kept of the others."""

from __future__ import annotations

import base64
import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from askattend.features import image_limits
from askattend.features.geometry import square
from askattend.features.images import open_image
from askattend.serving import images
from askattend.serving.images import decode_base64, read_picture
from askattend.serving.problems import Refusal
from askattend.serving.runs import ServedRun

MOST = 10_000


def encoded(image: Image.Image, file_format: str = "PNG", **more: Any) -> bytes:
    stream = BytesIO()
    image.save(stream, file_format, **more)
    return stream.getvalue()


def refused(content: bytes, *, max_pixels: int = MOST) -> Refusal:
    with pytest.raises(Refusal) as caught:
        read_picture(content, [], max_pixels=max_pixels)
    return caught.value


def png_header(width: int, height: int, *, depth: int = 8, colour: int = 2) -> bytes:
    """A PNG of this size without one pixel in it."""

    def chunk(name: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + checksum

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"")


@pytest.mark.parametrize("file_format", images.FORMATS)
def test_each_format_is_seen_as_the_predictor_sees_it(
    file_format: str, served: list[ServedRun]
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 50, 3), dtype=np.uint8)
    content = encoded(Image.fromarray(pixels), file_format)
    spec = served[0].spec
    picture = read_picture(content, [spec], max_pixels=MOST)
    assert picture.size == (50, 30)
    assert torch.equal(picture.squares[spec].pixels, square(open_image(content), spec))


def test_a_cameras_picture_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = read_picture(
        encoded(Image.new("RGB", (50, 30)), "JPEG", exif=exif), [], max_pixels=MOST
    )
    assert picture.size == (30, 50)


@pytest.mark.parametrize("file_format", ["TIFF", "PPM", "ICO", "PDF", "EPS", "PCX"])
def test_other_formats_are_not_even_tried(file_format: str) -> None:
    content = encoded(Image.new("RGB", (32, 32)), file_format)
    assert refused(content).status_code == 415


@pytest.mark.parametrize("content", [b"hello", b"<svg/>", b"\x89PNG\r\n\x1a\n", b"%!PS-Adobe-3.0"])
def test_what_is_no_image_is_refused(content: bytes) -> None:
    assert refused(content).status_code == 415


@given(
    st.binary(max_size=200),
    st.sampled_from([b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM", b"GIF89a", b""]),
)
def test_any_bytes_are_refused_with_a_reason(content: bytes, start: bytes) -> None:
    error = refused(start + content)
    assert error.status_code in (413, 415, 422)
    assert error.detail
    assert error.remedy


def test_too_many_pixels_are_refused_by_the_header_before_anything_is_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Image.Image, "load", None)
    monkeypatch.setattr(images, "open_image", None)
    assert refused(png_header(101, 100)).status_code == 413
    # Pillow's own limits, which end at 179 million, are told in the same way.
    for side in (10_000, 20_000, 2**31 - 1):
        assert refused(png_header(side, side)).status_code == 413
    assert refused(png_header(101, 25, depth=16, colour=0)).status_code == 413


def test_a_small_file_of_many_pixels_is_refused() -> None:
    bomb = encoded(Image.new("1", (5000, 5000)))
    assert len(bomb) < 10_000
    assert refused(bomb, max_pixels=24_999_999).status_code == 413
    assert read_picture(bomb, [], max_pixels=25_000_000).size == (5000, 5000)


def test_text_that_swells_when_it_is_decompressed_is_refused() -> None:
    content = encoded(Image.new("RGB", (9, 9)))
    text = b"key\x00\x00" + zlib.compress(b"a" * 200_000_000)
    chunk = struct.pack(">I", len(text)) + b"zTXt" + text
    chunk += struct.pack(">I", zlib.crc32(b"zTXt" + text))
    assert len(chunk) < 300_000
    at = content.index(b"IDAT") - 4
    assert refused(content[:at] + chunk + content[at:]).status_code in (415, 422)


def test_a_jpeg_of_endless_scans_is_refused() -> None:
    progressive = encoded(Image.new("RGB", (64, 64), "red"), "JPEG", progressive=True)
    assert read_picture(progressive, [], max_pixels=MOST).size == (64, 64)
    start = progressive.rindex(image_limits.SCAN)
    scan = progressive[start:-2]
    endless = progressive[:-2] + scan * image_limits.MOST_SCANS + progressive[-2:]
    assert refused(endless).status_code == 422


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP", "GIF"])
def test_half_an_image_is_damaged(file_format: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    content = encoded(Image.fromarray(pixels), file_format)
    error = refused(content[: len(content) // 2])
    # WebP's header says how long the file is.
    assert error.status_code == (415 if file_format == "WEBP" else 422)
    assert error.where == "image"


def test_an_empty_image_is_refused() -> None:
    assert refused(b"").status_code == 422


@given(st.binary(max_size=50))
def test_base64_is_decoded(content: bytes) -> None:
    assert decode_base64(base64.b64encode(content).decode()) == content


@pytest.mark.parametrize(
    "text", ["data:image/png;base64,AAAA", "AAA", "/etc/passwd.", "é", "A\nA="]
)
def test_what_is_not_base64_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match="not base64"):
        decode_base64(text)


def test_nothing_of_an_image_is_kept_but_what_is_needed(tmp_path: Path) -> None:
    picture = read_picture(encoded(Image.new("RGB", (2000, 1000))), [], max_pixels=2_000_000)
    assert max(picture.thumbnail.size) <= 420
