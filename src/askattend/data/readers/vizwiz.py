"""Reader of VizWiz in its official files: photographs and questions of people who are blind."""

from __future__ import annotations

from collections import Counter
from pathlib import Path, PurePosixPath

import msgspec

from askattend.data.questions import QASet, Question, QuestionId
from askattend.data.readers.folders import files_below, locate
from askattend.data.readers.json_files import many_objects
from askattend.data.readers.reader import Reader
from askattend.data.readers.split_files import read_list, require_sound, split_files
from askattend.data.splits import shared_note

_FILES = {"train.json": "train", "val.json": "valid", "test.json": "test"}
_UNANSWERABLE = "unanswerable"


class _Answer(msgspec.Struct, gc=False):
    answer: str


class _Question(msgspec.Struct, gc=False):
    image: str
    question: str
    answers: list[_Answer] | None = None
    answer_type: str | None = None


def read_vizwiz(folder: Path) -> QASet:
    """Read VizWiz-VQA (Gurari et al. 2018) from its files as downloaded.

    The folder holds, in itself or in folders below it, ``train.json``, ``val.json`` and
    ``test.json``, or some of them, plain or ``.gz``, and perhaps the images,
    ``VizWiz_train_00000000.jpg``.

    Each image has one question, whose id is the image's: its file's name without the ending. The
    ten human answers are counted as those of VQA are, however sure people were; "unanswerable" is
    an answer like others. `answer_type` is ``"other"``, ``"unanswerable"``, ``"yes/no"`` or
    ``"number"``. Test questions have no answers.

    Raises:
        DataError: there is no question file, two for one split, or one is unreadable, not of the
            official schema, answered in part or asks of an image twice; names the file, the path
            inside it, how many such cases there are and the first few.
    """
    found = files_below(folder)
    questions: list[Question] = []
    names: dict[str, tuple[str, ...]] = {}
    taken: set[QuestionId] = set()
    with many_objects():
        for split, file in split_files(folder, found, _FILES).items():
            new = []
            for record in read_list(file, _Question):
                picture = PurePosixPath(record.image).name
                new.append(_question(record, PurePosixPath(picture).stem, split))
                names.setdefault(new[-1].image, (picture,))
            require_sound(new, f"{file}: $", taken)
            questions += new
        images, missing = locate(names.items(), found, folder / "images")
    notes = (*_unanswerable_note(questions), *shared_note(questions), *missing)
    return QASet(f"vizwiz:{folder}", tuple(questions), images, notes)


def _question(record: _Question, image: str, split: str) -> Question:
    counts = Counter(given.answer for given in record.answers or ())
    answers = tuple(counts.most_common())
    return Question(image, image, record.question, answers, split, answer_type=record.answer_type)


def _unanswerable_note(questions: list[Question]) -> tuple[str, ...]:
    """Make a note on questions that most people could not answer from the photograph."""
    answered = [question for question in questions if question.answers]
    count = sum(question.answers[0][0] == _UNANSWERABLE for question in answered)
    if not count:
        return ()
    return (f"{count:,} of {len(answered):,} answered questions are '{_UNANSWERABLE}' to most",)


VIZWIZ = Reader("VizWiz as downloaded", read_vizwiz, "DIR", "data/vizwiz")
