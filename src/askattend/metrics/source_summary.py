"""Summary of a source of questions, before anything is trained on it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import median

import msgspec

from askattend.data.answer_reach import out_of_reach_note, reachable_from_other_images
from askattend.data.look_alikes import alike_answers
from askattend.data.questions import QASet, Question
from askattend.data.splits import no_test_note, odd_splits, shared_images
from askattend.data.text import tokenise
from askattend.data.vocab import (
    AnswerVocab,
    count_spellings,
    key_counts,
    most_common_first,
    usual_spelling,
)
from askattend.errors import ConfigError, ImageError
from askattend.metrics.accuracy import metric_name
from askattend.metrics.floors import Floors
from askattend.metrics.image_copies import ImageCopies, find_copies, images_by_split

COMMON_ANSWERS = 20


class QuestionLengths(msgspec.Struct, frozen=True):
    """Numbers of words of some questions.

    Attributes:
        least: of the shortest question.
        median: half the questions have no more.
        most: of the longest.
        questions: number of words → number of questions, shortest first.
    """

    least: int
    median: float
    most: int
    questions: dict[int, int]


class SplitSummary(msgspec.Struct, frozen=True):
    """Summary of one split.

    Attributes:
        questions: how many it has.
        answered: how many of them have an answer.
        images: how many they are about.
        missing_images: how many of these are not there.
        words: lengths of the questions, as `tokenise` divides them.
        question_types: type → questions, most common first; ``""`` for those without.
        answer_types: likewise.
        answers_covered: share of the human answers among the most common ones of the training
            split; None without answers on either side.
        questions_covered: share of the answered questions whose most common answer is among them.
        floors: accuracy of blind guessing, learnt from the training split; see `Floors`.
        metric: what accuracy is; see `metric_name`.
    """

    questions: int
    answered: int
    images: int
    missing_images: int
    words: QuestionLengths
    question_types: dict[str, int]
    answer_types: dict[str, int]
    answers_covered: float | None = None
    questions_covered: float | None = None
    floors: dict[str, float] | None = None
    metric: str | None = None


class CommonAnswer(msgspec.Struct, frozen=True):
    """An answer in its usual spelling, how many people gave it, and their share of all, 0 to 1."""

    answer: str
    count: int
    share: float


class SharedImages(msgspec.Struct, frozen=True):
    """Two splits and the number of images that are in both."""

    splits: tuple[str, str]
    images: int


class SourceSummary(msgspec.Struct, frozen=True):
    """Summary of a source, as ``askattend data --json`` prints it.

    Attributes:
        source: how it was named.
        questions: how many it has.
        images: how many they are about.
        missing_images: how many of these are not there.
        broken_images: image id → what is wrong with those that are there; None if unchecked.
        splits: name → its summary, in the source's order.
        subsets: name of each published subset → its questions; they count in a split as well.
        top: how many most common answers coverage counts as known, at most.
        distinct_answers: how many there are in the training split, spellings aside.
        common_answers: the most common of the training split.
        shared_images: splits that share images.
        copies: splits that share pictures under different names.
        pairs: complementary pairs of questions.
        located: number of questions that tell where their objects are.
        reworded: number of questions that share their meaning with others.
        notes: what the reader decided, and splits of no usual name.
    """

    source: str
    questions: int
    images: int
    missing_images: int
    broken_images: dict[str, str] | None
    splits: dict[str, SplitSummary]
    subsets: dict[str, int]
    top: int
    distinct_answers: int
    common_answers: list[CommonAnswer]
    shared_images: list[SharedImages]
    copies: list[ImageCopies]
    pairs: int
    located: int
    reworded: int
    notes: list[str]


def summarise(qaset: QASet, *, top: int = 3000, check_images: bool = False) -> SourceSummary:
    """Summarise a source.

    Answers and floors are learnt from its ``"train"`` split; without one, or without answers there,
    coverage and floors are left out.

    Args:
        qaset: all questions of the source.
        top: how many of the most common training answers count as known.
        check_images: open every image, which takes a while for many; of few, nearly equal ones are
            looked for in any case.

    Raises:
        ConfigError: `top` is below one.
    """
    if top < 1:
        raise ConfigError("must be at least 1", where=f"top = {top}")
    train = [q for q in qaset if q.split == "train" and q.answers]
    learnt = (AnswerVocab.build(train, size=top), Floors.build(train)) if train else None
    # Without questions to learn from it is no set that a training would be tested on.
    no_test = no_test_note(qaset) if train else ()
    missing = {image for image, file in qaset.images.items() if not os.path.exists(file)}
    there = {image: file for image, file in qaset.images.items() if image not in missing}
    copies = find_copies(images_by_split(qaset, there), every=check_images)
    splits = {
        name: _summarise_split([q for q in qaset if q.split == name], missing, learnt)
        for name in qaset.splits
    }
    notes = (*qaset.notes, *odd_splits(qaset), *no_test, *alike_answers(qaset))
    return SourceSummary(
        source=qaset.source,
        questions=len(qaset),
        images=len(qaset.images),
        missing_images=len(missing),
        broken_images=_find_broken(there) if check_images else None,
        splits=splits,
        subsets={name: len(ids) for name, ids in qaset.subsets.items()},
        top=top,
        distinct_answers=len(key_counts(count_spellings(train).items())),
        common_answers=_common_answers(train),
        shared_images=[SharedImages(*pair) for pair in shared_images(qaset).items()],
        copies=copies,
        pairs=len(qaset.pairs),
        located=sum(bool(q.boxes) for q in qaset),
        reworded=sum(q.meaning is not None for q in qaset),
        notes=[*notes, *_out_of_reach(splits, train)],
    )


def _out_of_reach(splits: Mapping[str, SplitSummary], train: list[Question]) -> list[str]:
    """Note the splits with many answers that are not learnt; where all is training, by image."""
    held = {n: s.questions_covered for n, s in splits.items() if n != "train" and s.answered}
    if not held:
        share = reachable_from_other_images(train)
        return [*out_of_reach_note("the questions, held back by image,", share)]
    notes = (out_of_reach_note(f"the questions of '{n}'", s) for n, s in held.items())
    return [note for found in notes for note in found]


def _summarise_split(
    questions: list[Question], missing: set[str], learnt: tuple[AnswerVocab, Floors] | None
) -> SplitSummary:
    answered = [question for question in questions if question.answers]
    images = {question.image for question in questions}
    summary = SplitSummary(
        questions=len(questions),
        answered=len(answered),
        images=len(images),
        missing_images=len(images & missing),
        words=_lengths(questions),
        question_types=_count_types(question.question_type for question in questions),
        answer_types=_count_types(question.answer_type for question in questions),
    )
    if learnt is None or not answered:
        return summary
    answers, floors = learnt
    return msgspec.structs.replace(
        summary,
        answers_covered=answers.coverage(answered),
        questions_covered=answers.reachable(answered),
        floors=floors.accuracy(answered),
        metric=metric_name(answered),
    )


def _lengths(questions: Iterable[Question]) -> QuestionLengths:
    lengths = sorted(len(tokenise(question.text)) for question in questions)
    counts = dict(sorted(Counter(lengths).items()))
    return QuestionLengths(lengths[0], median(lengths), lengths[-1], counts)


def _count_types(types: Iterable[str | None]) -> dict[str, int]:
    """Count the questions of each type, most first; nothing where no question has a type."""
    counts = Counter(name or "" for name in types)
    if counts.keys() == {""}:
        return {}
    return {name: counts[name] for name in most_common_first(counts)}


def _common_answers(questions: list[Question]) -> list[CommonAnswer]:
    spellings = count_spellings(questions)
    usual, counts = usual_spelling(spellings), key_counts(spellings.items())
    total = counts.total()
    return [
        CommonAnswer(usual[key], counts[key], counts[key] / total)
        for key in most_common_first(counts)[:COMMON_ANSWERS]
    ]


def _find_broken(images: Mapping[str, Path]) -> dict[str, str]:
    """Return image id → what is wrong with it, for those that cannot be opened."""
    from askattend.features.images import open_image  # brings PyTorch, which nothing else needs

    broken = {}
    for image, file in images.items():
        try:
            open_image(file)
        except ImageError as error:
            broken[image] = error.problem
    return broken
