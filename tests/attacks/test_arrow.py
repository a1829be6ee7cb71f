"""Parquet and Arrow files from strangers: damaged, endless, and full of what repeats."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from askattend.data.readers.registry import read_source
from askattend.errors import DataError
from attacks.limited import attempt

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASKATTEND_CACHE", str(tmp_path / "cache"))


def read(file: Path) -> int:
    return len(read_source(f"parquet:{file}"))


def png() -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (4, 3)).save(content, "PNG")
    return content.getvalue()


def repeated(value: Any, rows: int) -> Any:
    return pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([value]))


def table(rows: int = 1, **columns: Any) -> Any:
    usual = {"image": png(), "question": "?", "answer": "a"}
    made = {name: repeated(value, rows) for name, value in usual.items()}
    return pa.table({**made, **columns})


def write(made: Any, file: Path, **options: Any) -> Path:
    options = {"dictionary_pagesize_limit": 2**28, "write_statistics": False, **options}
    parquet.write_table(made, file, **options)
    return file


BOMBS: dict[str, Callable[[], Any]] = {
    "rows": lambda: table(1_100_000),
    "a picture": lambda: table(20_000, image=repeated(png() + bytes(4_000_000), 20_000)),
    "a question": lambda: table(2_000, question=repeated("x" * 8_000_000, 2_000)),
    "an answer": lambda: table(2_000, answer=repeated("x" * 8_000_000, 2_000)),
    "plain pages": lambda: table(1, question=pa.array(["x" * 100_000_000])),
    "a list": lambda: table(1, answer=pa.array([[None] * 25_000_000], pa.list_(pa.string()))),
}


@pytest.mark.parametrize("bomb", list(BOMBS))
def test_what_grows_without_end(bomb: str, tmp_path: Path) -> None:
    file = write(BOMBS[bomb](), tmp_path / "x.parquet", compression="zstd")
    assert file.stat().st_size < 2_000_000
    attempt(lambda: read(file), mib=700).refused("x.parquet")
    if bomb == "a picture":
        assert not list((tmp_path / "cache").rglob("*.png"))


@pytest.mark.parametrize("form", ["parquet", "stream", "file"])
def test_damage_is_told_or_does_no_harm(form: str, tmp_path: Path) -> None:
    rows = pa.table(
        {
            name: column.cast(column.type.value_type)
            for name, column in zip(table().column_names, table(40).columns, strict=True)
        }
    )
    file = tmp_path / "x.parquet"
    if form == "parquet":
        write(rows, file)
    else:
        make = pa.ipc.new_stream if form == "stream" else pa.ipc.new_file
        with make(str(file), rows.schema) as writer:
            writer.write_table(rows)
    whole, generator = file.read_bytes(), random.Random(0)
    damaged = [whole[:size] for size in range(0, len(whole), 131)]
    for _ in range(60):
        at = generator.randrange(len(whole))
        damaged.append(whole[:at] + bytes([generator.randrange(256)]) + whole[at + 1 :])

    def all_of_them() -> int:
        told = 0
        for content in damaged:
            file.write_bytes(content)
            try:
                read(file)
            except DataError as error:
                told += "x.parquet" in str(error)
        return told

    assert int(attempt(all_of_them, mib=600, seconds=60).told) > 8


def test_links_and_folders_lead_nowhere_else(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    (folder / "train.parquet").symlink_to("/dev/zero")
    attempt(lambda: read(folder)).refused("train.parquet")
    (folder / "train.parquet").unlink()
    (folder / "loop").symlink_to(folder)
    write(table(), folder / "train.parquet")
    assert attempt(lambda: read(folder)).told == "1"


def test_a_picture_that_is_none_is_refused_when_it_is_opened(tmp_path: Path) -> None:
    from askattend.features.images import open_image

    file = write(table(image=repeated(b"no picture", 1)), tmp_path / "x.parquet")
    (image,) = read_source(f"parquet:{file}").images.values()
    attempt(lambda: open_image(image)).refused("not an image")
