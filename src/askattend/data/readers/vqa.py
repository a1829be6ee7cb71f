"""Reader of VQA v1 and v2, and of sets in their schema, from the official files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from askattend.data.questions import QASet, Question, QuestionId
from askattend.data.readers.folders import files_below, locate
from askattend.data.readers.json_files import (
    ErrorCollector,
    each_record,
    many_objects,
    read_json,
    refuse_none,
)
from askattend.data.readers.reader import Reader
from askattend.data.readers.vqa_files import Part, find_parts
from askattend.data.splits import shared_note

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


class _Annotation(msgspec.Struct, gc=False):
    question_id: int
    answers: list[_Answer]
    image_id: int | None = None
    question_type: str | None = None
    answer_type: str | None = None
    rephrasing_of: int | None = None


class _Annotations(msgspec.Struct):
    annotations: list[msgspec.Raw]


class _Annotated(msgspec.Struct, gc=False):
    """What is kept of an annotation."""

    question_id: int
    answers: Answers = ()
    image_id: int | None = None
    question_type: str | None = None
    answer_type: str | None = None
    rephrasing_of: int | None = None


R = TypeVar("R", _Question, _Annotated)
_NONE = _Annotated(0)
_COUNT = itemgetter(1)


def read_vqa(folder: Path, *, family: str | None = None) -> QASet:
    """VQA (Antol et al. 2015; v2: Goyal et al. 2017) from its files as downloaded.

    The folder holds, in itself or in folders below it (``Questions/``, ``Annotations/``), files
    such as ``v2_OpenEnded_mscoco_train2014_questions.json``,
    ``v2_mscoco_train2014_annotations.json`` and
    ``v2_mscoco_train2014_complementary_pairs.json``, plain or ``.gz``, and perhaps the images,
    ``COCO_train2014_000000123456.jpg``. OK-VQA and VQA-Rephrasings come in the same form.

    - The split is the one that the file's name tells: ``train2014`` is ``"train"``, ``val2014``
      ``"valid"``, ``test2015`` ``"test"``. The name of an image file has the ``data_subtype``.
    - A file without annotations has questions without answers, as the official test sets.
    - A file all of whose questions are in an earlier one, word for word, makes no split, but a part
      of that split: ``split("test-dev")`` has those questions of ``"test"``. Alone it is a split.
      Otherwise no two questions have the same id.
    - Where OpenEnded and MultipleChoice files are both there, the former are read; of v2 and v1,
      v2; of photographs and abstract scenes, photographs; `notes` say so.
    - `pairs` holds the complementary pairs; `meaning` is the id of the original, for a rephrasing
      and its original.

    Args:
        folder: where the files are.
        family: ``"v1"`` or ``"abstract"``, to read those where other files are there too.

    Raises:
        DataError: files are missing, unreadable, contradict each other or are not of the official
            schema; names the file, the path inside it, how many such cases there are and the first
            few.
    """
    found = files_below(folder)
    parts, notes = find_parts(folder, found, family=family)
    with many_objects():
        questions, names, subsets = _gather(parts)
        images, missing = locate(names.items(), found, folder / "images")
        pairs = tuple(pair for part in parts for pair in _pairs(part))
    return QASet(
        f"vqa-{family}:{folder}" if family else f"vqa:{folder}",
        tuple(questions.values()),
        images,
        (*notes, *_parts_of(subsets), *shared_note(questions.values()), *missing),
        pairs,
        subsets,
    )


Gathered = tuple[
    dict[QuestionId, Question], dict[str, tuple[str, ...]], dict[str, frozenset[QuestionId]]
]


def _gather(parts: Iterable[Part]) -> Gathered:
    """The questions by id, the names that each image's file may have, and the subsets."""
    questions: dict[QuestionId, Question] = {}
    names: dict[str, tuple[str, ...]] = {}
    subsets: dict[str, frozenset[QuestionId]] = {}
    for part in parts:
        new, subtype = _read_part(part)
        if _is_subset(part, new, questions):
            subsets[part.split] = frozenset(new)
            continue
        questions.update(new)
        for image in dict.fromkeys(question.image for question in new.values()):
            if image not in names:
                names[image] = part.image_names(int(image), subtype)
    return questions, names, subsets


def _read_part(part: Part) -> tuple[dict[QuestionId, Question], str]:
    """The questions of one file with their annotations, by id; and its ``data_subtype``."""
    file = read_json(part.questions, _Questions)
    where = f"{part.questions}: $.questions"
    refuse_none(file.questions, where)
    asked = _by_key(each_record(enumerate(file.questions), _Question, where=where), where)
    annotated = None
    if part.annotations is not None:
        annotated = _annotations(part.annotations)
        _check_match(part.questions, asked, part.annotations, annotated)
    return _questions(asked, annotated or {}, part.split), file.data_subtype


def _questions(
    asked: Mapping[Key, _Question], annotated: Mapping[Key, _Annotated], split: str
) -> dict[QuestionId, Question]:
    originals = {q.rephrasing_of for q in asked.values()} - {None}
    images: dict[int, str] = {}
    questions: dict[QuestionId, Question] = {}
    for key, q in asked.items():
        identifier: QuestionId = q.question_id
        if isinstance(key, tuple) and (q.question_id in questions or q.question_id in asked):
            identifier = f"{q.question_id}/{q.rephrasing_of}"
        original = q.question_id if q.rephrasing_of is None else q.rephrasing_of
        known = annotated.get(key, _NONE)
        questions[identifier] = Question(
            identifier,
            images.get(q.image_id) or images.setdefault(q.image_id, str(q.image_id)),
            q.question,
            known.answers,
            split,
            known.question_type,
            known.answer_type,
            meaning=str(original) if original in originals else None,
        )
    return questions


def _annotations(file: Path) -> dict[Key, _Annotated]:
    """What is kept of each annotation; equal answers are one object, since most of them repeat."""
    raws = read_json(file, _Annotations).annotations
    where = f"{file}: $.annotations"
    shared: dict[Any, Any] = {}
    types: dict[str | None, str | None] = {}
    lacking = ErrorCollector()

    def kept() -> Iterator[_Annotated]:
        for index, a in enumerate(each_record(enumerate(raws), _Annotation, where=where)):
            if not a.answers:
                lacking.add(f"{where}[{index}].answers", "no answers")
            yield _Annotated(
                a.question_id,
                _tally(a.answers, shared),
                a.image_id,
                types.setdefault(a.question_type, a.question_type),
                types.setdefault(a.answer_type, a.answer_type),
                a.rephrasing_of,
            )

    annotations = _by_key(kept(), where)
    lacking.raise_if_any(
        "Fetch the file again; a set without answers has no annotations file at all."
    )
    return annotations


def _tally(answers: Sequence[_Answer], shared: dict[Any, Any]) -> Answers:
    """Answer → how many gave it, most common first; of equally common ones, the first given."""
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
    """The records by question id, no two with the same."""
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
    questions: Path,
    asked: Mapping[Key, _Question],
    annotations: Path,
    annotated: Mapping[Key, _Annotated],
) -> None:
    """Questions and annotations must have the same ids, and be about the same images."""
    release = f"{questions.name} and {annotations.name} must be of one release: fetch both again."
    unanswered, unasked, elsewhere = ErrorCollector(), ErrorCollector(), ErrorCollector()
    for index, (key, question) in enumerate(asked.items()):
        annotation = annotated.get(key)
        if annotation is None:
            where = f"{questions}: $.questions[{index}]"
            unanswered.add(where, f"question {question.question_id} has no annotation")
        elif annotation.image_id not in (None, question.image_id):
            where = f"{questions}: $.questions[{index}].image_id"
            images = f"image {question.image_id}, and of {annotation.image_id} in its annotation"
            elsewhere.add(where, f"question {question.question_id} is of {images}")
    for index, (key, annotation) in enumerate(annotated.items()):
        if key not in asked:
            where = f"{annotations}: $.annotations[{index}]"
            unasked.add(where, f"no question {annotation.question_id} is asked")
    for mistakes in (unanswered, unasked, elsewhere):
        mistakes.raise_if_any(release)


def _is_subset(
    part: Part, new: Mapping[QuestionId, Question], questions: Mapping[QuestionId, Question]
) -> bool:
    """Whether all questions of a file were in an earlier one, and are the same there."""
    if new.keys().isdisjoint(questions):
        return False
    whole = new.keys() <= questions.keys()
    twice = ErrorCollector()
    for index, (identifier, question) in enumerate(new.items()):
        known = questions.get(identifier)
        unlike = known and whole and _unlike(question, known)
        if known and (unlike or not whole):
            problem = f"question {identifier} is in '{known.split}' too{unlike or ''}"
            twice.add(f"{part.questions}: $.questions[{index}]", problem)
    twice.raise_if_any("Ids must be unique: keep sets that share them in folders of their own.")
    return True


def _unlike(question: Question, known: Question) -> str:
    """How a question differs from another with its id, annotations only where it has any."""
    if question.image != known.image:
        return f", about image {known.image} and not {question.image}"
    if question.text != known.text:
        return ", in other words"
    annotated = [(q.answers, q.question_type, q.answer_type) for q in (question, known)]
    return ", with another annotation" if question.answers and len(set(annotated)) > 1 else ""


def _parts_of(subsets: Mapping[str, frozenset[QuestionId]]) -> Iterator[str]:
    for name, ids in subsets.items():
        yield f"'{name}' is a part of other splits: {len(ids):,} questions"


def _pairs(part: Part) -> list[tuple[int, int]]:
    return read_json(part.pairs, list[tuple[int, int]]) if part.pairs else []


VQA = Reader("VQA v2 or v1, or a set in their schema, as downloaded", read_vqa, "DIR", "data/vqa")
VQA_V1 = Reader("VQA v1 where v2 is, too", partial(read_vqa, family="v1"), "DIR", "data/vqa")
VQA_ABSTRACT = Reader(
    "VQA's abstract scenes where photographs are, too",
    partial(read_vqa, family="abstract"),
    "DIR",
    "data/vqa",
)
