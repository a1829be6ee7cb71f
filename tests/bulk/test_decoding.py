"""Decoding in processes: in order, bounded, and never waited for in vain."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import fsspec
import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from askattend.bulk.decoding import Decoders, decode_item
from askattend.bulk.items import Item
from askattend.bulk.sources import expanded_names, images_of
from askattend.errors import AskAttendError, DataError
from askattend.features.geometry import square
from askattend.features.images import open_image
from small_networks import SPEC


@pytest.fixture
def items(tmp_path: Path) -> list[Item]:
    generator = np.random.default_rng(0)
    for number in range(20):
        pixels = generator.integers(0, 256, (30 + number, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number:02}.png")
    return [Item(file.name, str(file)) for file in sorted(tmp_path.glob("*.png"))]


@pytest.mark.parametrize(("workers", "processes"), [(0, True), (2, False), (1, True)])
def test_images_come_in_order_and_bounded(items: list[Item], workers: int, processes: bool) -> None:
    taken = 0

    def listed() -> Iterator[Item]:
        nonlocal taken
        for item in items:
            taken += 1
            yield item

    console = Console(quiet=True)
    with Decoders(SPEC, workers=workers, ahead=3, console=console, processes=processes) as decoders:
        for number, picture in enumerate(decoders.pictures(listed()), 1):
            assert taken - number <= 3
            expected = square(open_image(items[number - 1].place), SPEC)
            assert picture.pixels is not None
            assert np.array_equal(picture.pixels, expected.numpy())
            assert picture.size == (40, 29 + number)
    assert taken == 20


def test_a_killed_decoder_is_an_error(items: list[Item]) -> None:
    with Decoders(SPEC, workers=1, ahead=2, console=Console(quiet=True)) as decoders:
        pictures = decoders.pictures(items * 50)
        next(pictures)
        pool = decoders._pool
        for number in list(pool._processes):  # type: ignore[union-attr]
            os.kill(number, signal.SIGKILL)
        with pytest.raises(AskAttendError, match="was killed"):
            list(pictures)


def test_what_is_broken_has_a_reason(tmp_path: Path) -> None:
    (tmp_path / "page.png").write_bytes(b"<html>")
    for item, reason in (
        (Item("gone", str(tmp_path / "gone.png")), "no such file"),
        (Item("page", str(tmp_path / "page.png")), "a web page"),
        (Item("cut", str(tmp_path / "page.png"), 2, 20), "ends before it does"),
        (Item("empty", str(tmp_path / "page.png"), 2, 0), "empty"),
    ):
        picture = decode_item(item, SPEC)
        assert picture.pixels is None
        assert reason in picture.reason


def test_object_stores_are_listed_and_read(items: list[Item]) -> None:
    system = fsspec.filesystem("memory")
    for item in items:
        system.pipe_file(f"/shop/sub/{item.image}", Path(item.place).read_bytes())
    system.pipe_file("/shop/readme.txt", b"")
    try:
        found = list(images_of(["memory://shop"]))
        assert [item.image for item in found] == [f"sub/{item.image}" for item in items]
        for there, here in zip(found, items, strict=True):
            one, other = decode_item(there, SPEC), decode_item(here, SPEC)
            assert np.array_equal(one.pixels, other.pixels)  # type: ignore[arg-type]
        with pytest.raises(DataError, match="no image at this address"):
            list(images_of(["memory://nowhere"]))
        with pytest.raises(DataError, match="cannot be read"):
            list(images_of(["nosuch://bucket"]))
        system.rm_file("/shop/sub/00.png")
        assert decode_item(found[0], SPEC).reason == "no such file"
    finally:
        system.rm("/shop", recursive=True)


def test_ranges_are_written_out() -> None:
    assert expanded_names("a-{08..10}.tar") == ["a-08.tar", "a-09.tar", "a-10.tar"]
    assert expanded_names("{a,b}{1..2}") == ["a1", "a2", "b1", "b2"]
    assert expanded_names("plain.tar") == ["plain.tar"]
    with pytest.raises(DataError, match="names no files"):
        expanded_names("{3..1}.tar")


def test_an_image_alone_is_a_source(tmp_path: Path) -> None:
    image = Image.new("RGB", (4, 4))
    written = io.BytesIO()
    image.save(written, "PNG")
    (tmp_path / "one.png").write_bytes(written.getvalue())
    assert [item.image for item in images_of([str(tmp_path / "one.png")])] == ["one.png"]
