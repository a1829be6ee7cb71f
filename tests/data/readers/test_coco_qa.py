"""COCO-QA's four parallel files, and every way in which they can be at odds."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askattend.data.readers.coco_qa import TYPES, read_coco_qa
from askattend.data.readers.registry import read_source
from data.readers.reader_cases import refused_by

FILES = ("questions", "answers", "types", "img_ids")
Row = tuple[str, str, int, int]
SOME: list[Row] = [
    ("what is on the table ?", "cake", 0, 57870),
    ("how many dogs are there ?", "two", 1, 9),
    ("what is the color of the bus ?", "red", 2, 57870),
    ("where is the cat ?", "sink", 3, 9),
]


def write(folder: Path, split: str, rows: list[Row]) -> Path:
    (folder / split).mkdir(parents=True, exist_ok=True)
    for position, name in enumerate(FILES):
        lines = "".join(f"{row[position]}\n" for row in rows)
        (folder / split / f"{name}.txt").write_text(lines, encoding="utf-8")
    return folder


words = st.text("abcdefg éß", min_size=1).map(lambda text: " ".join(text.split()) or "x")
rows = st.lists(st.tuples(words, words, st.integers(0, 3), st.integers(0, 10**12 - 1)), min_size=1)


@given(train=rows, test=rows)
def test_lines_side_by_side_make_a_question(train: list[Row], test: list[Row]) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, "test", test)
        write(folder, "train", train)
        qaset = read_source(f"coco-qa:{folder}")
    assert [q.id for q in qaset] == list(range(len(train) + len(test)))
    assert [q.split for q in qaset] == ["train"] * len(train) + ["test"] * len(test)
    for q, (text, answer, kind, image) in zip(qaset, [*train, *test], strict=True):
        assert (q.text, q.answers, q.image) == (text, ((answer, 1),), str(image))
        assert q.question_type == q.answer_type == TYPES[kind]
    assert set(qaset.images) == {q.image for q in qaset}


def test_pictures_are_those_of_coco(tmp_path: Path) -> None:
    write(tmp_path, "train", SOME[:1])
    write(tmp_path, "test", SOME[1:2])
    qaset = read_coco_qa(tmp_path)
    assert qaset.images["57870"].name == "COCO_train2014_000000057870.jpg"
    assert qaset.images["9"].name == "COCO_val2014_000000000009.jpg"
    assert qaset.notes[0].startswith("2 of 2 images are not there, such as ")
    for name in ("a/COCO_val2014_000000057870.jpg", "000000000009.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = read_coco_qa(tmp_path)
    assert found.images["57870"] == tmp_path / "a/COCO_val2014_000000057870.jpg"
    assert found.images["9"] == tmp_path / "000000000009.jpg"
    assert found.notes == ()


refuse = refused_by(read_coco_qa)


def test_missing_files_are_named(tmp_path: Path) -> None:
    refuse(tmp_path / "nowhere", "no such folder")
    refuse(tmp_path, r"no questions\.txt in train/ or test/")
    (write(tmp_path, "train", SOME) / "train/types.txt").unlink()
    refuse(tmp_path, r"train/types\.txt: cannot be read")


def test_unlike_numbers_of_lines_are_told(tmp_path: Path) -> None:
    write(tmp_path, "train", SOME)
    (tmp_path / "train/answers.txt").write_text("cake\ntwo\n")
    refuse(
        tmp_path,
        r"train: the files have unlike numbers of lines: questions\.txt 4, answers\.txt 2, "
        r"types\.txt 4, img_ids\.txt 4\.",
    )


def test_malformed_lines_are_counted(tmp_path: Path) -> None:
    folder = write(tmp_path, "train", SOME * 5) / "train"
    types = ["7", "", *["0"] * 17, "object"]
    (folder / "types.txt").write_text("\n".join(types))
    (folder / "img_ids.txt").write_text("x\n" + "1\n" * 19)
    refuse(
        tmp_path,
        r"types\.txt:1: the type is '7', not one of .*; 4 such cases, also img_ids\.txt:1 \('x' is "
        r".*\), types\.txt:2 \(the line is blank\), …\. Fetch",
    )


def test_blank_answers_at_the_end_are_blank_answers(tmp_path: Path) -> None:
    answers = write(tmp_path, "train", SOME) / "train/answers.txt"
    answers.write_text("cake\ntwo\n\n\n")
    refuse(tmp_path, r"answers\.txt:3: the line is blank; 2 such cases, also answers\.txt:4")
    answers.write_text("cake\ntwo\nred\nsink")
    assert len(read_coco_qa(tmp_path)) == 4


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        ("types", "4", r"types\.txt:3: the type is '4', not one of 0 \(object\), 1 \(number\)"),
        ("img_ids", "9.jpg", r"img_ids\.txt:3: '9\.jpg' is not an image id such as 123456"),
        ("answers", "  ", r"answers\.txt:3: the line is blank"),
    ],
)
def test_malformed_lines_are_named(tmp_path: Path, name: str, line: str, message: str) -> None:
    file = write(tmp_path, "train", SOME) / f"train/{name}.txt"
    lines = file.read_text().splitlines()
    file.write_text("\n".join((*lines[:2], line, *lines[3:])))
    refuse(tmp_path, message)
