"""The questions and annotations in VQA's official files, checked against each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from askattend.data.questions import Question, QuestionId
from askattend.data.readers.error_collector import ErrorCollector
from askattend.data.readers.json_files import each_record, read_json, refuse_none
from askattend.data.readers.vqa_files import Part

# The id alone, or with that of the original: in VQA-Rephrasings the two collide.
Key = int | tuple[int, int]
Answers = tuple[tuple[str, int], ...]


class _Question(msgspec.Struct, gc=False):
    question_id: int
    image_id: int
    question: str
    rephrasing_of: int | None = None


class _Questions(msgspec.Struct):
    questions: list[msgspec.Raw]
    data_subtype: str = ""


class _Answer(msgspec.Struct, gc=False):
    answer: str


class _FileAnnotation(msgspec.Struct, gc=False):
    question_id: int
    answers: list[_Answer]
    image_id: int | None = None
    question_type: str | None = None
    answer_type: str | None = None
    rephrasing_of: int | None = None


class _Annotations(msgspec.Struct):
    annotations: list[msgspec.Raw]


class _Annotation(msgspec.Struct, gc=False):
    """An annotation with its answers counted."""

    question_id: int
    answers: Answers = ()
    image_id: int | None = None
    question_type: str | None = None
    answer_type: str | None = None
    rephrasing_of: int | None = None


R = TypeVar("R", _Question, _Annotation)
_NONE = _Annotation(0)
_COUNT = itemgetter(1)


def read_part(part: Part) -> tuple[dict[QuestionId, Question], str]:
    """Read the questions of one part with their annotations, by id; and its ``data_subtype``.

    Raises:
        DataError: a file is unreadable, not of the official schema, or questions and annotations
            contradict each other.
    """
    file = read_json(part.questions, _Questions)
    where = f"{part.questions}: $.questions"
    refuse_none(file.questions, where)
    questions = _by_key(each_record(enumerate(file.questions), _Question, where=where), where)
    annotations: Mapping[Key, _Annotation] = {}
    if part.annotations is not None:
        annotations = _annotations(part.annotations)
        _check_match(part.questions, questions, part.annotations, annotations)
    return _joined(questions, annotations, part.split), file.data_subtype


def _joined(
    records: Mapping[Key, _Question], annotations: Mapping[Key, _Annotation], split: str
) -> dict[QuestionId, Question]:
    """Join questions with their annotations; equal image ids are one object, as most repeat."""
    # An original says nothing of its rephrasings: it is told by those that name it.
    originals = {q.rephrasing_of for q in records.values()} - {None}
    images: dict[int, str] = {}
    questions: dict[QuestionId, Question] = {}
    for key, q in records.items():
        identifier: QuestionId = q.question_id
        if isinstance(key, tuple) and (q.question_id in questions or q.question_id in records):
            identifier = f"{q.question_id}/{q.rephrasing_of}"
        original = q.question_id if q.rephrasing_of is None else q.rephrasing_of
        annotation = annotations.get(key, _NONE)
        questions[identifier] = Question(
            identifier,
            images.get(q.image_id) or images.setdefault(q.image_id, str(q.image_id)),
            q.question,
            annotation.answers,
            split,
            annotation.question_type,
            annotation.answer_type,
            meaning=str(original) if original in originals else None,
        )
    return questions


def _annotations(file: Path) -> dict[Key, _Annotation]:
    """Read the annotations by key; equal answers are one object, since most of them repeat."""
    # Raw until each is counted: ten answers a question as objects would fill the memory.
    raws = read_json(file, _Annotations).annotations
    where = f"{file}: $.annotations"
    shared: dict[Any, Any] = {}
    types: dict[str | None, str | None] = {}
    lacking = ErrorCollector()

    def counted() -> Iterator[_Annotation]:
        for index, a in enumerate(each_record(enumerate(raws), _FileAnnotation, where=where)):
            if not a.answers:
                lacking.add(f"{where}[{index}].answers", "no answers")
            yield _Annotation(
                a.question_id,
                _count(a.answers, shared),
                a.image_id,
                types.setdefault(a.question_type, a.question_type),
                types.setdefault(a.answer_type, a.answer_type),
                a.rephrasing_of,
            )

    annotations = _by_key(counted(), where)
    lacking.raise_if_any(
        "Fetch the file again; a set without answers has no annotations file at all."
    )
    return annotations


def _count(answers: Sequence[_Answer], shared: dict[Any, Any]) -> Answers:
    """Count how many gave each answer, most common first; of equals, the first given."""
    counts: dict[str, int] = {}
    for given in answers:
        counts[given.answer] = counts.get(given.answer, 0) + 1
    if len(counts) <= 2:  # few enough to be met again as a whole
        tally = tuple(sorted(counts.items(), key=_COUNT, reverse=True))
        same: Answers = shared.setdefault(tally, tally)
        return same
    pairs = sorted(counts.items(), key=_COUNT, reverse=True)
    return tuple([shared.setdefault(pair, pair) for pair in pairs])


def _by_key(records: Iterable[R], where: str) -> dict[Key, R]:
    """Key the records by question id, no two with the same."""
    keyed: dict[Key, R] = {}
    twice = ErrorCollector()
    for index, record in enumerate(records):
        key: Key = record.question_id
        if record.rephrasing_of is not None:
            key = (record.question_id, record.rephrasing_of)
        if key in keyed:
            twice.add(f"{where}[{index}]", f"the question id {record.question_id} is taken already")
        keyed[key] = record
    twice.raise_if_any("Ids must be unique; fetch the file again.")
    return keyed


def _check_match(
    question_file: Path,
    questions: Mapping[Key, _Question],
    annotation_file: Path,
    annotations: Mapping[Key, _Annotation],
) -> None:
    """Raise `DataError` unless both files have the same ids, and are about the same images."""
    unanswered, unknown, elsewhere = ErrorCollector(), ErrorCollector(), ErrorCollector()
    for index, (key, question) in enumerate(questions.items()):
        annotation = annotations.get(key)
        if annotation is None:
            where = f"{question_file}: $.questions[{index}]"
            unanswered.add(where, f"question {question.question_id} has no annotation")
        # Sets in VQA's schema may leave the image out of their annotations.
        elif annotation.image_id not in (None, question.image_id):
            where = f"{question_file}: $.questions[{index}].image_id"
            images = f"image {question.image_id}, and of {annotation.image_id} in its annotation"
            elsewhere.add(where, f"question {question.question_id} is of {images}")
    for index, (key, annotation) in enumerate(annotations.items()):
        if key not in questions:
            where = f"{annotation_file}: $.annotations[{index}]"
            unknown.add(where, f"no question {annotation.question_id} is asked")
    names = f"{question_file.name} and {annotation_file.name}"
    for mistakes in (unanswered, unknown, elsewhere):
        mistakes.raise_if_any(f"{names} must be of one release: fetch both again.")
