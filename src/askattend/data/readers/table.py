"""Reader of your own questions: a CSV, TSV, JSON Lines or JSON table."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec.structs import replace

from askattend.data.questions import QASet, Question, QuestionId
from askattend.data.readers.cells import is_blank, question_of, required_text, text_of
from askattend.data.readers.error_collector import ErrorCollector, each_of
from askattend.data.readers.folders import NOT_THERE
from askattend.data.readers.headings import COLUMNS, need_column
from askattend.data.readers.image_ids import portable_ids
from askattend.data.readers.near_files import near_files
from askattend.data.readers.reader import Reader, written_options
from askattend.data.readers.row import Row
from askattend.data.readers.rows import EXTENSIONS, read_rows
from askattend.errors import DataError, name_few

_WHOLE = re.compile(r"-?[0-9]+\.0+")

LOCATED_AT = "located_at"


def read_table(file: Path, *, images: bool = True, encoding: str = "", **columns: str) -> QASet:
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
                              written (with forward slashes) it is the image's id, of an absolute
                              one without the folders of this machine: see `portable_ids`
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
        images: False to read questions whose images may be missing, which is noted.
        encoding: of a text table that is neither in Unicode nor told apart: ``"cp1254"``.
        columns: a column's name → its heading in the table, where that is another.

    Raises:
        DataError: anything is malformed or missing, images included; names file and line, how many
            such rows there are and the first few.
    """
    table = read_rows(file, columns, encoding=encoding)
    rows = table.rows
    questions = tuple(
        each_of(zip(rows, question_ids(rows), strict=True), lambda pair: question_of(*pair))
    )
    _check_answered(rows, questions)
    questions, folded = _fold_numbers(questions)
    notes = (*table.notes, *_notes(rows), *folded)
    files = _files(file, rows, questions)
    questions, files = _with_portable_ids(file, questions, files)
    if images:
        _require_images(file, rows, questions, files)
    elif missing := _missing(files):
        where = f"relative to the table's folder, {file.parent.resolve()}"
        problem = f"{len(missing):,} of {len(files):,} {NOT_THERE}: {name_few(missing)} ({where})"
        near = near_files(missing.values(), file.parent)
        notes = (*notes, f"{problem}; {near}" if near else problem)
    options = {**columns, **({"encoding": encoding} if encoding else {})}
    return QASet(f"table:{file}{written_options(options)}", questions, files, notes)


def question_ids(rows: Sequence[Row]) -> list[QuestionId]:
    """Return the `id` column, or positions from 0 where there is none.

    Raises:
        DataError: one is blank, or there twice.
    """
    if all(is_blank(row.cells.get("id")) for row in rows):
        return list(range(len(rows)))
    first: dict[str, str] = {}
    ids = each_of(rows, _id)
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
    return required_text(row, "id")


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
        place = (text_of(row, LOCATED_AT) or question.image).replace("\\", "/")
        if distinct.setdefault(question.image, place) != place:
            raise DataError(
                f"image '{question.image}' lies at {place}, and above at "
                f"{distinct[question.image]}",
                where=row.where,
                remedy="Give each picture a name of its own.",
            )
    return {image: file.parent / place for image, place in distinct.items()}


def _with_portable_ids(
    file: Path, questions: tuple[Question, ...], files: dict[str, Path]
) -> tuple[tuple[Question, ...], dict[str, Path]]:
    """Take folders of this machine off the ids of images."""
    ids = portable_ids(files, file.parent)
    if all(new == old for old, new in ids.items()):
        return questions, files
    renamed = tuple(replace(question, image=ids[question.image]) for question in questions)
    return renamed, {ids[image]: path for image, path in files.items()}


def _require_images(
    file: Path, rows: Sequence[Row], questions: Sequence[Question], images: Mapping[str, Path]
) -> None:
    if missing := _missing(images):
        pairs = zip(rows, questions, strict=True)
        where = next(row.where for row, question in pairs if question.image in missing)
        named = name_few(missing.values())
        near = near_files(missing.values(), file.parent)
        raise DataError(
            f"{len(missing):,} of {len(images):,} images do not exist: {named}",
            where=where,
            remedy=f"Paths are relative to the table's folder, {file.parent.resolve()}."
            + (f" Check the names: {near}." if near else ""),
        )


def _missing(images: Mapping[str, Path]) -> dict[str, Path]:
    return {image: path for image, path in images.items() if not os.path.isfile(path)}


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
        not is_blank(row.cells.get("answer")) and not is_blank(row.cells.get("answers"))
        for row in rows
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
    options=dict.fromkeys((*sorted(COLUMNS), "encoding"), ()),
    requires_images=True,
)
