"""Bytes of images, wherever they lie; a file that holds many is told from one that is broken."""

from __future__ import annotations

import gzip
import pickle
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from askattend.errors import DataError, ImageError
from askattend.features.image_places import (
    PackedReader,
    Place,
    is_there,
    place_of,
    read_image,
    status_of,
)
from features.archives import in_memory


@given(st.binary(min_size=1, max_size=30))
def test_any_name_of_a_file_survives(name: bytes) -> None:
    path = name.replace(b"\0", b"").decode("utf-8", "surrogateescape")
    place = Place.of(path)
    assert place.name == path
    assert msgspec.json.decode(msgspec.json.encode(place), type=Place) == place
    assert pickle.loads(pickle.dumps(place)) == place


def test_parts_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"0123456789")
    file = str(tmp_path / "a.tar")
    assert read_image(Place(file, 2, 3), "x") == b"234"
    assert read_image(place_of(tmp_path / "a.tar"), "x") == b"0123456789"
    for place, told in (
        (Place(file, 8, 3), f"{file}: x: the file that holds it ends before it does"),
        (Place(str(tmp_path / "gone.tar"), 0, 1), "gone.tar: no such file"),
        (Place(file, 0, 1, problem="a link"), f"{file}: x: a link"),
    ):
        with pytest.raises(ImageError, match=told):
            read_image(place, "x")


def test_a_member_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASKATTEND_MAX_FILE_MIB", "1")
    for packed in (False, True):
        place = Place(str(tmp_path / "a.tar"), 0, 2**20 + 1, packed=packed)
        with pytest.raises(ImageError, match="larger than 1 MiB"):
            read_image(place, "x")
        with PackedReader() as reader:
            assert reader.read(place) is None


def test_packed_files_are_read_forwards_and_back(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(gzip.compress(name.encode() * 100_000))
    with PackedReader() as reader:
        for name, start in (("a", 5), ("a", 90_000), ("b", 0), ("a", 3), ("a", 1)):
            place = Place(str(tmp_path / name), start, 4, packed=True)
            assert reader.read(place) == name.encode() * 4 == read_image(place, "x")
        assert reader.read(Place(str(tmp_path / "a"), 0, 4)) is None
        (tmp_path / "b").write_bytes((tmp_path / "b").read_bytes()[:50])
        with pytest.raises(DataError, match="b: cannot be read"):
            reader.read(Place(str(tmp_path / "b"), 99_000, 4, packed=True))
        with pytest.raises(DataError, match="gone: cannot be read"):
            reader.read(Place(str(tmp_path / "gone"), 0, 4, packed=True))
        with pytest.raises(DataError, match="it ends before an image that it held"):
            reader.read(Place(str(tmp_path / "a"), 99_998, 4, packed=True))


def test_what_is_told_of_a_place_without_its_content(tmp_path: Path) -> None:
    file = tmp_path / "a.tar"
    file.write_bytes(b"0123456789")
    whole, first, second = (
        status_of(place)
        for place in (Place.of(file), Place(str(file), 0, 4), Place(str(file), 4, 4))
    )
    assert whole is not None
    assert first is not None
    assert second is not None
    assert (whole.size, first.size) == (10, 4)
    assert first.changed == whole.changed == file.stat().st_ctime_ns
    assert len({whole.version, first.version, second.version}) == 3
    assert status_of(Place.of(tmp_path / "gone")) is None
    assert status_of(Place(str(file), problem="a link")) is None
    # Where an address tells nothing, its content decides.
    told = status_of(Place("memory://shop/a"))
    assert told is not None
    assert (told.size, told.version) == (None, "")


def test_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert is_there(Place.of(tmp_path / "a"))
    assert not is_there(Place.of(tmp_path / "b"))
    assert not is_there(Place(str(tmp_path / "a"), problem="a link"))
    assert is_there(Place("memory://anything"))


def test_parts_behind_an_address() -> None:
    with in_memory({"a.tar": b"0123456789"}):
        assert read_image(Place("memory://shop/a.tar", 2, 3), "x") == b"234"
        assert read_image(Place("memory://shop/a.tar"), "x") == b"0123456789"
        with pytest.raises(ImageError, match="ends before it does"):
            read_image(Place("memory://shop/a.tar", 8, 3), "x")
        with pytest.raises(ImageError, match="memory://shop/gone: no such file"):
            read_image(Place("memory://shop/gone", 8, 3), "x")
