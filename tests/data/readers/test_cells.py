"""Cells that are no answer: a formula's error, numbers beyond measure, a key there twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from openpyxl import Workbook

from askattend.data.readers.table import read_table
from askattend.errors import DataError

ERRORS = ["#N/A", "#REF!", "#DIV/0!", "#VALUE!", "#NAME?", "#NV", "#WERT!", "#BEZUG!", "#¡VALOR!"]


def table(folder: Path, **cells: object) -> Path:
    row = {"image": "a.png", "question": "what?", "answer": "red", **cells}
    file = folder / "q.jsonl"
    file.write_text(json.dumps(row) + "\n")
    return file


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("column", ["image", "question", "answer", "split", "id"])
def test_an_error_of_a_formula_is_no_value(tmp_path: Path, column: str, error: str) -> None:
    csv = tmp_path / "q.csv"
    row = {"image": "a.png", "question": "what?", "answer": "red", "split": "train", "id": "1"}
    values = ",".join((row | {column: error}).values())
    csv.write_text(f"{','.join(row)}\n{values}\n", "utf-8")
    with pytest.raises(DataError, match=rf"q\.csv:2: the {column} is .*error of a spreadsheet"):
        read_table(csv, images=False)


def test_an_error_of_excel_s_own_is_no_value(tmp_path: Path) -> None:
    book = Workbook()
    assert book.active is not None
    book.active.append(["image", "question", "answer"])
    book.active.append(["a.png", "how many?", "#N/A"])
    book.active["C2"].data_type = "e"
    book.save(tmp_path / "q.xlsx")
    with pytest.raises(DataError, match=r"q\.xlsx:2: the answer is #N/A, the error of a spread"):
        read_table(tmp_path / "q.xlsx", images=False)


@pytest.mark.parametrize("text", ["#1", "# of boxes", "#hashtag", "#", "N/A"])
def test_what_merely_begins_so_is_an_answer(tmp_path: Path, text: str) -> None:
    (question,) = read_table(table(tmp_path, answer=text), images=False).questions
    assert question.answers == ((text, 1),)


@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 400, "9" * 10_000])
def test_a_number_beyond_measure_is_no_answer(tmp_path: Path, number: str) -> None:
    file = table(tmp_path, answer="NUMBER")
    file.write_text(file.read_text().replace('"NUMBER"', number))
    with pytest.raises(DataError, match=r"q\.jsonl:1: 'answer' holds a number beyond all measure"):
        read_table(file, images=False)
    (question,) = read_table(table(tmp_path, answer=10**20), images=False).questions
    assert question.answers == ((str(10**20), 1),)


@pytest.mark.parametrize("count", ["9" * 400, "9" * 5000, "1e300", "10000000001"])
def test_more_people_than_there_are_gave_no_answer(tmp_path: Path, count: str) -> None:
    file = table(tmp_path, answers={"red": "COUNT"})
    file.write_text(file.read_text().replace('"COUNT"', count))
    with pytest.raises(DataError, match="'answers' holds a count of"):
        read_table(file, images=False)


@pytest.mark.parametrize("ending", ["json", "jsonl"])
def test_a_key_that_is_there_twice_is_refused(tmp_path: Path, ending: str) -> None:
    row = '{"image": "a.png", "question": "what?", "answer": "red", "answer": "blue"}'
    file = tmp_path / f"q.{ending}"
    file.write_text(f"[{row}]" if ending == "json" else f"{row}\n")
    with pytest.raises(DataError, match="a row has 'answer' twice"):
        read_table(file, images=False)
