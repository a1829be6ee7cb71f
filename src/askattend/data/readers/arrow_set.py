"""All rows of a data set in Parquet or Arrow as a question set: its ids, pictures and notes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from msgspec.structs import replace

from askattend.data.extra_columns import PAIRS, POSITION, SUBSETS
from askattend.data.questions import QASet, QuestionId
from askattend.data.readers.arrow_cells import numbers_of
from askattend.data.readers.arrow_layout import Splits, lacking_shards
from askattend.data.readers.arrow_rows import ArrowRow, rows_of
from askattend.data.readers.error_collector import ErrorCollector
from askattend.data.readers.folders import NOT_THERE
from askattend.data.readers.headings import Headings
from askattend.data.readers.image_ids import portable_ids
from askattend.data.splits import shared_note
from askattend.errors import DataError, name_few


def is_within(path: str) -> bool:
    """Tell a picture's path that does not lead out of the data set's folder."""
    pure = PurePosixPath(path)
    return not pure.is_absolute() and ".." not in pure.parts and ":" not in path


@dataclass
class ArrowRows:
    """All rows of a data set while it is read.

    Attributes:
        headings: read those of each file.
        rows: so far.
        where: the data set, for messages.
    """

    headings: Headings
    rows: list[ArrowRow]
    where: str
    _names: dict[str, None] = field(default_factory=dict)
    _notes: list[str] = field(default_factory=list)

    def read(self, folder: Path, splits: Splits) -> None:
        """Read the rows of some files.

        Raises:
            DataError: a file is damaged, or there is no row.
        """
        for split, files in splits.items():
            if lacking := lacking_shards(files):
                self._notes.append(
                    f"split '{split}' lacks {lacking:,} of its files, by their names"
                )
            for file in files:
                found = rows_of(folder / file, split, self.headings, self._names)
                self.rows.extend(found)
        if not self.rows:
            raise DataError("holds no rows", where=self.where, remedy="Name another one.")
        self.headings.require_named(self._names, self.where)
        positions = [row.more.get(POSITION) for row in self.rows]
        if all(isinstance(position, int) for position in positions):
            self.rows.sort(key=lambda row: int(row.more[POSITION]))

    def paths(self) -> list[str]:
        """List the paths of pictures that lie beside the files, each once."""
        return list(dict.fromkeys(row.path for row in self.rows if row.file is None))

    def pictures(self, locate: Callable[[str], Path]) -> list[tuple[str, Path]]:
        """Return each row's picture: its id and its file."""
        files = [row.file or locate(row.path) for row in self.rows]
        names = [row.image_id for row in self.rows]
        if self._tell_apart(names, files):
            return [(name or "", file) for name, file in zip(names, files, strict=True)]
        names = [_base_name(row) for row in self.rows]
        if not self._tell_apart(names, files):
            names = [row.path if row.file is None else row.file.stem for row in self.rows]
        ids = [name or "" for name in names]
        # Of paths on somebody's machine, what is the same elsewhere.
        short = portable_ids(dict(zip(ids, files, strict=True)), Path(self.where))
        return [(short[name], file) for name, file in zip(ids, files, strict=True)]

    def _tell_apart(self, names: Sequence[str | None], files: Sequence[Path]) -> bool:
        """Tell if each row has a name, and each name is of one picture by its content."""
        of_name: dict[str, str] = {}
        for row, name, file in zip(self.rows, names, files, strict=True):
            # Unpacked files are called by their content.
            content = str(file) if row.file is None else row.file.name
            if not name or of_name.setdefault(name, content) != content:
                return False
        return True

    def as_set(self, source: str, pictures: Sequence[tuple[str, Path]], *, images: bool) -> QASet:
        """Make the question set.

        Raises:
            DataError: questions lack answers or have one id, or pictures are missing.
        """
        questions = [row.question for row in self.rows]
        _require_answers(self.rows)
        files = dict(reversed(pictures))
        named = [
            replace(question, id=identifier, image=image)
            for question, identifier, (image, _) in zip(
                questions, _ids(self.rows), pictures, strict=True
            )
        ]
        by_id = {image: files[image] for image, _ in pictures}
        missing = [image for image, file in by_id.items() if not file.is_file()]
        notes = [*self.headings.notes, *self._notes, *shared_note(named)]
        if missing:
            problem = f"{len(missing):,} of {len(by_id):,} {NOT_THERE}: {name_few(missing)}"
            if images:
                remedy = "Put them there, or name the column that holds them."
                raise DataError(problem, where=self.where, remedy=remedy)
            notes.append(problem)
        ids = [question.id for question in named]
        return QASet(
            source,
            tuple(named),
            by_id,
            tuple(notes),
            pairs=_pairs(self.rows, ids),
            subsets=_subsets(self.rows, ids),
        )


def _base_name(row: ArrowRow) -> str | None:
    """Return the name that a row's picture had as a file, without folders of somebody's machine."""
    if not row.path:
        return None
    path = row.path.replace("\\", "/")
    return path if row.file is None or is_within(path) else PurePosixPath(path).name


def _require_answers(rows: Sequence[ArrowRow]) -> None:
    """Refuse a split that is answered in part, and training questions without an answer."""
    answered = {row.question.split for row in rows if row.question.answers} | {"train"}
    lacking = ErrorCollector()
    for row in rows:
        if not row.question.answers and row.question.split in answered:
            lacking.add(row.where, f"no answer, in split '{row.question.split}'")
    lacking.raise_if_any(
        "Leave those rows out, name the column of answers by --columns answer=NAME, or choose a "
        "split: ,split=NAME."
    )


def _ids(rows: Sequence[ArrowRow]) -> list[QuestionId]:
    """Return the ids of all rows; where they are not all there, or not unique, numbers a split."""
    given = [row.id for row in rows]
    # As text, because 7 and "7" look the same in results.
    if None not in given and len(set(map(str, given))) == len(given):
        return [one for one in given if one is not None]
    counts: dict[str, int] = {}
    ids: list[QuestionId] = []
    for row in rows:
        number = counts.setdefault(row.question.split, 0)
        counts[row.question.split] += 1
        ids.append(f"{row.question.split}-{number}")
    return ids


def _is_number(cell: Any) -> bool:
    return isinstance(cell, int)  # the column may be somebody else's


def _pairs(
    rows: Sequence[ArrowRow], ids: Sequence[QuestionId]
) -> tuple[tuple[QuestionId, QuestionId], ...]:
    members: dict[int, list[QuestionId]] = {}
    for row, identifier in zip(rows, ids, strict=True):
        for number in filter(_is_number, numbers_of(row.more, PAIRS)):
            members.setdefault(number, []).append(identifier)
    ordered = sorted(number for number, both in members.items() if len(both) == 2)
    return tuple((members[number][0], members[number][1]) for number in ordered)


def _subsets(
    rows: Sequence[ArrowRow], ids: Sequence[QuestionId]
) -> dict[str, frozenset[QuestionId]]:
    members: dict[str, set[QuestionId]] = {}
    for row, identifier in zip(rows, ids, strict=True):
        for name in numbers_of(row.more, SUBSETS):
            members.setdefault(str(name), set()).add(identifier)
    return {name: frozenset(those) for name, those in members.items()}
