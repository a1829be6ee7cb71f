"""Reader of your own questions: a CSV, TSV, JSON Lines or JSON table."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TypeVar

from msgspec.structs import replace

from askattend.data.questions import QASet, Question, QuestionId
from askattend.data.readers.error_collector import ErrorCollector
from askattend.data.readers.headings import COLUMNS, REQUIRED, need_column
from askattend.data.readers.reader import Reader, written_options
from askattend.data.readers.row import Row, kind_of
from askattend.data.readers.rows import EXTENSIONS, read_rows
from askattend.data.splits import canonical_split
from askattend.errors import DataError, name_few

# Characters of a question or answer: some hundred words.
LONGEST = 2_000
# What begins with a scheme: https://…, s3://…, data:…
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/|data:", re.IGNORECASE)
_WHOLE = re.compile(r"-?[0-9]+\.0+")

LOCATED_AT = "located_at"

S = TypeVar("S")
T = TypeVar("T")

_ANSWERS_ARE = (
    "An answer is text, a number, true or false; in JSON several are a list, or an object of how "
    "many people gave each, {\"red\": 7}; in CSV and TSV 'answers' divides at '|'."
)


def read_table(file: Path, *, images: bool = True, **columns: str) -> QASet:
    """Read your own questions about your own images.

    One row a question: a line of ``.csv`` or ``.tsv`` under a header, an object on a line of
    ``.jsonl`` or ``.ndjson``, an object in the list that a ``.json`` file holds, or a row of an
    ``.xlsx``'s first sheet. Objects on lines and in a list are told apart by what they are. Text is
    in UTF-8, or in another encoding that Excel writes, which is noted. The header tells whether
    commas, semicolons, tabs or ``|`` divide. Names of columns may be in capitals, or what others
    call them in English, German or Chinese, which is noted, too: see `headings`.

    ========================  =====================================================================
    column                    holds
    ========================  =====================================================================
    image                     path of the image, absolute or relative to the table's folder; as
                              written (with forward slashes) it is the image's id
    question                  the question
    answer or answers         what people answered. Text, a number or true/false (read as yes/no);
                              in JSON also a list of these, or an object of answer → how many gave
                              it. In CSV and TSV, ``answers`` divides at ``|`` and ``answer`` does
                              not. Where a row has both, ``answers`` counts
    split (optional)          train, valid (or val, validation, dev), test, or a name of your own;
                              train where blank
    id (optional)             unique; without the column, the row's position from 0
    question_type,            groupings to report accuracy by
    answer_type (optional)
    located_at (optional)     path of the image, where ``image`` is but its name
    ========================  =====================================================================

    Every training row needs an answer; another split may do without in all its rows.

    Args:
        file: the table.
        images: False to read questions whose images may be missing.
        columns: a column's name → its heading in the table, where that is another.

    Raises:
        DataError: anything is malformed or missing, images included; names file and line, how many
            such rows there are and the first few.
    """
    table = read_rows(file, columns)
    rows = table.rows
    questions = tuple(_each(zip(rows, _ids(rows), strict=True), lambda pair: _question(*pair)))
    _check_answered(rows, questions)
    questions, folded = _fold_numbers(questions)
    notes = (*table.notes, *_notes(rows), *folded)
    files = _files(file, rows, questions)
    if images:
        _require_images(file, rows, questions, files)
    return QASet(f"table:{file}{written_options(columns)}", questions, files, notes)


def _each(items: Iterable[S], make: Callable[[S], T]) -> list[T]:
    """Apply `make` to each row; mistakes that have the same remedy are raised together."""
    made = []
    mistakes: dict[str, ErrorCollector] = {}
    for item in items:
        try:
            made.append(make(item))
        except DataError as error:
            like = mistakes.setdefault(error.remedy, ErrorCollector())
            like.add(str(error.where), error.problem)
    for remedy, like in mistakes.items():
        like.raise_if_any(remedy)
    return made


# --- the cells --------------------------------------------------------------------------------


def _question(row: Row, identifier: QuestionId) -> Question:
    for column in REQUIRED:
        need_column(column, row.cells, row.where)
    # Tables written on Windows: the id of an image is the same on every machine.
    image = _required_text(row, "image").replace("\\", "/")
    _refuse_address(image, row)
    return Question(
        id=identifier,
        image=PurePosixPath(image).as_posix(),
        text=_short(row, "question", _required_text(row, "question")),
        answers=_answers(row),
        split=canonical_split(_text(row, "split") or "train"),
        question_type=_text(row, "question_type"),
        answer_type=_text(row, "answer_type"),
    )


def _refuse_address(image: str, row: Row) -> None:
    """Refuse what is no file: it would be looked for under a mangled name."""
    if _ADDRESS.match(image):
        raise DataError(
            f"the image is an address ({image[:80]})",
            where=row.where,
            remedy="Download the images, and write the paths of their files.",
        )


def _short(row: Row, column: str, text: str) -> str:
    """Refuse a text that is no question or answer: a batch costs as much as its longest."""
    if len(text) > LONGEST:
        raise DataError(
            f"the {column} has {len(text):,} characters",
            where=row.where,
            remedy=f"Shorten it to {LONGEST:,} at most, or close the quotes before it.",
        )
    return text


def _blank(cell: object) -> bool:
    return cell is None or cell == [] or cell == {} or (isinstance(cell, str) and not cell.strip())


def _required_text(row: Row, column: str) -> str:
    text = _text(row, column)
    if text is None:
        raise DataError(f"the {column} is blank", where=row.where, remedy="Fill it in.")
    return text


def _text(row: Row, column: str) -> str | None:
    """Return a cell without surrounding white space; None if it is blank or absent."""
    cell = row.cells.get(column)
    if cell is None or isinstance(cell, str):
        return (cell or "").strip() or None
    raise DataError(
        f"the {column} is {kind_of(cell)}", where=row.where, remedy="Write it as text, in quotes."
    )


def _answers(row: Row) -> tuple[tuple[str, int], ...]:
    """Map answer → how many gave it, most common first; empty where the cells are blank."""
    column = "answer" if _blank(row.cells.get("answers")) else "answers"
    cell = row.cells.get(column)
    if _blank(cell):
        return ()
    counts: Counter[str] = Counter()
    if isinstance(cell, dict):
        for answer, count in cell.items():
            counts[_answer(answer, row, column)] += _count(count, row, column)
    elif column == "answers" and isinstance(cell, str) and "|" in cell:
        # A CSV's are divided already: in JSON it may be either, several answers or an odd one.
        raise DataError(f"'answers' is the text '{cell}'", where=row.where, remedy=_ANSWERS_ARE)
    else:
        counts.update(_answer(a, row, column) for a in (cell if isinstance(cell, list) else [cell]))
    return tuple(counts.most_common())


def _answer(cell: object, row: Row, column: str) -> str:
    """Write one answer as text: 3 as "3", and true as "yes", as people answer a question."""
    # Before numbers, as True is one to Python.
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)  # as which JSON's 3.0 was meant
    text = str(cell).strip() if isinstance(cell, str | int | float) else ""
    if not text:
        problem = "a blank answer" if _blank(cell) else f"an answer that is {kind_of(cell)}"
        raise DataError(f"'{column}' holds {problem}", where=row.where, remedy=_ANSWERS_ARE)
    return _short(row, "answer", text)


def _count(cell: object, row: Row, column: str) -> int:
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)  # as some programs write every number
    if isinstance(cell, int) and not isinstance(cell, bool) and cell > 0:
        return cell
    raise DataError(
        f"'{column}' holds a count of {json.dumps(cell)}", where=row.where, remedy=_ANSWERS_ARE
    )


# --- the table as a whole ---------------------------------------------------------------------


def _ids(rows: Sequence[Row]) -> list[QuestionId]:
    """Return the `id` column, or positions from 0 where there is none."""
    if all(_blank(row.cells.get("id")) for row in rows):
        return list(range(len(rows)))
    first: dict[str, str] = {}
    ids = _each(rows, _id)
    twice = ErrorCollector()
    for row, identifier in zip(rows, ids, strict=True):
        # As text, because 7 and "7" look the same in results.
        if (taken_by := first.setdefault(str(identifier), row.where)) != row.where:
            twice.add(row.where, f"the id {identifier} is taken by {taken_by}")
    twice.raise_if_any("Make ids unique, or leave the column out.")
    return ids


def _id(row: Row) -> QuestionId:
    cell = row.cells.get("id")
    if isinstance(cell, float) and cell.is_integer():  # as pandas writes a column with a gap
        return int(cell)
    if isinstance(cell, int) and not isinstance(cell, bool):
        return cell
    return _required_text(row, "id")


def _check_answered(rows: Sequence[Row], questions: Sequence[Question]) -> None:
    # A split without any answers is a test set; training needs them in any case.
    answered = {question.split for question in questions if question.answers} | {"train"}
    lacking = ErrorCollector()
    for row, question in zip(rows, questions, strict=True):
        if not question.answers and question.split in answered:
            if not row.cells.keys() & {"answer", "answers"}:
                need_column("answer", row.cells, row.where)
            lacking.add(row.where, f"no answer, in split '{question.split}'")
    lacking.raise_if_any(
        "Fill it in; only a split other than train may do without, in all its rows."
    )


def _fold_numbers(questions: tuple[Question, ...]) -> tuple[tuple[Question, ...], tuple[str, ...]]:
    """Read "3.0" as "3" where the table has both, as programs write one number in both ways."""
    texts = {answer for question in questions for answer, _ in question.answers}
    whole = {text: text.partition(".")[0] for text in texts if _WHOLE.fullmatch(text)}
    whole = {text: number for text, number in whole.items() if number in texts}
    if not whole:
        return questions, ()
    folded = tuple(
        replace(question, answers=_folded(question.answers, whole)) for question in questions
    )
    example, number = next(iter(sorted(whole.items())))
    return folded, (f"answers such as '{example}' are read as '{number}', which is there, too",)


def _folded(
    answers: tuple[tuple[str, int], ...], whole: Mapping[str, str]
) -> tuple[tuple[str, int], ...]:
    counts: Counter[str] = Counter()
    for answer, count in answers:
        counts[whole.get(answer, answer)] += count
    return tuple(counts.most_common())


def _files(file: Path, rows: Sequence[Row], questions: Sequence[Question]) -> dict[str, Path]:
    """Map image id → file."""
    distinct: dict[str, str] = {}
    for row, question in zip(rows, questions, strict=True):
        place = (_text(row, LOCATED_AT) or question.image).replace("\\", "/")
        if distinct.setdefault(question.image, place) != place:
            raise DataError(
                f"image '{question.image}' lies at {place}, and above at "
                f"{distinct[question.image]}",
                where=row.where,
                remedy="Give each picture a name of its own.",
            )
    return {image: file.parent / place for image, place in distinct.items()}


def _require_images(
    file: Path, rows: Sequence[Row], questions: Sequence[Question], images: Mapping[str, Path]
) -> None:
    missing = {image for image, path in images.items() if not os.path.isfile(path)}
    if missing:
        pairs = zip(rows, questions, strict=True)
        where = next(row.where for row, question in pairs if question.image in missing)
        named = name_few(path for image, path in images.items() if image in missing)
        raise DataError(
            f"{len(missing):,} of {len(images):,} images do not exist: {named}",
            where=where,
            remedy=f"Paths are relative to the table's folder, {file.parent.resolve()}.",
        )


def _notes(rows: Sequence[Row]) -> tuple[str, ...]:
    notes = []
    ignored = [
        n
        for n in dict.fromkeys(n for row in rows for n in row.cells)
        if n not in {*COLUMNS, LOCATED_AT}
    ]
    if ignored:
        notes.append(f"ignored columns: {', '.join(ignored)}")
    both = sum(
        not _blank(row.cells.get("answer")) and not _blank(row.cells.get("answers")) for row in rows
    )
    if both:
        notes.append(
            f"'answer' is ignored where 'answers' is there, too: {both:,} of {len(rows):,}"
        )
    return tuple(notes)


TABLE = Reader(
    "your own questions: .csv .tsv .xlsx .jsonl .ndjson .json",
    read_table,
    "FILE",
    "questions.csv",
    suffixes=tuple(EXTENSIONS),
    options=dict.fromkeys(sorted(COLUMNS), ()),
    requires_images=True,
)
