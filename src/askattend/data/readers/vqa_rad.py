"""Reader of VQA-RAD in its official file: questions of clinicians about radiology images."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import msgspec

from askattend.data.questions import QASet, Question, QuestionId
from askattend.data.readers.folders import files_below, locate
from askattend.data.readers.reader import Reader
from askattend.data.readers.split_files import read_list, require_sound, split_files
from askattend.data.splits import shared_note

# One file holds all; copies of it replace the blanks.
_FILES = dict.fromkeys(("VQA_RAD Dataset Public.json", "VQA_RAD_Dataset_Public.json"), "all")
_TEST = "test_"  # begins the phrase type of each test question
_NULL = "NULL"


class _Question(msgspec.Struct, gc=False):
    qid: int | str
    phrase_type: str
    image_name: str
    question: str
    answer: str | int | float | None = None
    qid_linked_id: str | None = None
    question_type: str | None = None
    answer_type: str | None = None


def read_vqa_rad(folder: Path) -> QASet:
    """Read VQA-RAD (Lau et al. 2018) from its files as downloaded.

    The folder holds, in itself or in folders below it, ``VQA_RAD Dataset Public.json``, plain or
    ``.gz``, and perhaps the images, ``VQA_RAD Image Folder/synpic54610.jpg``.

    The authors' test questions, whose phrase type is ``test_freeform`` or ``test_para``, are
    ``"test"``; all others are ``"train"``. They drew questions and not images, so that most images
    of the test are trained on, too: a note says how many. A question and its paraphrases, which
    the file links, share their `meaning`.

    Question ids are the file's, image ids the names of the image files without their endings.
    `question_type` is as written (``"PRES"``, ``"SIZE, COLOR"``), `answer_type` is ``"CLOSED"`` or
    ``"OPEN"``; white space around these and the answers, which the file has here and there, is
    left out.

    Raises:
        DataError: there is no question file or two, or it is unreadable, not of the official
            schema, answered in part or has an id twice; names the file, the path inside it, how
            many such cases there are and the first few.
    """
    found = files_below(folder)
    [file] = split_files(folder, found, _FILES).values()
    records = list(read_list(file, _Question))
    linked = _linked(records)
    names = {_image(r): (PurePosixPath(r.image_name).name,) for r in records}
    questions = tuple(_question(record, linked) for record in records)
    require_sound(questions, f"{file}: $", set())
    images, missing = locate(names.items(), found, folder / "VQA_RAD Image Folder")
    notes = (*shared_note(questions), *_reworded_note(questions), *missing)
    return QASet(f"vqa-rad:{folder}", questions, images, notes)


def _question(record: _Question, linked: Counter[tuple[str, str]]) -> Question:
    answer = "" if record.answer is None else str(record.answer).strip()
    link = _link(record)
    return Question(
        _number(record.qid),
        _image(record),
        record.question,
        ((answer, 1),) if answer else (),
        "test" if record.phrase_type.startswith(_TEST) else "train",
        _told(record.question_type),
        _told(record.answer_type),
        meaning="/".join(link) if linked[link] > 1 else None,
    )


def _number(qid: int | str) -> QuestionId:
    # The file writes numbers as text.
    return int(qid) if isinstance(qid, str) and qid.isascii() and qid.isdecimal() else qid


def _image(record: _Question) -> str:
    return PurePosixPath(record.image_name).stem


def _link(record: _Question) -> tuple[str, str]:
    """Return what a question shares with its paraphrases: the image and the file's own link."""
    return _image(record), _told(record.qid_linked_id) or ""


def _linked(records: Iterable[_Question]) -> Counter[tuple[str, str]]:
    return Counter(link for link in map(_link, records) if link[1])


def _told(text: str | None) -> str | None:
    """Return a cell's text, None where the file says NULL."""
    text = (text or "").strip()
    return None if text in ("", _NULL) else text


def _reworded_note(questions: Iterable[Question]) -> tuple[str, ...]:
    """Make a note on test questions that are asked in other words in training."""
    splits = defaultdict(set)
    for question in questions:
        splits[question.meaning].add(question.split)
    splits.pop(None, None)
    both = sum(len(each) > 1 for each in splits.values())
    if not both:
        return ()
    return (f"{both:,} questions of 'test' are asked in other words in 'train'",)


VQA_RAD = Reader("VQA-RAD as downloaded", read_vqa_rad, "DIR", "data/vqa-rad")
