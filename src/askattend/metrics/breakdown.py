"""Accuracy by kind of question, and whether answers that belong together agree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations

import msgspec

from askattend.data.questions import QASet, Question, QuestionId
from askattend.metrics.significance import bootstrap_interval

# The last of each group's numbers of words.
LENGTHS = (3, 5, 7, 10)


class Share(msgspec.Struct, frozen=True):
    """Some of the questions, and how many of them were right.

    Attributes:
        questions: their number.
        accuracy: mean over them, 0 to 1.
        interval: of the accuracy, 95 %, by bootstrap over images.
    """

    questions: int
    accuracy: float
    interval: tuple[float, float]


class Pairs(msgspec.Struct, frozen=True):
    """Complementary pairs: one question about two pictures, whose right answers differ.

    Attributes:
        pairs: how many have both questions in the split.
        both_right: mean of the lower of the two scores, 0 to 1.
        same_answer: share of the pairs that got one answer for both, so that one is wrong.
    """

    pairs: int
    both_right: float
    same_answer: float


class Wordings(msgspec.Struct, frozen=True):
    """Differently worded questions with the same meaning about the same picture.

    Attributes:
        meanings: how many have two wordings at least.
        agreement: share of pairs of wordings that got the same answer, averaged over meanings.
        all_right: mean over meanings of the lowest score of their wordings.
    """

    meanings: int
    agreement: float
    all_right: float


class Scored(msgspec.Struct, frozen=True):
    """A question with the answer that it got and how right that is, 0 to 1."""

    question: Question
    answer: str
    score: float


def share(scored: Sequence[Scored]) -> Share:
    """Accuracy over some questions, with its interval; questions of one image stay together."""
    scores = [one.score for one in scored]
    interval = bootstrap_interval(scores, [one.question.image for one in scored])
    return Share(len(scores), sum(scores) / len(scores), interval)


def by(kind: Callable[[Question], str | None], scored: Iterable[Scored]) -> dict[str, Share]:
    """Accuracy of each kind of question; questions of no kind are left out."""
    groups: defaultdict[str, list[Scored]] = defaultdict(list)
    for one in scored:
        name = kind(one.question)
        if name is not None:
            groups[name].append(one)
    return {name: share(group) for name, group in sorted(groups.items())}


def by_length(words: Callable[[str], Sequence[str]], scored: Iterable[Scored]) -> dict[str, Share]:
    """Accuracy by the number of words of the question, shortest first."""
    names = _length_names()
    found = by(lambda question: names[_length_group(len(words(question.text)))], scored)
    return {name: found[name] for name in names if name in found}


def _length_group(count: int) -> int:
    return sum(count > last for last in LENGTHS)


def _length_names() -> list[str]:
    firsts = [1, *(last + 1 for last in LENGTHS)]
    spans = [f"{a}-{b}" for a, b in zip(firsts, LENGTHS, strict=False)]
    return [*(f"{span} words" for span in spans), f"{firsts[-1]} words and more"]


def pair_consistency(questions: QASet, scored: Iterable[Scored]) -> Pairs | None:
    """How complementary pairs fare; None where the split has none whole."""
    found: dict[QuestionId, Scored] = {one.question.id: one for one in scored}
    pairs = [(found[a], found[b]) for a, b in questions.pairs if a in found and b in found]
    if not pairs:
        return None
    return Pairs(
        len(pairs),
        sum(min(a.score, b.score) for a, b in pairs) / len(pairs),
        sum(a.answer == b.answer for a, b in pairs) / len(pairs),
    )


def wording_agreement(scored: Iterable[Scored]) -> Wordings | None:
    """How differently worded questions fare; None where the split has none."""
    groups: defaultdict[tuple[str, str], list[Scored]] = defaultdict(list)
    for one in scored:
        if one.question.meaning is not None:
            groups[one.question.image, one.question.meaning].append(one)
    several = [group for group in groups.values() if len(group) > 1]
    if not several:
        return None
    return Wordings(
        len(several),
        sum(_agreement([one.answer for one in group]) for group in several) / len(several),
        sum(min(one.score for one in group) for group in several) / len(several),
    )


def _agreement(answers: Sequence[str]) -> float:
    pairs = list(combinations(answers, 2))
    return sum(a == b for a, b in pairs) / len(pairs)
