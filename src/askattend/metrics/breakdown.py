"""Accuracy by kind of question, and how far answers that belong together agree."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations

import msgspec

from askattend.data.questions import QASet, Question, QuestionId
from askattend.metrics.scored_answer import ScoredAnswer
from askattend.metrics.shares import share_interval

# The greatest number of words in each group of questions of like length but the last.
LENGTHS = (3, 5, 7, 10)
# Words of a question that tell what kind it is: "how many", "is there", "welche farbe".
FIRST_WORDS = 2
LEAST_OF_A_KIND = 3
OTHER_WORDS = "other words"


class GroupAccuracy(msgspec.Struct, frozen=True):
    """Some of the questions, and how many of them were right.

    Attributes:
        questions: their number.
        accuracy: mean over them, 0 to 1.
        interval: of the accuracy, 95 %, see `share_interval`.
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


class ParaphraseConsistency(msgspec.Struct, frozen=True):
    """Agreement of answers to differently worded questions of one meaning about one picture.

    Attributes:
        meanings: how many have two wordings at least.
        agreement: share of pairs of wordings that got the same answer, averaged over meanings.
        all_right: mean over meanings of the lowest score of their wordings.
    """

    meanings: int
    agreement: float
    all_right: float


def accuracy_over(scored: Sequence[ScoredAnswer]) -> GroupAccuracy:
    """Accuracy over some questions, with its interval; questions of one image stay together.

    Args:
        scored: at least one, all of which have a score.
    """
    scores = [_score(one) for one in scored]
    interval = share_interval(scores, [one.image for one in scored])
    return GroupAccuracy(len(scores), sum(scores) / len(scores), interval)


def accuracy_by(
    kind: Callable[[ScoredAnswer], str | None], scored: Iterable[ScoredAnswer]
) -> dict[str, GroupAccuracy]:
    """Accuracy of each kind of question; questions of no kind are left out."""
    groups: defaultdict[str, list[ScoredAnswer]] = defaultdict(list)
    for one in scored:
        name = kind(one)
        if name is not None:
            groups[name].append(one)
    return {name: accuracy_over(group) for name, group in sorted(groups.items())}


def accuracy_by_length(
    tokenise: Callable[[str], Sequence[str]],
    questions: Iterable[Question],
    scored: Iterable[ScoredAnswer],
) -> dict[str, GroupAccuracy]:
    """Accuracy by the number of words of the question, shortest first."""
    words = {question.id: len(tokenise(question.text)) for question in questions}
    names = _length_names()
    found = accuracy_by(lambda one: names[_length_group(words[one.question_id])], scored)
    return {name: found[name] for name in names if name in found}


def accuracy_by_first_words(
    tokenise: Callable[[str], Sequence[str]],
    questions: Iterable[Question],
    scored: Sequence[ScoredAnswer],
) -> dict[str, GroupAccuracy]:
    """Accuracy by the first two words of the question, the most frequent first, the rest last.

    Of words that only one or two questions begin with no accuracy tells anything.
    """
    texts = {question.id: question.text for question in questions}
    begins = {
        one.question_id: " ".join(tokenise(texts[one.question_id])[:FIRST_WORDS]) for one in scored
    }
    counts = Counter(begins.values())

    def kind(one: ScoredAnswer) -> str:
        begin = begins[one.question_id]
        return begin if counts[begin] >= LEAST_OF_A_KIND else OTHER_WORDS

    found = accuracy_by(kind, scored)
    return dict(
        sorted(found.items(), key=lambda group: (group[0] == OTHER_WORDS, -group[1].questions))
    )


def _length_group(words: int) -> int:
    return sum(words > last for last in LENGTHS)


def _length_names() -> list[str]:
    firsts = [1, *(last + 1 for last in LENGTHS)]
    spans = [f"{a}-{b}" for a, b in zip(firsts, LENGTHS, strict=False)]
    return [*(f"{span} words" for span in spans), f"{firsts[-1]} words and more"]


def pair_consistency(questions: QASet, scored: Iterable[ScoredAnswer]) -> Pairs | None:
    """Measure complementary pairs; None where the split has no whole one."""
    found: dict[QuestionId, ScoredAnswer] = {one.question_id: one for one in scored}
    pairs = [(found[a], found[b]) for a, b in questions.pairs if a in found and b in found]
    if not pairs:
        return None
    return Pairs(
        len(pairs),
        sum(min(_score(a), _score(b)) for a, b in pairs) / len(pairs),
        sum(a.answer == b.answer for a, b in pairs) / len(pairs),
    )


def paraphrase_consistency(
    questions: Iterable[Question], scored: Iterable[ScoredAnswer]
) -> ParaphraseConsistency | None:
    """Measure differently worded questions of one meaning; None where the split has none."""
    found: dict[QuestionId, ScoredAnswer] = {one.question_id: one for one in scored}
    groups: defaultdict[tuple[str, str], list[ScoredAnswer]] = defaultdict(list)
    for question in questions:
        if question.meaning is not None and question.id in found:
            groups[question.image, question.meaning].append(found[question.id])
    several = [group for group in groups.values() if len(group) > 1]
    if not several:
        return None
    return ParaphraseConsistency(
        len(several),
        sum(_agreement([one.answer for one in group]) for group in several) / len(several),
        sum(min(_score(one) for one in group) for group in several) / len(several),
    )


def _agreement(answers: Sequence[str]) -> float:
    pairs = list(combinations(answers, 2))
    return sum(a == b for a, b in pairs) / len(pairs)


def _score(one: ScoredAnswer) -> float:
    assert one.score is not None, "questions without a human answer are left out before"
    return one.score
