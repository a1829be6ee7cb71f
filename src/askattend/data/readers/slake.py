"""Reader of SLAKE in its official files: questions about medical images, in two languages."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Literal

import msgspec

from askattend.data.questions import QASet, Question, QuestionId
from askattend.data.readers.folders import files_below, locate
from askattend.data.readers.json_files import many_objects
from askattend.data.readers.reader import Reader
from askattend.data.readers.split_files import read_list, require_sound, split_files
from askattend.data.splits import shared_note
from askattend.errors import DataError

_FILES = {
    "train.json": "train",
    "validate.json": "valid",
    "validation.json": "valid",  # as copies on the model hub call it
    "test.json": "test",
}


class _Question(msgspec.Struct, gc=False):
    qid: int
    img_name: str
    question: str
    q_lang: str
    answer: str | None = None
    answer_type: str | None = None
    content_type: str | None = None


def read_slake(folder: Path, *, language: Literal["en", "zh", "all"] = "en") -> QASet:
    """Read SLAKE (Liu et al. 2021) from its files as downloaded.

    The folder holds, in itself or in folders below it, ``train.json``, ``validate.json`` and
    ``test.json``, or some of them, plain or ``.gz``, and perhaps the images,
    ``imgs/xmlab0/source.jpg``.

    Question ids are ``"train/0"``: the split, and SLAKE's own `qid`. Image ids are the paths in
    ``imgs``, such as ``"xmlab0/source.jpg"``. `question_type` is the type of content
    (``"Modality"``, ``"Organ"``, …), `answer_type` ``"OPEN"`` or ``"CLOSED"``.

    Args:
        folder: where the files are.
        language: ``"en"`` reads the English questions, ``"zh"`` the Chinese, ``"all"`` both.

    Raises:
        DataError: there is no question file, two for one split, or one is unreadable, not of the
            official schema, answered in part or has an id twice; or no question is in the
            language; names the file, the path inside it, how many such cases there are and the
            first few.
    """
    found = files_below(folder)
    questions: list[Question] = []
    taken: set[QuestionId] = set()
    spoken: dict[str, int] = {}
    with many_objects():
        for split, file in split_files(folder, found, _FILES).items():
            records = list(read_list(file, _Question))
            # Before any is left out: positions in messages are the file's.
            every = [_question(record, split) for record in records]
            require_sound(every, f"{file}: $", taken)
            for record, question in zip(records, every, strict=True):
                spoken[record.q_lang] = spoken.get(record.q_lang, 0) + 1
                if language in ("all", record.q_lang):
                    questions.append(question)
        if not questions:
            raise _none_in(language, folder, spoken)
        names = {question.image: (question.image,) for question in questions}
        images, missing = locate(names.items(), found, folder / "imgs")
    source = f"slake:{folder}" + (f",language={language}" if language != "en" else "")
    notes = (*_language_note(language, spoken), *shared_note(questions), *missing)
    return QASet(source, tuple(questions), images, notes)


def _question(record: _Question, split: str) -> Question:
    # Every picture is called source.jpg: its folder tells it from the others.
    parts = [part for part in PurePosixPath(record.img_name).parts if part not in ("/", "..")]
    return Question(
        f"{split}/{record.qid}",
        "/".join(parts[-2:]),
        record.question,
        ((record.answer, 1),) if record.answer else (),
        split,
        record.content_type,
        record.answer_type,
    )


def _language_note(language: str, spoken: dict[str, int]) -> tuple[str, ...]:
    """Make a note on the questions in other languages, if any were left out."""
    others = {name: count for name, count in spoken.items() if language not in ("all", name)}
    if not others:
        return ()
    left = ", ".join(f"{count:,} in '{name}'" for name, count in others.items())
    return (f"read the questions in '{language}'; left out {left}: add ,language=all for both",)


def _none_in(language: str, folder: Path, spoken: dict[str, int]) -> DataError:
    has = ", ".join(f"{count:,} in '{name}'" for name, count in spoken.items())
    remedy = f"It has {has}: add ,language=zh or ,language=all."
    return DataError(f"no question in '{language}'", where=folder, remedy=remedy)


SLAKE = Reader(
    "SLAKE as downloaded: English, or ,language=zh or all",
    read_slake,
    "DIR",
    "data/Slake1.0",
    options={"language": ("en", "zh", "all")},
)
