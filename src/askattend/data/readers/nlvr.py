"""Reader of NLVR in its official files: sentences that are true or false of drawn pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from askattend.data.questions import QASet, Question, QuestionId
from askattend.data.readers.folders import files_below, locate
from askattend.data.readers.json_files import each_record, many_objects, refuse_none
from askattend.data.readers.reader import Reader
from askattend.data.readers.split_files import require_sound, split_files
from askattend.errors import DataError
from askattend.files import read_bytes

_FILES = {f"{name}.json": name for name in ("train", "dev", "test")}
_SPLITS = {"dev": "valid"}
# Of each example there are the six orders of its three boxes, each a picture.
_ORDERS = range(6)


class _Example(msgspec.Struct, gc=False):
    sentence: str
    identifier: str
    label: Literal["true", "false", "True", "False"] | bool | None = None
    left_url: object = None  # only NLVR2 has it


def read_nlvr(folder: Path) -> QASet:
    """Read NLVR (Suhr et al. 2017) from its files as downloaded.

    The folder holds, in itself or in folders below it, ``train.json``, ``dev.json`` and
    ``test.json``, or some of them, an object a line, plain or ``.gz``, and perhaps the images,
    ``train/images/0/train-72-0-3.png``.

    An example is a sentence about three boxes, drawn in each of their six orders: it makes six
    questions, as published figures count them, one a picture. The ids of question and image are
    the name of the picture's file without ``.png``: ``"train-72-0-3"``. The answer is ``"true"``
    or ``"false"``, as is the `answer_type`, ``"true/false"``. Development is ``"valid"``.

    Raises:
        DataError: there is no question file, two for one split, or one is unreadable, not of the
            official schema (that of NLVR2 is about two photographs at once), labelled in part or
            has an identifier twice; names the file, the line, how many such cases there are and
            the first few.
    """
    found = files_below(folder)
    questions: list[Question] = []
    taken: set[QuestionId] = set()
    with many_objects():
        for name, file in split_files(folder, found, _FILES).items():
            examples = list(_examples(file))
            first = [_question(each, name, 0) for each in examples]
            require_sound(first, f"{file}: lines", taken, first=1)
            questions += [_question(each, name, k) for each in examples for k in _ORDERS]
        names = {question.image: (f"{question.image}.png",) for question in questions}
        images, missing = locate(names.items(), found, folder / "images")
    notes = (*_order_note(questions), *_sentence_note(questions), *missing)
    return QASet(f"nlvr:{folder}", tuple(questions), images, notes)


def _examples(file: Path) -> Iterator[_Example]:
    where = f"{file}: lines"
    lines = enumerate(read_bytes(file).split(b"\n"), 1)
    raws = [(number, msgspec.Raw(line)) for number, line in lines if line.strip()]
    refuse_none(raws, str(file))
    for example in each_record(raws, _Example, where=where):
        if example.left_url is not None:
            raise DataError(
                "this is NLVR2, whose sentences are about two photographs at once",
                where=file,
                remedy="Give the folder of NLVR, whose pictures are drawn.",
            )
        yield example


def _question(example: _Example, name: str, order: int) -> Question:
    picture = f"{name}-{example.identifier}-{order}"
    label = "" if example.label is None else str(example.label).lower()
    return Question(
        picture,
        picture,
        example.sentence,
        ((label, 1),) if label else (),
        _SPLITS.get(name, name),
        answer_type="true/false",
    )


def _order_note(questions: list[Question]) -> tuple[str, ...]:
    """Make a note where pictures to validate on would be drawn from those of training."""
    if {question.split for question in questions} != {"train"}:
        return ()
    return (
        "the six orders of an example's boxes are six images, which drawing some to validate on "
        "parts: add dev.json",
    )


def _sentence_note(questions: list[Question]) -> tuple[str, ...]:
    """Make a note on sentences that training has, too."""
    known = {question.text for question in questions if question.split == "train"}
    counts = Counter(q.split for q in questions if q.split != "train" and q.text in known)
    both = ", ".join(f"{count:,} of '{split}'" for split, count in counts.items())
    return (f"questions whose sentence 'train' has, too: {both}",) if both else ()


NLVR = Reader("NLVR as downloaded: sentences, true or false", read_nlvr, "DIR", "data/nlvr")
