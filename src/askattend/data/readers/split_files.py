"""Data sets whose every split is a JSON file of records, called by the split alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from askattend.data.questions import Question, QuestionId
from askattend.data.readers.error_collector import ErrorCollector
from askattend.data.readers.folders import no_question_file, two_files
from askattend.data.readers.json_files import (
    each_record,
    read_json,
    refuse_none,
    refuse_unanswered,
)

T = TypeVar("T")


def split_files(
    folder: Path, found: Mapping[str, list[str]], names: Mapping[str, str]
) -> dict[str, Path]:
    """Map split → its file, in the order of `names`; of splits that are there.

    Args:
        folder: where the data set is.
        found: what `files_below` found in it.
        names: a file's name, without ``.gz`` → its split.

    Raises:
        DataError: there is none, or a split has two.
    """
    files: dict[str, list[Path]] = {}
    for name, split in names.items():
        for called in (name, f"{name}.gz"):
            here = [Path(inside, called) for inside in found.get(called, ())]
            files.setdefault(split, []).extend(here)
    for split, paths in files.items():
        if len(paths) > 1:
            raise two_files(split, paths)
    there = {split: paths[0] for split, paths in files.items() if paths}
    if not there:
        raise no_question_file(folder, found, next(iter(names)))
    return there


def read_list(file: Path, kind: type[T]) -> Iterator[T]:
    """Yield the records of a file that holds a list of them.

    Raises:
        DataError: it is unreadable, empty, or not of the schema; see `each_record`.
    """
    raws = read_json(file, list[msgspec.Raw])
    refuse_none(raws, f"{file}: $")
    return each_record(enumerate(raws), kind, where=f"{file}: $")


def require_sound(
    questions: Iterable[Question], where: str, taken: set[QuestionId], *, first: int = 0
) -> None:
    """Refuse ids that are there twice, and answers to some of a file's questions alone.

    Args:
        questions: of one file, in its order.
        where: the file and the path inside it that leads to them.
        taken: the ids of the files before, to which these are added.
        first: the number of the first.

    Raises:
        DataError: there are some; tells where, how many, and the first few.
    """
    numbered = list(enumerate(questions, first))
    twice = ErrorCollector()
    for number, question in numbered:
        if question.id in taken:
            twice.add(f"{where}[{number}]", f"the id {question.id} is taken already")
        taken.add(question.id)
    twice.raise_if_any("Ids must be unique; fetch the file again.")
    refuse_unanswered(((number, question.answers) for number, question in numbered), where)
