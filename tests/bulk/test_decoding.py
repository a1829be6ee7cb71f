"""Decoding in processes: in order, bounded, and never waited for in vain."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from askattend.bulk.decoding import Decoders, decode_item
from askattend.bulk.items import Item
from askattend.errors import AskAttendError
from askattend.features.geometry import square
from askattend.features.image_places import Place
from askattend.features.images import open_image
from small_networks import SPEC


@pytest.fixture
def items(tmp_path: Path) -> list[Item]:
    generator = np.random.default_rng(0)
    for number in range(20):
        pixels = generator.integers(0, 256, (30 + number, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number:02}.png")
    return [Item(file.name, Place.of(file)) for file in sorted(tmp_path.glob("*.png"))]


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
            place = items[number - 1].place
            assert place is not None
            expected = square(open_image(place.name), SPEC)
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
    page = Place.of(tmp_path / "page.png")
    for image, place, reason in (
        ("gone", Place.of(tmp_path / "gone.png"), "no such file"),
        ("page", page, "a web page"),
        ("cut", Place(page.path, 2, 20), "ends before it does"),
        ("empty", Place(page.path, 2, 0), "empty"),
        ("link", Place(page.path, 2, 2, problem="a link to 'page'"), "a link to 'page'"),
    ):
        picture = decode_item(Item(image, place), SPEC)
        assert picture.pixels is None
        assert reason in picture.reason
