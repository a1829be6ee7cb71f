"""Parquet and Arrow files from strangers: damaged, endless, and full of what repeats."""

from __future__ import annotations

import io
import random
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from askattend.data.readers.registry import read_source
from askattend.errors import DataError
from attacks import forged_parquet as forged
from attacks.limited import attempt

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASKATTEND_CACHE", str(tmp_path / "cache"))


def read(file: Path) -> int:
    return len(read_source(f"parquet:{file}"))


IN_ADVANCE = ("which may be an attack", "more lengths than values", "which is not read")


def refused_in_advance(file: Path) -> None:
    """Hold a file to be refused for what it says, and not because memory is at its end."""
    outcome = attempt(lambda: read(file), mib=150)
    outcome.refused(file.name)
    assert any(why in outcome.told for why in IN_ADVANCE), outcome.told


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


def write_ipc(made: Any, file: Path, form: str, compression: str | None = "zstd") -> Path:
    options = pa.ipc.IpcWriteOptions(compression=compression)
    make = pa.ipc.new_stream if form == "stream" else pa.ipc.new_file
    with make(str(file), made.schema, options=options) as writer:
        writer.write_table(made)
    return file


def endless_list(count: int) -> Any:
    offsets = pa.array([0, count], pa.int32())
    return pa.ListArray.from_arrays(offsets, pa.nulls(count))


def views_of_one_text(rows: int) -> Any:
    views = struct.pack("<i4sii", 8_000_000, b"xxxx", 0, 0) * rows
    buffers = [None, pa.py_buffer(views), pa.py_buffer(b"x" * 8_000_000)]
    return pa.Array.from_buffers(pa.string_view(), rows, buffers)


def list_of_one_text(count: int) -> Any:
    text = "x" * 4_000_000
    return pa.ListArray.from_arrays(pa.array([0, count], pa.int32()), repeated(text, count))


def unions_of_one_text(rows: int) -> Any:
    zeros = pa.array([0] * rows, pa.int8()), pa.array([0] * rows, pa.int32())
    return pa.UnionArray.from_dense(*zeros, [pa.array(["x" * 8_000_000])])


# Of Arrow's own format: what it holds → the column that it is in.
OWN_FORMAT: dict[str, Callable[[], Any]] = {
    "a text": lambda: table(question=pa.array(["x" * 200_000_000])),
    "a text that repeats": lambda: table(question=repeated("x" * 200_000_000, 1)),
    "many texts": lambda: table(50, question=pa.array(["x" * 4_000_000] * 50)),
    "nulls in a list": lambda: table(answer=endless_list(2**31 - 2)),
    "views": lambda: table(64, question=views_of_one_text(64)),
    "what repeats in a list": lambda: table(answer=list_of_one_text(200)),
    "unions": lambda: table(64, question=unions_of_one_text(64)),
    "rows": lambda: table(1_100_000),
}


@pytest.mark.parametrize("form", ["stream", "file"])
@pytest.mark.parametrize("bomb", list(OWN_FORMAT))
def test_arrow_s_own_format_is_held_before_it_is_unpacked(
    bomb: str, form: str, tmp_path: Path
) -> None:
    file = write_ipc(OWN_FORMAT[bomb](), tmp_path / "x.arrow", form)
    assert file.stat().st_size < 100_000
    refused_in_advance(file)


@pytest.mark.parametrize("form", ["stream", "file"])
def test_each_message_is_counted(form: str, tmp_path: Path) -> None:
    """Of parts that are each small, and of values that repeat and are joined with what follows."""
    rows = table(64, question=pa.array(["x" * 100_000] * 64)).to_batches()
    many = pa.Table.from_batches(rows * 40)
    file = write_ipc(many, tmp_path / "x.arrow", form)
    attempt(lambda: read(file), mib=150).refused("x.arrow", "all of it grows")


def texts(*, image: bytes = b"a.png", question: forged.Column | None = None, **more: Any) -> Any:
    """Make the columns of a file of one row, one of which is forged."""

    def column(name: bytes, text: bytes) -> forged.Column:
        return forged.Column(name, forged.data_page(forged.plain(text), values=1))

    usual = {"image": column(b"image", image), "answer": column(b"answer", b"red")}
    usual["question"] = question or column(b"question", b"what?")
    return list((usual | more).values())


def packed(size: int) -> bytes:
    content: bytes = pa.compress(bytes(size), codec="zstd", asbytes=True)
    return content


def lengths(count: int) -> bytes:
    """Write so many lengths of 0: in blocks of any size, all of one part of no bits."""
    block = 2**28
    return b"".join(map(forged.varint, (block, 1, count, 0))) + bytes(2 * (count // block + 1))


def in_one_row(count: int, indices: bytes) -> bytes:
    """Write the content of a page of one row, of so many values."""

    def levels(*runs: tuple[int, int]) -> bytes:
        content = b"".join(forged.varint(length << 1) + bytes([value]) for length, value in runs)
        return struct.pack("<I", len(content)) + content

    return levels((1, 0), (count - 1, 1)) + levels((count, 1)) + indices


def page_of(content: bytes, **about: Any) -> forged.Column:
    codec = about.pop("codec", forged.PLAIN_CODEC)
    return forged.Column(b"question", forged.data_page(content, **about), codec=codec)


def repeating(content: bytes, says: int | None = None, codec: int = forged.ZSTD) -> forged.Column:
    first = forged.repeating_page(content, values=1, says=says)
    rest = pa.compress(b"\1\2\0", codec="zstd", asbytes=True)
    rest = forged.data_page(rest, values=1, kept=forged.BY_NUMBER, says=3)
    return forged.Column(b"question", first + rest, len(first), codec)


def in_a_list(*, and_others: bool) -> forged.Column:
    """Make a column of one row that holds a text 400 times; with others, Arrow writes out each."""
    first = forged.repeating_page(forged.plain(b"x" * 2**20), values=1)
    content = in_one_row(400, b"\1" + forged.varint(400 << 1) + b"\0")
    rest = forged.data_page(content, values=400, kept=forged.BY_NUMBER)
    if and_others:
        rest += forged.data_page(in_one_row(2, forged.plain(b"a", b"b")), values=2)
    return forged.Column(b"answer", first + rest, len(first), values=402, nested=True)


FORGED: dict[str, Callable[[], Any]] = {
    "a page": lambda: texts(
        question=page_of(packed(2**28), values=1, says=2**28, codec=forged.ZSTD)
    ),
    "a page of another name": lambda: texts(
        question=replace(
            page_of(packed(2**28), values=1, says=2**28, codec=forged.ZSTD), says=b"other"
        )
    ),
    "a page that says more": lambda: texts(
        question=page_of(packed(9), values=1, says=2**31 - 1, codec=forged.ZSTD)
    ),
    "a page of what repeats": lambda: texts(question=repeating(packed(2**28), 2**28)),
    "lengths": lambda: texts(question=page_of(lengths(2**27), values=1, kept=forged.DELTA_LENGTHS)),
    "lengths of what is shared": lambda: texts(
        question=page_of(lengths(2**27), values=1, kept=forged.DELTA_BYTES)
    ),
    "lengths of the rest": lambda: texts(
        question=page_of(lengths(1) + lengths(2**27), values=1, kept=forged.DELTA_BYTES)
    ),
    "values": lambda: texts(
        answer=forged.Column(
            b"answer", forged.data_page(in_one_row(2**27, b""), values=2**27), nested=True
        )
    ),
    "what repeats in a list": lambda: texts(answer=in_a_list(and_others=False)),
    "what repeats in a list, and does not": lambda: texts(answer=in_a_list(and_others=True)),
}


@pytest.mark.parametrize("name", list(FORGED))
def test_a_footer_that_lies(name: str, tmp_path: Path) -> None:
    """It says that each column has a hundred bytes."""
    refused_in_advance(forged.write(tmp_path / "x.parquet", FORGED[name]()))


def test_a_file_that_is_written_by_hand_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    for column in (None, page_of(lengths(1), values=1, kept=forged.DELTA_LENGTHS)):
        file = forged.write(tmp_path / "x.parquet", texts(question=column))
        if column is None:
            assert attempt(lambda file=file: read(file), mib=150).told == "1"  # type: ignore[misc]
        else:  # a question without a word
            attempt(lambda file=file: read(file), mib=150).refused("question")  # type: ignore[misc]


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
        write_ipc(rows, file, form, None)
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
