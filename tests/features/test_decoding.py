"""Decoding runs ahead in threads, and ends with them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from askattend.features import decoding
from askattend.features.image_places import PackedReader, Place
from askattend.features.spec import Backbone
from features.feature_cases import (
    Stop,
    run,
    stop_after,
)


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_decoding_runs_ahead_but_not_away(
    photos: dict[str, Path], colours: Backbone, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    decode = decoding.decode

    def counted(image: str, place: Place, **more: Any) -> decoding.DecodedImage:
        begun.append(image)
        return decode(image, place, **more)

    monkeypatch.setattr(decoding, "decode", counted)
    pictures: Iterator[decoding.DecodedImage] = decoding.decode_ahead(
        [(image, Place.of(file)) for image, file in photos.items()],
        PackedReader(),
        spec=colours.spec,
        workers=workers,
        ahead=4,
    )
    for taken, image in enumerate(photos, start=1):
        assert next(pictures).image == image
        assert len(begun) <= taken + (4 if workers else 0)
    assert next(pictures, None) is None


def test_a_stop_ends_the_threads(
    photos: dict[str, Path], colours: Backbone, tmp_path: Path
) -> None:
    with pytest.raises(Stop):
        run(photos, tmp_path / "store", colours, progress=stop_after(1))
    assert not [t for t in threading.enumerate() if t.name.startswith("decode")]
