"""A test split held out of questions that have none."""

from __future__ import annotations

from dataclasses import replace

from msgspec.structs import replace as with_fields

from askattend.data.questions import QASet
from askattend.data.splits import choose_images
from askattend.errors import DataError

# Drawn apart from the images that are validated on, or a seed's test would take all of these.
_DRAW = "test"


def with_test_split(questions: QASet, share: str, seed: str) -> QASet:
    """Move the training questions of some images to the split test.

    The images depend on their ids, the share and the seed alone. No image of another split is among
    them.

    Args:
        questions: all of a source.
        share: of the training images, between 0 and 1, as it is written; ``""`` to move none.
        seed: a whole number, as it is written; ``""`` for 0.

    Raises:
        DataError: a number is none or out of range, there is a test split already, or fewer than
            two images are free to be divided.
    """
    if not share:
        if seed:
            raise _refused("seed chooses the images of test=SHARE, which is not there", questions)
        return questions
    fraction, number = _share(share, questions), _seed(seed or "0", questions)
    if "test" in questions.splits:
        problem = f"{questions.splits['test']:,} questions are of the split test already"
        raise _refused(problem, questions, "Leave test=… out.")
    free = {question.image for question in questions if question.split == "train"}
    free -= {question.image for question in questions if question.split != "train"}
    if len(free) < 2:
        problem = f"{len(free)} training images cannot be divided"
        raise _refused(problem, questions, "Add images, or leave test=… out.")
    chosen = choose_images(free, fraction, number, draw=_DRAW)
    moved = tuple(
        with_fields(question, split="test") if question.image in chosen else question
        for question in questions
    )
    count = sum(question.split == "test" for question in moved)
    note = (
        f"held out to test on: {count:,} questions on {len(chosen):,} of {len(free):,} training "
        f"images (test {fraction:g}, seed {number})"
    )
    return replace(questions, questions=moved, notes=(*questions.notes, note))


def _share(text: str, questions: QASet) -> float:
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise _refused(f"test={text} is no number between 0 and 1", questions, "0.2 is usual.")
    return share


def _seed(text: str, questions: QASet) -> int:
    try:
        return int(text)
    except ValueError:
        raise _refused(f"seed={text} is no whole number", questions) from None


def _refused(problem: str, questions: QASet, remedy: str = "") -> DataError:
    return DataError(problem, where=questions.source, remedy=remedy)
