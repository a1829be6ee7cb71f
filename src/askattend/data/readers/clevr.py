"""Reader of CLEVR in its official files: questions about rendered solids."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import msgspec

from askattend.data.questions import QASet, Question
from askattend.data.readers.error_collector import ErrorCollector
from askattend.data.readers.folders import files_below, locate, no_question_file, two_files
from askattend.data.readers.json_files import (
    each_record,
    many_objects,
    read_json,
    refuse_none,
    refuse_unanswered,
)
from askattend.data.readers.reader import Reader
from askattend.data.splits import USUAL_SPLITS, canonical_split

_NAME = re.compile(r"CLEVR_(?P<split>\w+)_questions\.json(?:\.gz)?")
_YES_NO = ("exist", "equal", "less", "greater")


class _Step(msgspec.Struct, gc=False):
    """A function of a program; generators of such questions call its name its type."""

    function: str | None = None
    type: str | None = None


class _Question(msgspec.Struct, gc=False):
    question: str
    image_filename: str
    question_index: int | None = None
    answer: str | bool | int | None = None
    program: list[_Step] = []


class _Questions(msgspec.Struct):
    questions: list[msgspec.Raw]


def read_clevr(folder: Path) -> QASet:
    """Read CLEVR (Johnson et al. 2017) or CLEVR-CoGenT from its files as downloaded.

    The folder holds, in itself or in folders below it, ``CLEVR_train_questions.json``,
    ``CLEVR_val_questions.json`` and ``CLEVR_test_questions.json``, or some of them, and perhaps the
    images, ``CLEVR_train_000000.png``. CoGenT's ``trainA``, ``valA`` and ``testA`` are ``"train"``,
    ``"valid"`` and ``"test"``; ``valB`` and ``testB`` keep their names.

    Question ids are ``"train/0"``: the format numbers the questions of each split from 0. Image ids
    are the files' names without ``.png``. `question_type` is the last function of the question's
    program (``"query_color"``), `answer_type` what it yields: ``"yes/no"``, ``"number"``,
    ``"color"``, … Test questions have neither program nor answer.

    Raises:
        DataError: there is no question file, two for one split, or one is unreadable, not of the
            official schema or answered in part; names the file, the path inside it, how many such
            cases there are and the first few.
    """
    found = files_below(folder)
    questions: list[Question] = []
    names: dict[str, tuple[str, ...]] = {}
    with many_objects():
        for split, file in _question_files(folder, found):
            for question, picture in _read(file, split):
                questions.append(question)
                names.setdefault(question.image, (picture,))
        images, missing = locate(names.items(), found, folder / "images")
    return QASet(f"clevr:{folder}", tuple(questions), images, missing)


def _question_files(folder: Path, found: dict[str, list[str]]) -> list[tuple[str, Path]]:
    """Find the file of each split, in the usual order."""
    files: dict[str, Path] = {}
    for name in sorted(found):
        if m := _NAME.fullmatch(name):
            # CoGenT trains and tests on condition A; B is for transfer, and stays apart.
            split = canonical_split(m["split"].removesuffix("A"))
            paths = [*([files[split]] if split in files else []), *map(Path, found[name])]
            if len(paths) > 1:
                raise two_files(split, paths)
            files[split] = Path(found[name][0], name)
    if not files:
        raise no_question_file(folder, found, "CLEVR_train_questions.json")
    known = [split for split in USUAL_SPLITS if split in files]
    return [(split, files[split]) for split in dict.fromkeys((*known, *files))]


def _read(file: Path, split: str) -> Iterator[tuple[Question, str]]:
    """Yield each question, and the name of its picture's file."""
    where = f"{file}: $.questions"
    raws = read_json(file, _Questions).questions
    refuse_none(raws, where)
    answered: list[bool] = []
    taken: set[int] = set()
    twice = ErrorCollector()
    for position, q in enumerate(each_record(enumerate(raws), _Question, where=where)):
        # Files that the CLEVR generator wrote for other sets may lack the index.
        number = position if q.question_index is None else q.question_index
        if number in taken:
            twice.add(f"{where}[{position}]", f"the question index {number} is taken already")
        taken.add(number)
        picture = PurePosixPath(q.image_filename).name
        question = _question(q, f"{split}/{number}", picture.removesuffix(".png"), split)
        answered.append(bool(question.answers))
        yield question, picture
    twice.raise_if_any("Indices must be unique; fetch the file again.")
    refuse_unanswered(enumerate(answered), where)


def _question(q: _Question, identifier: str, image: str, split: str) -> Question:
    function = (q.program[-1].function or q.program[-1].type) if q.program else None
    return Question(
        identifier,
        image,
        q.question,
        () if q.answer in (None, "") else ((_answer(q.answer), 1),),
        split,
        function,
        _answer_type(function) if function else None,
    )


def _answer(answer: str | bool | int | None) -> str:
    # The generator writes true and 3 where the published files have "yes" and "3".
    if isinstance(answer, bool):
        return "yes" if answer else "no"
    return str(answer)


def _answer_type(function: str) -> str:
    """Name the kind of answer that a program gives, by its last function."""
    if function.startswith(_YES_NO):
        return "yes/no"
    return "number" if function == "count" else function.removeprefix("query_")


CLEVR = Reader("CLEVR and CLEVR-CoGenT as downloaded", read_clevr, "DIR", "data/CLEVR_v1.0")
