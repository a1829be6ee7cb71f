"""Formats of tables: each is read as what it is, whatever it is called."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from askattend.data.questions import QASet
from askattend.data.readers.sheet_layout import Merged, MergedRows
from askattend.data.readers.table import read_table
from askattend.errors import DataError

ROWS = [
    {"image": "a.png", "question": "is it red, or blue?", "answer": "red"},
    {"image": "a.png", "question": "what?", "answer": "a|b;c"},
]
LINES = "\n".join(map(json.dumps, ROWS))
OBJECTS = "\n".join(json.dumps(row, indent=1) for row in ROWS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.png").write_bytes(b"\xff\xd8\xff")
    return tmp_path


def read(folder: Path, text: str, ending: str) -> QASet:
    file = folder / f"q.{ending}"
    file.write_text(text, encoding="utf-8", newline="")
    return read_table(file)


@pytest.mark.parametrize("ending", ["json", "jsonl", "ndjson"])
@pytest.mark.parametrize("text", [LINES, json.dumps(ROWS), json.dumps(ROWS, indent=1), OBJECTS])
def test_json_is_read_as_what_it_is(folder: Path, text: str, ending: str) -> None:
    assert [(q.text, q.answers[0][0]) for q in read(folder, text, ending)] == [
        (row["question"], row["answer"]) for row in ROWS
    ]


@pytest.mark.parametrize("ending", ["json", "jsonl"])
def test_one_object_is_one_row(folder: Path, ending: str) -> None:
    assert len(read(folder, json.dumps(ROWS[0], indent=1), ending)) == 1


@pytest.mark.parametrize(
    ("text", "ending", "message"),
    [
        (LINES + "\n{", "json", r"q\.json:3: malformed JSON"),
        (json.dumps(ROWS, indent=1)[:-9], "jsonl", r"q\.jsonl:1: malformed JSON"),
        (
            json.dumps({"image": {"0": "a"}, "question": {"0": "b"}}),
            "json",
            r"q\.json: the file does not hold a list.*orient=",
        ),
        (json.dumps({"data": ROWS}), "json", r"q\.json: the file does not hold a list"),
        (OBJECTS.replace('"what?"', "3"), "json", r"q\.json:6: the question is a number"),
    ],
)
def test_malformed_json_of_either_kind(folder: Path, text: str, ending: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(folder, text, ending)


@pytest.mark.parametrize("ending", ["csv", "tsv"])
@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
@pytest.mark.parametrize("first", ["", "sep={mark}\r\n", '"sep={mark}"\n'])
def test_the_header_tells_what_divides(folder: Path, ending: str, mark: str, first: str) -> None:
    rows = [["image", "question", "answer"], ["a.png", '"a;b, c?"', "yes"]]
    text = first.format(mark=mark) + "\r\n".join(map(mark.join, rows))
    (question,) = read(folder, text, ending)
    assert (question.text, question.answers) == ("a;b, c?", (("yes", 1),))


def test_lines_are_counted_from_the_first(folder: Path) -> None:
    with pytest.raises(DataError, match=r"q\.csv:3: 2 fields .* Write ';' between"):
        read(folder, "sep=;\nimage;question;answer\na.png;b\n", "csv")
    with pytest.raises(DataError, match=r"Write a tab between"):
        read(folder, "image\tquestion\tanswer\na.png\tb\n", "csv")


@pytest.mark.parametrize("cell", ["what? " * 30_000, '"what?' + "\na.png,what,red" * 10_000])
def test_a_cell_beyond_the_limit_is_called_so(folder: Path, cell: str) -> None:
    with pytest.raises(DataError, match=r"q\.csv:2: a cell of more than 131,072 characters\."):
        read(folder, f"image,question,answer\na.png,{cell},red\n", "csv")


def workbook(file: Path, *sheets: Sequence[Sequence[Any]]) -> Path:
    book = openpyxl.Workbook()
    del book["Sheet"]
    for rows in sheets:
        sheet = book.create_sheet()
        for cells in rows:
            sheet.append(cells)
    book.save(file)
    return file


@pytest.mark.parametrize("name", ["q.xlsx", "q.csv"])
def test_a_workbook(folder: Path, name: str) -> None:
    table: list[list[Any]] = [
        ["Bild", "Frage", "answers", "id", None],
        ["a.png", "wie viele?", 3.0, 1],
        [None, " ", None],
        ["a.png", "ist es rot?", True, 2],
        ["a.png", "was?", "rot|blau|rot", 3],
    ]
    questions = read_table(workbook(folder / name, [], table, [["other"]]))
    assert [(q.id, q.text, q.answers) for q in questions] == [
        (1, "wie viele?", (("3", 1),)),
        (2, "ist es rot?", (("yes", 1),)),
        (3, "was?", (("rot", 2), ("blau", 1))),
    ]
    note = f"only the sheet 'Sheet1' of {name} is read, not 'Sheet2'; for another write "
    assert f"{note}table:{name},sheet=Sheet2" in questions.notes


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "the table is empty"),
        ([["image", "question", "answer"], ["a.png", None, "x"]], r"q\.xlsx:2: the question is bl"),
        ([["image", "question"], ["a.png", "b", "x"]], r"q\.xlsx:2: 3 cells under a header of 2"),
        (
            [["image", "qestion"], ["a.png", "b"]],
            r"q\.xlsx:1: no column 'question' .* 'qestion' to",
        ),
    ],
)
def test_mistakes_in_a_workbook(folder: Path, rows: list[list[Any]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_table(workbook(folder / "q.xlsx", rows))


def test_what_is_no_workbook_of_today(folder: Path) -> None:
    file = folder / "q.xlsx"
    file.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500))
    with pytest.raises(DataError, match=r"an old format, or protected.*Save it as \.xlsx"):
        read_table(file)
    whole = workbook(file, [["image"]]).read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="not a whole Excel workbook"):
        read_table(file)


def test_without_openpyxl(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = workbook(folder / "q.xlsx", [["image"]])
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    with pytest.raises(DataError, match=r"needs openpyxl.*pip install .*or save it as CSV UTF-8"):
        read_table(file)


TITLED = [
    ["Survey of shelves, 2026"],
    [],
    ["Bild", "Frage", "Antwort"],
    ["a.png", "is it full?", "no"],
    ["a.png", "what?", "x"],
]


@pytest.mark.parametrize("ending", ["xlsx", "csv", "tsv"])
@pytest.mark.parametrize("sign", [",", ";"])
def test_titles_above_the_headings_are_passed_over(folder: Path, ending: str, sign: str) -> None:
    if ending == "xlsx":
        questions = read_table(workbook(folder / "q.xlsx", TITLED))
    else:
        sign = "\t" if ending == "tsv" else sign
        lines = [sign.join([f'"{cell}"' for cell in row]) for row in TITLED]
        questions = read(folder, "\n".join(lines), ending)
    assert [question.text for question in questions] == ["is it full?", "what?"]
    titles = [note for note in questions.notes if "above the headings" in note]
    assert titles == ["passed over what stands above the headings: 'Survey of shelves, 2026'"]


def test_lines_are_counted_from_the_top_of_the_file(folder: Path) -> None:
    lines = [*(",".join(row) for row in TITLED), "a.png,one field too few"]
    lines[0] = "Survey"
    with pytest.raises(DataError, match=r"q\.csv:6: 2 fields under a header of 3"):
        read(folder, "\n".join(lines), "csv")


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
@pytest.mark.parametrize(
    ("rows", "line", "named"),
    [
        ([["Survey", "", ""], [], ["view", "question", "reply"]], 3, "'view', 'question', 'reply'"),
        ([["Projekt 2026", "", ""], ["Foto-Nr", "Frag", "Antwort"]], 2, "'Foto-Nr', 'Frag', 'An"),
        ([["Projekt", "", ""], ["Imagen", "Pregunta", "Sí"]], 2, "'Imagen', 'Pregunta', 'Sí'"),
        ([["Imagen", "Pregunta", "Respuesta"], ["a.png", "b", "c"]], 1, "'Imagen', 'Pregunta'"),
    ],
)
def test_what_is_missing_is_told_of_the_row_that_is_most_like_headings(
    folder: Path, ending: str, rows: list[list[str]], line: int, named: str
) -> None:
    rows = [*rows, ["a.png", "what?", "red"]]
    file = folder / f"q.{ending}"
    if ending == "csv":
        file.write_text("\n".join(map(",".join, rows)), encoding="utf-8")
    else:
        workbook(file, [[cell or None for cell in row] for row in rows])
    with pytest.raises(DataError, match=rf"q\.{ending}:{line}: no column 'image' among {named}"):
        read_table(file)


COVER: list[list[Any]] = [["Deckblatt"], ["Küche", 2026]]
ASKED = [["Bild", "Frage", "Antwort"], ["a.png", "what?", "red"]]


def test_the_only_sheet_with_the_columns_is_taken(folder: Path) -> None:
    questions = read_table(workbook(folder / "q.xlsx", COVER, ASKED))
    assert [question.text for question in questions] == ["what?"]
    assert questions.notes[0].startswith("only the sheet 'Sheet1' of q.xlsx is read, not 'Sheet'")


def test_a_sheet_by_its_name(folder: Path) -> None:
    others = [["Bild", "Frage", "Antwort"], ["a.png", "where?", "here"]]
    file = workbook(folder / "q.xlsx", COVER, ASKED, others)
    for sheet, text in (("Sheet1", "what?"), ("sheet2 ", "where?")):
        read = read_table(file, sheet=sheet)
        assert [question.text for question in read] == [text]
        assert read.source == f"table:{file},sheet={sheet}"
        assert not any("only" in note for note in read.notes)
    with pytest.raises(DataError, match=r"'Sheet1', 'Sheet2' could each .*,sheet=Sheet1"):
        read_table(file)
    with pytest.raises(DataError, match=r"no sheet 'Sheet9' .* Did you mean 'Sheet"):
        read_table(file, sheet="Sheet9")
    with pytest.raises(DataError, match=r"no sheet 'xyz' .* It has: 'Sheet', 'Sheet1', 'Sheet2'"):
        read_table(file, sheet="xyz")
    (folder / "q.csv").write_text("image,question,answer\na.png,what?,red\n")
    with pytest.raises(DataError, match="no workbook"):
        read_table(folder / "q.csv", sheet="Sheet1")


def test_other_sheets_are_named_where_none_has_the_columns(folder: Path) -> None:
    file = workbook(
        folder / "q.xlsx", COVER, [["Foto-Nr", "Frage", "Wort"], ["a.png", "what?", "x"]]
    )
    with pytest.raises(DataError, match=r"sheet 'Sheet1'; ,sheet=NAME reads 'Sheet'"):
        read_table(file)
    read = read_table(file, sheet="Sheet1", images=False, image="Foto-Nr", answer="Wort")
    assert [question.image for question in read] == ["a.png"]


def arranged(folder: Path) -> Path:
    """A workbook with merged cells, hidden rows and columns, and a hidden sheet before it."""
    book = openpyxl.Workbook()
    hidden, sheet = book.active, book.create_sheet("shown")
    assert hidden is not None
    hidden.append(["image", "question", "answer"])
    hidden.append(["a.png", "of the hidden sheet?", "no"])
    hidden.sheet_state = "hidden"
    for row in (
        ["Title over all", None, None, None],
        ["image", "question", "answer", "split"],
        ["a.png", "one?", "yes", "train"],
        [None, "two?", "no", "train"],
        [None, "three?", "no", "train"],
        [None, None, None, None],
        ["a.png", "four?", "wide", None],
    ):
        sheet.append(row)
    for cells in ("A1:D1", "A3:A6", "C7:D7"):
        sheet.merge_cells(cells)
    sheet.row_dimensions[5].hidden = True
    sheet.column_dimensions.group("C", "D", hidden=True)
    book.save(folder / "q.xlsx")
    return folder / "q.xlsx"


def test_merged_and_hidden_cells(folder: Path) -> None:
    questions = read_table(arranged(folder))
    assert [(q.image, q.text, q.answers[0][0]) for q in questions] == [
        ("a.png", "one?", "yes"),
        ("a.png", "two?", "no"),
        ("a.png", "three?", "no"),
        ("a.png", "four?", "wide"),
    ]
    assert questions.notes == (
        "only the sheet 'shown' of q.xlsx is read, not 'Sheet'; for another write "
        "table:q.xlsx,sheet=Sheet",
        "passed over what stands above the headings: 'Title over all'",
        "merged cells are read as if each of their rows held the value: A3:A6",
        "cells merged across columns are read as the first alone: C7:D7",
        "1 hidden row is read like any other: 5",
        "a hidden column is read like any other: C:D",
    )


def test_values_that_a_merged_range_hides_are_not_read(folder: Path) -> None:
    file = arranged(folder)
    hidden = b'<c r="A4" t="inlineStr"><is><t>other.png</t></is></c>'
    with zipfile.ZipFile(file) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    sheet = "xl/worksheets/sheet2.xml"
    parts[sheet], count = re.subn(rb'(<row r="4"[^>]*>)', rb"\1" + hidden, parts[sheet])
    assert count == 1
    with zipfile.ZipFile(file, "w") as new:
        for name, content in parts.items():
            new.writestr(name, content)
    assert {question.image for question in read_table(file)} == {"a.png"}


@given(st.lists(st.tuples(*[st.integers(1, 6)] * 4), max_size=4), st.integers(0, 2**30))
def test_merged_rows_are_those_of_openpyxl(ranges: list[tuple[int, ...]], filled: int) -> None:
    """Beside openpyxl, which holds the sheet as a whole; ranges that overlap are in no workbook."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    values = [
        [f"{r}.{c}" if filled >> (6 * r + c) % 30 & 1 else None for c in range(6)] for r in range(6)
    ]
    for row in values:
        sheet.append(row)
    merged: list[Merged] = []
    for a, b, c, d in ranges:
        one = Merged("", min(a, b), min(c, d), max(a, b), max(c, d))
        apart = all(
            one.right < m.left or one.left > m.right or one.bottom < m.top or one.top > m.bottom
            for m in merged
        )
        if apart:
            merged.append(one)
            sheet.merge_cells(None, one.top, one.left, one.bottom, one.right)
    expected = [[sheet.cell(r, c).value for c in range(1, 7)] for r in range(1, 7)]
    for one in merged:
        for at in range(one.top, one.bottom + 1):
            expected[at - 1][one.left - 1] = expected[one.top - 1][one.left - 1]
    rows = MergedRows(sorted(merged, key=lambda one: (one.top, one.left)))
    for number, row in enumerate(values, start=1):
        own, shared = rows.read(number, row)
        assert list(shared) == expected[number - 1]
        assert list(own) == [sheet.cell(number, c).value for c in range(1, 7)]


def test_a_header_longer_than_any_cell(folder: Path) -> None:
    header = ",".join(f"column {number}" for number in range(20_000))
    with pytest.raises(DataError, match=r"q\.csv:1: no column 'image' among 'column 0'"):
        read(folder, f"{header}\n", "csv")
