"""Questions to ask of images: the same of all, or a table of pairs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from askattend.bulk.items import Asked
from askattend.data.questions import Question
from askattend.data.readers.cells import is_blank, question_of, required_text
from askattend.data.readers.row import Row
from askattend.data.readers.rows import EXTENSIONS, read_rows
from askattend.data.readers.table import question_ids
from askattend.errors import DataError
from askattend.files import decode_json, read_bytes
from askattend.files.limits import QUESTION


@dataclass(frozen=True)
class Questions:
    """Questions to ask.

    Attributes:
        common: of every image.
        of_images: image id → what is asked of it alone.
        notes: what the reader decided, to be printed.
    """

    common: tuple[str, ...] = ()
    of_images: Mapping[str, tuple[Asked, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_questions(file: Path) -> Questions:
    """Read questions: ``.txt``, one a line, of every image; or a table.

    A table that has no column ``image`` asks its questions of every image, too.

    Raises:
        DataError: it is none of these, malformed, or holds no question.
    """
    if file.suffix.lower() == ".txt":
        return Questions(common=_lines(file))
    if not any(file.name.lower().removesuffix(".gz").endswith(end) for end in EXTENSIONS):
        remedy = f"Write .txt, one question a line, or a table: {' '.join(EXTENSIONS)}."
        raise DataError("is no file of questions by its name", where=file, remedy=remedy)
    table = read_rows(file, {})
    if not any("image" in row.cells for row in table.rows):
        common = tuple(required_text(row, "question") for row in table.rows)
        return Questions(common=common, notes=table.notes)
    return Questions(of_images=_by_image(table.rows), notes=table.notes)


def by_image(questions: Iterable[Question], *, ids: bool = True) -> dict[str, tuple[Asked, ...]]:
    """Gather questions by their image, in the order in which images come first."""
    gathered: defaultdict[str, list[Asked]] = defaultdict(list)
    for question in questions:
        gathered[question.image].append(Asked(question.text, question.id if ids else None))
    return {image: tuple(asked) for image, asked in gathered.items()}


def _by_image(rows: tuple[Row, ...]) -> dict[str, tuple[Asked, ...]]:
    named = any(not is_blank(row.cells.get("id")) for row in rows)
    pairs = zip(rows, question_ids(rows), strict=True)
    return by_image((question_of(*pair) for pair in pairs), ids=named)


def _lines(file: Path) -> tuple[str, ...]:
    try:
        text = read_bytes(file).decode()
    except UnicodeDecodeError as error:
        problem = f"is not in UTF-8 (byte {error.start:,})"
        raise DataError(problem, where=file, remedy="Save it as UTF-8.") from None
    numbered = enumerate(map(str.strip, text.splitlines()), 1)
    lines = [(number, line) for number, line in numbered if line]
    for number, line in lines:
        if len(line) > (most := QUESTION.value()):
            remedy = f"Write one question a line, of {most:,} characters at most. "
            remedy += QUESTION.how_to_raise()
            raise DataError(
                f"has {len(line):,} characters", where=f"{file}:{number}", remedy=remedy
            )
    if not lines:
        raise DataError("holds no question", where=file, remedy="Write one a line.")
    return tuple(line for _, line in lines)


def questions_in(content: bytes, where: str) -> tuple[Asked, ...]:
    """Read the questions that a tar file has of an image; none where it holds something else.

    Args:
        content: an object with ``question`` (a text) or ``questions`` (texts, or objects of
            ``question`` and ``id``).
        where: how messages call it.

    Raises:
        DataError: it is no JSON, or holds something else in the place of a question.
    """
    try:
        read = decode_json(content)
    except msgspec.DecodeError as error:
        problem = f"is no JSON ({error})"
        raise DataError(problem, where=where, remedy="Make the tar file again.") from None
    if not isinstance(read, dict):
        return ()
    listed = read.get("questions", read.get("question", []))
    listed = listed if isinstance(listed, list) else [listed]
    return tuple(_asked(question, where) for question in listed)


def _asked(question: Any, where: str) -> Asked:
    identifier = None
    if isinstance(question, dict):
        question, identifier = question.get("question"), question.get("id")
    is_id = identifier is None or (
        isinstance(identifier, int | str) and not isinstance(identifier, bool)
    )
    if not isinstance(question, str) or len(question) > QUESTION.value() or not is_id:
        raise DataError(
            "holds a question that is none",
            where=where,
            remedy='Write {"questions": ["is it red?"]}, or {"question": …, "id": …} for each.',
        )
    return Asked(question, identifier)
