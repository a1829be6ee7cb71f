"""The typed question set that every reader returns."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from askattend.errors import DataError, name_few
from askattend.files.limits import QUESTION

QuestionId = int | str
# Left, top, right and bottom, as shares of the picture's width and height.
Box = tuple[float, float, float, float]


# Not a dataclass, and unknown to the garbage collector: sets hold up to a million questions, and
# a question holds nothing that could lead back to it.
class Question(msgspec.Struct, frozen=True, gc=False):
    """A question about an image.

    Attributes:
        id: unique within the set; an integer where the format has one.
        image: id of its image, a key of `QASet.images`.
        text: the question as it was written.
        answers: the human answers with how many people gave each, most common first; empty where
            the split has none.
        split: ``"train"``, ``"valid"``, ``"test"``, or the format's own name.
        question_type: the format's own grouping of questions, if it has one.
        answer_type: the format's own grouping of answers (``"yes/no"``, …), if it has one.
        boxes: where in the picture the objects are that the question is about, if it is known.
        meaning: what differently worded questions with the same meaning share, if it is known.
    """

    id: QuestionId
    image: str
    text: str
    answers: tuple[tuple[str, int], ...]
    split: str
    question_type: str | None = None
    answer_type: str | None = None
    boxes: tuple[Box, ...] = ()
    meaning: str | None = None


@dataclass(frozen=True)
class QASet:
    """Questions with their images, from one source.

    Attributes:
        source: how the source was named, e.g. ``"daquar:data/daquar"``.
        questions: in the order of the source.
        images: image id → file. A file need not exist until its pixels are needed.
        notes: what the reader decided on the user's behalf, to be printed.
        pairs: ids of questions that are complementary: one question about two images, with
            different answers (VQA v2). Either may be missing from a split.
        subsets: name → ids of questions that a published subset consists of, each of them in a
            split as well: ``"test-dev"`` is a part of VQA's ``"test"``.
    """

    source: str
    questions: tuple[Question, ...]
    images: Mapping[str, Path]
    notes: tuple[str, ...] = ()
    pairs: tuple[tuple[QuestionId, QuestionId], ...] = ()
    subsets: Mapping[str, frozenset[QuestionId]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.questions)

    def __iter__(self) -> Iterator[Question]:
        return iter(self.questions)

    @property
    def splits(self) -> dict[str, int]:
        """Map of each split → its number of questions, in order of appearance."""
        counts: dict[str, int] = {}
        for question in self.questions:
            counts[question.split] = counts.get(question.split, 0) + 1
        return counts

    def split(self, name: str) -> QASet:
        """Select the questions of one split or published subset, with only their images.

        Raises:
            DataError: the split is empty or does not exist.
        """
        # A published subset lies across splits, so that its questions are told by their ids.
        questions = tuple(q for q in self.questions if q.split == name)
        if name in self.subsets:
            ids = self.subsets[name]
            questions = tuple(q for q in self.questions if q.id in ids)
        if not questions:
            sizes = self.splits | {subset: len(ids) for subset, ids in self.subsets.items()}
            known = ", ".join(f"{split} ({n})" for split, n in sizes.items())
            raise DataError(
                f"no question in split '{name}'",
                where=self.source,
                remedy=f"It has: {known or 'no questions at all'}.",
            )
        images = {q.image: self.images[q.image] for q in questions}
        return replace(self, questions=questions, images=images)


def require_moderate(questions: QASet) -> None:
    """Refuse questions of endless length: a batch takes as much memory as its longest.

    Raises:
        DataError: there are some; names them.
    """
    most = QUESTION.value()
    if endless := [question.id for question in questions if len(question.text) > most]:
        raise DataError(
            f"{len(endless):,} questions have more than {most:,} characters: {name_few(endless)}",
            where=questions.source,
            remedy=f"Shorten them, or leave them out. {QUESTION.how_to_raise()}",
        )


def digest_of_questions(*sets: QASet) -> str:
    """Compute a digest of what questions ask, in their order: id, image, text, human answers."""
    total = hashlib.blake2b(digest_size=16)
    for number, questions in enumerate(sets):
        for q in questions:
            total.update(repr((number, q.id, q.image, q.text, q.answers)).encode())
    return total.hexdigest()
