"""Pictures made to take memory or time: what opening one takes is bounded, and told beforehand."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from askattend.errors import ImageError
from askattend.features import image_limits
from askattend.features.image_limits import decoders
from askattend.features.images import open_image
from attacks.limited import attempt

SIDE = 2600


def encoded(image: Image.Image, file_format: str, **more: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, file_format, **more)
    return stream.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    whole = kind + content
    return struct.pack(">I", len(content)) + whole + struct.pack(">I", zlib.crc32(whole))


def png(width: int, height: int, depth: int, colour: int) -> bytes:
    """Make a black PNG row by row, of few bytes and any size."""
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    packer, row = zlib.compressobj(), bytes(1 + -(-width * samples * depth // 8))
    packed = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    palette = chunk(b"PLTE", bytes(768)) + chunk(b"tRNS", bytes(256)) if colour == 3 else b""
    parts = chunk(b"IHDR", header), palette, chunk(b"IDAT", packed), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


KINDS = [
    *(("PNG", png(SIDE, SIDE, depth, colour)) for depth in (8, 16) for colour in (0, 2, 4, 6)),
    ("PNG", png(SIDE, SIDE, 8, 3)),
    ("TIFF", encoded(Image.new("F", (SIDE, SIDE)), "TIFF")),
    ("TIFF", encoded(Image.new("RGB", (SIDE, SIDE)), "TIFF", compression="tiff_lzw")),
    ("JPEG", encoded(Image.new("RGB", (SIDE, SIDE)), "JPEG", progressive=True)),
    ("WEBP", encoded(Image.new("RGBA", (SIDE, SIDE)), "WEBP", lossless=True, method=0)),
    ("JPEG2000", encoded(Image.new("RGB", (SIDE, SIDE)), "JPEG2000")),
]


@pytest.mark.parametrize(("file_format", "content"), KINDS, ids=[kind for kind, _ in KINDS])
def test_a_picture_takes_no_more_than_is_told(
    file_format: str, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    if file_format not in decoders():
        pytest.skip("this Pillow does not read it")
    with Image.open(io.BytesIO(content)) as picture:
        needed = SIDE**2 * image_limits._bytes_a_pixel(picture) / 2**20
    slack = 40  # of what libraries set up when they are used first, and of rows at work
    attempt(lambda: open_image(content).size, mib=int(needed) + slack, seconds=60).harmless()
    monkeypatch.setenv("ASKATTEND_MAX_IMAGE_MIB", str(int(needed) - 1))
    attempt(lambda: open_image(content)).refused("a decompression bomb", "ASKATTEND_MAX_IMAGE_MIB")


def test_89_megapixels_of_16_bit_are_refused() -> None:
    content = png(9459, 9459, 16, 0)
    assert len(content) < 250_000
    attempt(lambda: open_image(content)).refused("9,459 × 9,459 pixels takes 939 MiB")


@pytest.mark.parametrize("side", [20_000, 2**31 - 1])
def test_a_header_of_any_size_is_refused(side: int) -> None:
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"")
    attempt(lambda: open_image(content)).refused()


def test_more_may_be_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    content = encoded(Image.new("1", (100, 100)), "PNG")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(ImageError, match="megapixels"):
        open_image(content)
    monkeypatch.setenv("ASKATTEND_MAX_IMAGE_MIB", "800")
    assert open_image(content).size == (100, 100)


@pytest.mark.parametrize("file_format", ["EPS", "PDF"])
def test_no_other_program_is_started(file_format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    content = encoded(Image.new("RGB", (8, 8)), file_format)
    monkeypatch.setattr("subprocess.Popen", None)
    with pytest.raises(ImageError, match="not an image"):
        open_image(content)


def test_a_jpeg_of_endless_scans_is_refused() -> None:
    whole = encoded(Image.new("RGB", (64, 64), "red"), "JPEG", progressive=True)
    assert open_image(whole).size == (64, 64)
    scan = whole[whole.rindex(image_limits.SCAN) : -2]
    with pytest.raises(ImageError, match="refined in more than 100 scans"):
        open_image(whole[:-2] + scan * image_limits.MOST_SCANS + whole[-2:])


@pytest.mark.parametrize("interlace", [False, True])
def test_no_flipped_bit_of_a_png_is_another_picture(interlace: bool) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    content = encoded(Image.fromarray(noise), "PNG", interlace=interlace)
    accepted = 0
    for bit in range(8 * len(content)):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            pixels = np.asarray(open_image(bytes(damaged)))
        except ImageError:
            continue
        accepted += 1
        assert (pixels == noise).all(), f"bit {bit}"
    assert accepted < 100  # in the last chunk, which is empty


@pytest.mark.parametrize("size", [(1, 1), (1, 20_000), (20_000, 1)])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "I;16", "F"])
def test_thin_pictures_are_pictures(size: tuple[int, int], mode: str) -> None:
    file_format = "TIFF" if mode == "F" else "PNG"
    assert open_image(encoded(Image.new(mode, size), file_format)).size == size
