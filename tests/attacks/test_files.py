"""Files that are no files, that grow without end, or are nested without end: every reader."""

from __future__ import annotations

import gzip
import io
import os
import socket
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from askattend.bulk.asking import read_questions
from askattend.bulk.listing import items_of_sources
from askattend.cli.serve import read_token
from askattend.data.readers.registry import read_source
from askattend.data.word_vectors import read_word_vectors
from askattend.errors import AskAttendError
from askattend.experiment.config import read_preset
from askattend.experiment.verify import verify
from askattend.features.image_places import Place, read_image
from askattend.features.image_sources import expanded_names, images_of
from askattend.features.images import open_image
from askattend.importing.hdf5 import import_hdf5
from askattend.importing.torch_file import load_plain
from askattend.metrics.image_copies import find_copies
from askattend.runs.own_code import OwnCode
from askattend.runs.predictor import Predictor
from askattend.runs.run_folder import Run
from askattend.scoring.results import load_results
from askattend.scoring.systems import evaluated_system
from attacks.limited import attempt

MEBIBYTE = 2**20


def read_table(file: Path) -> object:
    return len(read_source(f"table:{file}"))


# A file's name → what reads it.
READERS: dict[str, Callable[[Path], object]] = {
    "table.csv": read_table,
    "table.jsonl": read_table,
    "table.json": read_table,
    "table.xlsx": read_table,
    "data.parquet": lambda file: len(read_source(f"parquet:{file}")),
    "data.arrow": lambda file: len(read_source(f"arrow:{file}")),
    "results.json": load_results,
    "questions.txt": read_questions,
    "picture.png": lambda file: open_image(file).size,
    "run.zip": Run.load,
    "log.pth": load_plain,
    "features.h5": lambda file: import_hdf5(file, file.with_name("store")),
    "images.tar": lambda file: list(images_of([str(file)])),
    "vectors.txt": lambda file: read_word_vectors(str(file), ["red"]),
    "preset.toml": lambda file: read_preset(str(file), "saaa"),
}


def pipe(file: Path) -> None:
    os.mkfifo(file)


def zeros(file: Path) -> None:
    file.symlink_to("/dev/zero")


def noise(file: Path) -> None:
    file.symlink_to("/dev/urandom")


def loop(file: Path) -> None:
    file.symlink_to(file)


def listener(file: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        here = Path.cwd()
        os.chdir(file.parent)  # a path of a socket may have a hundred characters
        bound.bind(file.name)
        os.chdir(here)


def endless(file: Path) -> None:
    with file.open("wb") as opened:
        opened.truncate(20 * 2**30)


@pytest.mark.parametrize("make", [pipe, zeros, noise, loop, listener, endless, Path.mkdir])
def test_what_is_no_file_of_reasonable_size(make: Callable[[Path], None], tmp_path: Path) -> None:
    def all_readers() -> list[str]:
        taken = []
        for name, read in READERS.items():
            make(tmp_path / name)
            try:
                read(tmp_path / name)
                taken.append(name)
            except AskAttendError:
                pass
        return taken

    outcome = attempt(all_readers, seconds=60)
    assert (outcome.how, outcome.told) == ("done", "[]")


def workbook(change: Callable[[bytes], bytes], part: str = "xl/worksheets/sheet1.xml") -> bytes:
    """Make a workbook of one question, one of whose parts is changed."""
    plain, changed = io.BytesIO(), io.BytesIO()
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(["image", "question", "answer"])
    book.active.append(["a.png", "is it?", "yes"])
    book.save(plain)
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, change(content) if name == part else content)
    return changed.getvalue()


def with_row(row: bytes) -> bytes:
    return workbook(lambda sheet: sheet.replace(b"</sheetData>", row + b"</sheetData>"))


def laughs() -> bytes:
    """An entity of twenty of another, of twenty of another, …"""
    entities = b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 20) for n in range(8))
    head = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + entities + b"]>"
    cell = b'<row r="3"><c r="A3" t="inlineStr"><is><t>&i;</t></is></c></row>'
    return workbook(
        lambda sheet: (
            head + sheet.split(b"?>", 1)[-1].replace(b"</sheetData>", cell + b"</sheetData>")
        )
    )


def archive(name: str, size: int, content: bytes) -> bytes:
    """Make a tar file whose only member says that it is of some size."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as opened:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        opened.addfile(member, io.BytesIO(content))
    packed = bytearray(stream.getvalue())
    packed[124:136] = b"%011o\0" % size
    total = sum(packed[:148]) + 8 * 32 + sum(packed[156:512])
    packed[148:156] = b"%06o\0 " % total
    return bytes(packed)


GROWING = {
    "bomb.csv": gzip.compress(bytes(60 * MEBIBYTE), 1),
    "bomb.jsonl": gzip.compress(b" " * 60 * MEBIBYTE, 1),
    "bomb.json": gzip.compress(b"[" + b" " * 60 * MEBIBYTE, 1),
    "spaces.xlsx": workbook(lambda sheet: sheet.replace(b"<sheetData>", b" " * 40 * MEBIBYTE)),
    "styles.xlsx": workbook(lambda xml: xml + b" " * 40 * MEBIBYTE, "xl/styles.xml"),
    "laughs.xlsx": laughs(),
    "row.xlsx": with_row(b'<row r="99999999999"><c r="A99999999999"><v>1</v></c></row>'),
    "column.xlsx": with_row(b'<row r="3"><c r="ZZZZZZ3"><v>1</v></c></row>'),
    "vectors.txt": gzip.compress(b"1" * 60 * MEBIBYTE, 1),
    "zeros.tar": gzip.compress(archive("a.png", 4, b"none") + bytes(100 * MEBIBYTE), 1),
    "size.tar": archive("a.png", 8**11 - 1, b"none"),
    "nested.csv": b'image,question,answer\n"' + b'""' * MEBIBYTE + b'",b,c\n',
}


@pytest.mark.parametrize("name", GROWING)
def test_what_grows_is_stopped(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(GROWING[name])
    by_suffix = {Path(reader).suffix: read for reader, read in READERS.items()}
    read = by_suffix[Path(name).suffix] if name != "bomb.json" else read_table
    attempt(lambda: read(tmp_path / name), mib=200, seconds=60).refused()


def lying(content: bytes, real: int) -> bytes:
    """Let a zip archive say that its part of so many bytes has ten."""
    return content.replace(struct.pack("<I", real), struct.pack("<I", 10))


def repacked(packing: int, size: int) -> bytes:
    """Make a workbook whose styles are so large, packed in some way."""
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook(bytes))) as old,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            if name != "xl/styles.xml":
                new.writestr(name, old.read(name))
        new.writestr("xl/styles.xml", b" " * size, compress_type=packing, compresslevel=1)
    return stream.getvalue()


def member(kind: bytes, size: int) -> bytes:
    """Make a packed tar file of a member, or a description of one, of so many zeros."""
    described = tarfile.TarInfo("a.png")
    described.type, described.size = kind, size
    return gzip.compress(described.tobuf() + bytes(size) + bytes(10_240), 1)


LARGE = 0x08_12_34_56
# What says that it is small, or is unpacked without a look at how large it is.
LYING: dict[str, Callable[[], tuple[bytes, str]]] = {
    "deflated.xlsx": lambda: (
        lying(repacked(zipfile.ZIP_DEFLATED, LARGE), LARGE),
        "the workbook grows beyond",
    ),
    "smaller.xlsx": lambda: (
        lying(repacked(zipfile.ZIP_DEFLATED, LARGE // 16), LARGE // 16),
        "is of another size than it says",
    ),
    "bzip2.xlsx": lambda: (
        lying(repacked(zipfile.ZIP_BZIP2, 10**6), 10**6),
        "is packed in an unusual way",
    ),
    "lzma.xlsx": lambda: (
        lying(repacked(zipfile.ZIP_LZMA, 10**6), 10**6),
        "is packed in an unusual way",
    ),
    "pax.tar": lambda: (member(tarfile.XHDTYPE, 2**27), "described in 134,217,728 bytes"),
    "name.tar": lambda: (member(tarfile.GNUTYPE_LONGNAME, 2**27), "described in 134,217,728"),
    "features.h5": lambda: (chunk(2**27), "unpacks to more than it is declared to hold"),
}


def chunk(size: int) -> bytes:
    """Make an HDF5 file of a small chunk that unpacks to any size."""
    h5py = pytest.importorskip("h5py")
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file["ids"] = [1, 2]
        made = file.create_dataset(
            "features", (2, 8, 2, 2), "float32", chunks=(1, 8, 2, 2), compression="gzip"
        )
        for number in range(2):
            made.id.write_direct_chunk((number, 0, 0, 0), zlib.compress(bytes(size), 1))
    return stream.getvalue()


@pytest.mark.parametrize("name", list(LYING))
def test_what_a_file_says_of_its_parts_is_not_believed(name: str, tmp_path: Path) -> None:
    content, told = LYING[name]()
    (tmp_path / name).write_bytes(content)
    by_suffix = {Path(reader).suffix: read for reader, read in READERS.items()}
    outcome = attempt(lambda: by_suffix[Path(name).suffix](tmp_path / name), mib=100)
    outcome.refused(name, told)


def test_an_image_in_a_packed_tar_file_unpacks_to_no_more_than_any_file(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(member(tarfile.REGTYPE, 2**27))
    ((image, place),) = [(each.image, each.place) for each in images_of([str(tmp_path / "x.tar")])]
    attempt(lambda: read_image(place, image), mib=100).refused("a.png", "unpacks to 128 MiB")


def nested(depth: int) -> dict[str, bytes]:
    return {
        "table.json": b"[" * depth,
        "table.jsonl": b'{"image":' * depth + b"1" + b"}" * depth,
        "results.json": b"[" * depth + b"]" * depth,
        "preset.toml": b"a=" + b"[" * depth + b"]" * depth,
    }


def tables_in_toml(depth: int) -> list[bytes]:
    return [
        b"a" + b".a" * depth + b"=1",
        b"[" + b"a." * depth + b"a]",
        b"a=" + b"{a=" * depth,
        b"9" * depth,
    ]


@pytest.mark.parametrize("depth", [900, 1100, 300_000])
def test_what_is_nested_is_refused(depth: int, tmp_path: Path) -> None:
    """Also shortly below and above where Python's own limit of recursion lies."""

    def all_readers() -> list[str]:
        taken = []
        for name, content in nested(depth).items():
            (tmp_path / name).write_bytes(content)
            try:
                READERS[name](tmp_path / name)
                taken.append(name)
            except AskAttendError:
                pass
        for content in tables_in_toml(depth):
            (tmp_path / "preset.toml").write_bytes(content)
            try:
                READERS["preset.toml"](tmp_path / "preset.toml")
                taken.append(str(content[:20]))
            except AskAttendError:
                pass
        return taken

    outcome = attempt(all_readers, seconds=60)
    assert (outcome.how, outcome.told) == ("done", "[]")


def test_names_that_stand_for_endlessly_many() -> None:
    for name in (
        "{a,b}" * 60,
        "{0..9999999}{0..9999999}",
        "{" + "9" * 5000 + ".." + "9" * 5000 + "}",
    ):
        attempt(lambda name=name: len(expanded_names(name))).harmless()  # type: ignore[misc]


def described(content: bytes) -> bytes:
    """Make a tar file of a description beside a picture."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as opened:
        for name, part in (("a.json", content), ("a.png", b"none")):
            member = tarfile.TarInfo(name)
            member.size = len(part)
            opened.addfile(member, io.BytesIO(part))
    return stream.getvalue()


@pytest.mark.parametrize(
    "content", [b"[" * 100_000, b'{"question": "\xff"}', b'{"question": 1e999}']
)
def test_a_description_in_a_tar_file(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "images.tar"
    file.write_bytes(described(content))
    attempt(lambda: list(items_of_sources([str(file)], None))).refused("images.tar")


@pytest.mark.parametrize("name", ["../../escaped.png", "/tmp/escaped.png", "a/../../b.png"])
def test_a_member_s_name_is_an_id_and_no_path(name: str, tmp_path: Path) -> None:
    file = tmp_path / "images.tar"
    file.write_bytes(archive(name, 4, b"none"))
    (found,) = images_of([str(file)])
    assert (found.image, found.place) == (name, Place(str(file), 512, 4))


def attack_by_question(file: Path, words: int) -> Any:
    file.write_text(f'[{{"image": "a.png", "question": "{"what " * words}", "answer": "red"}}]')
    (file.parent / "a.png").write_bytes(b"")
    return read_table(file)


def test_a_question_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "table.json"
    attempt(lambda: attack_by_question(file, 5_000_000)).refused("24,999,999 characters")
    monkeypatch.setenv("ASKATTEND_MAX_QUESTION", "6000")
    assert attack_by_question(file, 1000) == 1


def whole_sheet(part: bytes) -> bytes:
    """Make a workbook with a part behind its cells."""
    return workbook(lambda sheet: sheet.replace(b"</sheetData>", b"</sheetData>" + part))


WIDE = {
    "all merged": whole_sheet(b'<mergeCells><mergeCell ref="C2:XFD1048576"/></mergeCells>'),
    "rows merged": whole_sheet(
        b"<mergeCells>"
        + b"".join(b'<mergeCell ref="A%d:XFD%d"/>' % (n, n) for n in range(10, 5000))
        + b"</mergeCells>"
    ),
    "a hidden row": with_row(b'<row r="3" hidden="1"/><row r="1048576"><c r="XFD1048576"/></row>'),
}


@pytest.mark.parametrize("name", WIDE)
def test_a_sheet_takes_what_its_cells_take(name: str, tmp_path: Path) -> None:
    """Merged over all, or with a hidden row, it was held as a whole, empty cells included."""
    (tmp_path / "table.xlsx").write_bytes(WIDE[name])
    (tmp_path / "a.png").touch()
    outcome = attempt(lambda: read_table(tmp_path / "table.xlsx"), mib=100)
    assert (outcome.how, outcome.told) == ("done", "1"), outcome.told


def test_empty_cells_have_a_limit(tmp_path: Path) -> None:
    rows = b"".join(b'<row r="%d"><c r="XFD%d"/></row>' % (n, n) for n in range(3, 7000))
    (tmp_path / "table.xlsx").write_bytes(with_row(rows))
    outcome = attempt(lambda: read_table(tmp_path / "table.xlsx"), mib=100, seconds=60)
    outcome.refused("more than 1,048,576 rows, or 100,000,000 cells")


def test_time_grows_with_a_table_and_not_with_its_square(tmp_path: Path) -> None:
    """A quarter of a million keys, and a million values in one line, took minutes to hours."""
    keys = ",".join(f'"{number}":1' for number in range(250_000))
    (tmp_path / "table.jsonl").write_text(f'{{"image":"a.png",{keys},"249999":2}}')
    attempt(lambda: read_table(tmp_path / "table.jsonl")).refused("has '249999' twice")
    (tmp_path / "table.jsonl").write_text("1 " * 1_000_000)
    attempt(lambda: read_table(tmp_path / "table.jsonl")).refused("the row is a number")


@pytest.mark.parametrize("make", [pipe, zeros])
def test_what_is_no_file_wherever_one_is_named(
    make: Callable[[Path], None], tmp_path: Path
) -> None:
    named = tmp_path / "named"
    make(named)
    picture = tmp_path / "picture.png"
    picture.write_bytes(b"none")
    images = {"train": {"a": named}, "test": {"b": picture}}
    deeds: dict[str, Callable[[], object]] = {
        "attention": lambda: OwnCode.named(f"{named}:Mine"),
        "token": lambda: read_token(named),
        "run to compare": lambda: evaluated_system(named, None),
        "results": lambda: load_results(named),
        "run": lambda: Predictor.load(named),
        "verify": lambda: verify(named),
    }
    for name, deed in deeds.items():
        outcome = attempt(deed)
        assert outcome.how == "refused", (name, outcome)
    assert attempt(lambda: len(find_copies(images)), mib=2000).told == "0"
