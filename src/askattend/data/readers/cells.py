"""The cells of a table's row: a question, its image and its answers."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import PurePosixPath
from typing import TypeVar

from askattend.data.questions import Question, QuestionId
from askattend.data.readers.headings import REQUIRED, need_column
from askattend.data.readers.row import Row, kind_of
from askattend.data.splits import canonical_split
from askattend.errors import DataError
from askattend.files.limits import QUESTION

T = TypeVar("T")
# How many may have given one answer: all who live.
MOST_PEOPLE = 10**10
# In English, German, French, Spanish, Italian and Portuguese.
_ERROR = re.compile(
    r"#(N/?A|N/D|N/DISP|NV|NOM\??|NAME\?|NOMBRE\?|NOME\?|REF!|BEZUG!|¡REF!|DIV/0!|¡DIV/0!|VALUE!|WERT!|"
    r"VALEUR!|¡VALOR!|VALOR!|VALORE!|NUM!|NOMBRE!|¡NUM!|ZAHL!|NULL!|NUL!|¡NULO!|NULLO!|SPILL!|"
    r"ÜBERLAUF!|CALC!|KALK!|GETTING_DATA|FIELD!|BLOCKED!|CONNECT!)",
    re.IGNORECASE,
)
# What begins with a scheme: https://…, s3://…, data:…
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/|data:", re.IGNORECASE)
_ANSWERS_ARE = (
    "An answer is text, a number, true or false; in JSON several are a list, or an object of how "
    "many people gave each, {\"red\": 7}; in CSV and TSV 'answers' divides at '|'."
)


def question_of(row: Row, identifier: QuestionId) -> Question:
    """Make the question of a row.

    Raises:
        DataError: a cell is missing, or none of what it may hold.
    """
    question, mistakes = parts_of(row, identifier)
    if mistakes:
        raise mistakes[0]
    return question


def parts_of(
    row: Row, identifier: QuestionId, lacking: Collection[str] = ()
) -> tuple[Question, list[DataError]]:
    """Make the question of a row, and list what is wrong with each of its cells.

    Args:
        row: the row.
        identifier: of the question.
        lacking: columns of which it is known already that the table has none.

    Returns:
        the question, blank where a cell is wrong, and the mistakes.
    """
    mistakes: list[DataError] = []

    def part(read: Callable[[], T], otherwise: T, column: str = "") -> T:
        try:
            if column in REQUIRED and column not in lacking:
                need_column(column, row.cells, row.where)
            return otherwise if column in lacking else read()
        except DataError as error:
            mistakes.append(error)
            return otherwise

    question = Question(
        id=identifier,
        image=part(lambda: _image(row), "", "image"),
        text=part(lambda: _short(row, "question", required_text(row, "question")), "", "question"),
        # Something, so that nobody misses an answer where a wrong one stands.
        answers=part(lambda: _answers(row), (("", 1),)),
        split=canonical_split(part(lambda: text_of(row, "split"), None) or "train"),
        question_type=part(lambda: text_of(row, "question_type"), None),
        answer_type=part(lambda: text_of(row, "answer_type"), None),
    )
    return question, mistakes


def _image(row: Row) -> str:
    # Tables written on Windows: the id of an image is the same on every machine.
    image = required_text(row, "image").replace("\\", "/")
    refuse_address(image, row.where)
    return PurePosixPath(image).as_posix()


def refuse_address(image: str, where: str) -> None:
    """Refuse what is no file: it would be looked for under a mangled name.

    Raises:
        DataError: it is an address.
    """
    if _ADDRESS.match(image):
        raise DataError(
            f"the image is an address ({image[:80]})",
            where=where,
            remedy="Download the images, and write the paths of their files, or delete the row.",
        )


def _short(row: Row, column: str, text: str) -> str:
    """Refuse a text that is no question or answer: a batch costs as much as its longest."""
    if len(text) > (most := QUESTION.value()):
        raise DataError(
            f"the {column} has {len(text):,} characters",
            where=row.where,
            remedy=f"Shorten it to {most:,} at most, or close the quotes before it. "
            + QUESTION.how_to_raise(),
        )
    return text


def is_blank(cell: object) -> bool:
    """Tell a cell that says nothing."""
    return cell is None or cell == [] or cell == {} or (isinstance(cell, str) and not cell.strip())


def required_text(row: Row, column: str) -> str:
    """Return a cell that must not be blank, as text.

    Raises:
        DataError: it is blank, or no text.
    """
    text = text_of(row, column)
    if text is None:
        raise DataError(
            f"the {column} is blank", where=row.where, remedy="Fill it in, or delete the row."
        )
    return text


def text_of(row: Row, column: str) -> str | None:
    """Return a cell without surrounding white space; None if it is blank or absent.

    Raises:
        DataError: it is no text.
    """
    cell = row.cells.get(column)
    if cell is None or isinstance(cell, str):
        return _sound(row, column, (cell or "").strip()) or None
    raise DataError(
        f"the {column} is {kind_of(cell)}", where=row.where, remedy="Write it as text, in quotes."
    )


def _answers(row: Row) -> tuple[tuple[str, int], ...]:
    """Map answer → how many gave it, most common first; empty where the cells are blank."""
    column = "answer" if is_blank(row.cells.get("answers")) else "answers"
    cell = row.cells.get(column)
    if is_blank(cell):
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
        problem = "a blank answer" if is_blank(cell) else f"an answer that is {kind_of(cell)}"
        raise DataError(f"'{column}' holds {problem}", where=row.where, remedy=_ANSWERS_ARE)
    if not math.isfinite(cell if isinstance(cell, float) else 0):
        problem = f"'{column}' holds a number beyond all measure"
        raise DataError(problem, where=row.where, remedy="Write it as text, in quotes.")
    return _short(row, "answer", _sound(row, column, text))


def _sound(row: Row, column: str, text: str) -> str:
    """Refuse what a spreadsheet writes where a formula failed: it is nobody's answer."""
    if text.startswith("#") and _ERROR.fullmatch(text):
        raise DataError(
            f"the {column} is {text}, the error of a spreadsheet's formula",
            where=row.where,
            remedy="Mend the formula, write the value itself or delete the row, and save it again.",
        )
    return text


def _count(cell: object, row: Row, column: str) -> int:
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)  # as some programs write every number
    if isinstance(cell, int) and not isinstance(cell, bool) and 0 < cell <= MOST_PEOPLE:
        return cell
    raise DataError(
        f"'{column}' holds a count of {json.dumps(cell)[:40]}", where=row.where, remedy=_ANSWERS_ARE
    )
