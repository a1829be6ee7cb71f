"""The cells of a row of Parquet or Arrow, which have types: texts are taken as they are written."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from askattend.data.extra_columns import BOXES, EXTRA, MEANING, NUMBERED
from askattend.data.questions import Box, Question, QuestionId
from askattend.data.readers.cells import MOST_PEOPLE
from askattend.data.readers.row import kind_of
from askattend.data.splits import canonical_split
from askattend.errors import DataError
from askattend.files.limits import QUESTION

IMAGE_ID = "image_id"
OWN = (*EXTRA, IMAGE_ID)
# What lists of answers call the answer itself: VQA's and SQuAD's.
_CALLED = ("answer", "text", "raw_answer")
_SIDES = 4
_ANSWERS_ARE = (
    "An answer is text, a number, true or false; several are a list of these, or of structs with "
    "a field 'answer'. Name the column that holds them: --columns answer=NAME."
)


def named_labels(value: Any, feature: Any) -> Any:
    """Return the names of classes where `datasets` notes that numbers stand for them."""
    if not isinstance(feature, Mapping):
        return value
    names = feature.get("names")
    if feature.get("_type") == "ClassLabel" and isinstance(names, list):
        known = isinstance(value, int) and 0 <= value < len(names)
        return names[value] if known else None
    if isinstance(value, list) and "feature" in feature:
        return [named_labels(each, feature["feature"]) for each in value]
    return value


def question_of(cells: Mapping[str, Any], where: str, *, split: str) -> Question:
    """Make the question of a row, with no id and no image as yet.

    Args:
        cells: column → value.
        where: the row, for messages.
        split: that of its file.

    Raises:
        DataError: a cell is missing, or none of what it may hold.
    """
    text = _text(cells, "question", where)
    if text is None or not text.strip():
        raise DataError("the question is blank", where=where, remedy="Leave the row out.")
    return Question(
        id="",
        image="",
        text=_short(text, "question", where),
        answers=_answers(cells, where),
        split=canonical_split(_text(cells, "split", where) or split),
        question_type=_text(cells, "question_type", where),
        answer_type=_text(cells, "answer_type", where),
        boxes=_boxes(cells.get(BOXES), where),
        meaning=_text(cells, MEANING, where),
    )


def id_of(cells: Mapping[str, Any], where: str) -> QuestionId | None:
    """Return a row's id; None where it has none.

    Raises:
        DataError: it is neither text nor a number.
    """
    cell = cells.get("id")
    if cell is None or cell == "":
        return None
    if isinstance(cell, float) and cell.is_integer():
        return int(cell)
    if isinstance(cell, bool) or not isinstance(cell, int | str):
        remedy = "Name another column, or none: --columns id=NAME."
        raise DataError(f"the id is {kind_of(cell)}", where=where, remedy=remedy)
    try:
        return int(cell) if cells.get(NUMBERED) is True else cell
    except ValueError:
        return cell


def image_id_of(cells: Mapping[str, Any]) -> str | None:
    """Return the name that a row gives its picture; None where it gives none."""
    cell = cells.get(IMAGE_ID)
    return str(cell) if isinstance(cell, int | str) and cell != "" else None


def numbers_of(cells: Mapping[str, Any], column: str) -> tuple[Any, ...]:
    """Return a cell that is a list; nothing where it is none."""
    cell = cells.get(column)
    return tuple(cell) if isinstance(cell, list) else ()


def _text(cells: Mapping[str, Any], column: str, where: str) -> str | None:
    cell = cells.get(column)
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, int) and not isinstance(cell, bool) and column.endswith("_type"):
        return str(cell)  # a grouping by number is one, too
    remedy = f"Name the column that holds it as text: --columns {column}=NAME."
    raise DataError(f"the {column} is {kind_of(cell)}", where=where, remedy=remedy)


def _short(text: str, column: str, where: str) -> str:
    if len(text) > (most := QUESTION.value()):
        raise DataError(
            f"the {column} has {len(text):,} characters",
            where=where,
            remedy=f"Shorten it to {most:,} at most. {QUESTION.how_to_raise()}",
        )
    return text


def _answers(cells: Mapping[str, Any], where: str) -> tuple[tuple[str, int], ...]:
    """Map answer → how many gave it, most common first; empty where there is none."""
    several = cells.get("answers")
    if several in (None, "", []) or several == {}:
        several = cells.get("answer")
        if several is None or (isinstance(several, str) and not several.strip()):
            return ()  # of a test set's question
    counts: Counter[str] = Counter()
    for answer, count in _listed(several):
        if not 0 < count <= MOST_PEOPLE:
            problem = f"an answer is counted {json.dumps(count)[:40]} times"
            raise DataError(problem, where=where, remedy=_ANSWERS_ARE)
        if answer is not None:
            counts[_short(_answer(answer, where), "answer", where)] += count
    return tuple(counts.most_common())


def _listed(cell: Any) -> list[tuple[Any, int]]:
    """List answers with how many gave each, in whatever form a column holds them."""
    if isinstance(cell, Mapping):  # a struct, or a struct of lists
        inner = next((cell[name] for name in _CALLED if name in cell), None)
        return _listed(inner) if inner is not None else [(dict(cell), 1)]
    if not isinstance(cell, list):
        return [(cell, 1)]
    if cell and all(isinstance(each, tuple) and len(each) == 2 for each in cell):
        return [(answer, count if isinstance(count, int) else 0) for answer, count in cell]
    found = []
    for each in cell:
        if isinstance(each, Mapping):
            each = next((each[name] for name in _CALLED if name in each), dict(each))
        found.append((each, 1))
    return found


def _answer(cell: Any, where: str) -> str:
    """Write one answer as text: 3.0 as "3", and true as "yes", as people answer a question."""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    if isinstance(cell, str | int) or (isinstance(cell, float) and math.isfinite(cell)):
        return str(cell)
    problem = f"the answers hold {kind_of(cell)}"
    raise DataError(problem, where=where, remedy=_ANSWERS_ARE)


def _boxes(cell: Any, where: str) -> tuple[Box, ...]:
    if cell is None:
        return ()
    boxes = [tuple(box) for box in cell if isinstance(box, list)] if isinstance(cell, list) else []
    numbers = [number for box in boxes for number in box]
    sound = all(isinstance(number, float) and math.isfinite(number) for number in numbers)
    if not boxes or not sound or any(len(box) != _SIDES for box in boxes):
        remedy = "Leave the column out."
        raise DataError(f"'{BOXES}' holds what is no box", where=where, remedy=remedy)
    return tuple(boxes)
