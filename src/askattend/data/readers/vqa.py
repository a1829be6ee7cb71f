"""Reader of VQA v1 and v2, and of sets in their schema, from the official files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

from askattend.data.questions import QASet, Question, QuestionId
from askattend.data.readers.error_collector import ErrorCollector
from askattend.data.readers.folders import files_below, locate
from askattend.data.readers.json_files import many_objects, read_json
from askattend.data.readers.reader import Reader
from askattend.data.readers.vqa_files import Part, find_parts
from askattend.data.readers.vqa_records import read_part
from askattend.data.splits import shared_note


def read_vqa(folder: Path, *, family: str | None = None) -> QASet:
    """Read VQA (Antol et al. 2015; v2: Goyal et al. 2017) from its files as downloaded.

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
        (*notes, *_subset_notes(subsets), *shared_note(questions.values()), *missing),
        pairs,
        subsets,
    )


Gathered = tuple[
    dict[QuestionId, Question], dict[str, tuple[str, ...]], dict[str, frozenset[QuestionId]]
]


def _gather(parts: Iterable[Part]) -> Gathered:
    """Gather the questions by id, the names that each image's file may have, and the subsets."""
    questions: dict[QuestionId, Question] = {}
    names: dict[str, tuple[str, ...]] = {}
    subsets: dict[str, frozenset[QuestionId]] = {}
    for part in parts:
        new, subtype = read_part(part)
        # As test-dev, whose questions are all in test: read twice, they would weigh double.
        if _is_subset(part, new, questions):
            subsets[part.split] = frozenset(new)
            continue
        questions.update(new)
        for image in dict.fromkeys(question.image for question in new.values()):
            if image not in names:
                names[image] = part.image_names(int(image), subtype)
    return questions, names, subsets


def _is_subset(
    part: Part, new: Mapping[QuestionId, Question], questions: Mapping[QuestionId, Question]
) -> bool:
    """Tell if all questions of a file are in earlier ones, and are the same there.

    Raises:
        DataError: some are and others are not, or they differ.
    """
    if new.keys().isdisjoint(questions):
        return False
    all_known = new.keys() <= questions.keys()
    twice = ErrorCollector()
    for index, (identifier, question) in enumerate(new.items()):
        known = questions.get(identifier)
        difference = known and all_known and _difference(question, known)
        if known and (difference or not all_known):
            problem = f"question {identifier} is in '{known.split}' too{difference or ''}"
            twice.add(f"{part.questions}: $.questions[{index}]", problem)
    twice.raise_if_any("Ids must be unique: keep sets that share them in folders of their own.")
    return True


def _difference(question: Question, known: Question) -> str:
    """Say how a question differs from another of its id, annotations only where it has any."""
    if question.image != known.image:
        return f", about image {known.image} and not {question.image}"
    if question.text != known.text:
        return ", in other words"
    annotated = [(q.answers, q.question_type, q.answer_type) for q in (question, known)]
    return ", with another annotation" if question.answers and len(set(annotated)) > 1 else ""


def _subset_notes(subsets: Mapping[str, frozenset[QuestionId]]) -> Iterator[str]:
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
