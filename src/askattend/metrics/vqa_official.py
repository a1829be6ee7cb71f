"""VQA accuracy as the official evaluator computes it, peculiarities included.

Antol et al. 2015, "VQA: Visual Question Answering"; the evaluator's own steps are named beside
each function. What looks like a slip in it is kept: a figure is comparable only if it is the same.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from askattend.data.questions import Question
from askattend.errors import ConfigError, DataError, did_you_mean

CURRENT, PRE2021, NORMALIZED = "current", "pre2021", "normalized"
# Human answers to a question that the formula is made for.
FEWEST = 4

_PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'
_BETWEEN_DIGITS = re.compile(r"\d,\d")
_PERIOD = re.compile(r"\.(?!\d)")
# The evaluator passes a flag where the number of replacements belongs, and the flag's value is 32.
_PERIODS = 32
_NUMBERS = {
    word: str(number)
    for number, word in enumerate(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    )
} | {"none": "0"}
_ARTICLES = frozenset(("a", "an", "the"))
_CONTRACTIONS = """
    'ow's'at 'twas ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't
    hadn't've hasn't haven't he'd he'd've he's how'd how'll how's isn't it'd it'd've it'll ma'am
    might've mightn't mightn't've must've mustn't needn't not've o'clock oughtn't shan't she'd've
    should've shouldn't shouldn't've somebody'd've somebody'll somebody's someone'd someone'd've
    someone'll someone's something'd something'd've something'll that's there'd there'd've there're
    there's they'd they'd've they'll they're they've wasn't we'd've we've weren't what'll what're
    what's what've when's where'd where's where've who'd who'd've who'll who's who've why'll why're
    why's won't would've wouldn't wouldn't've y'all y'all'd've y'all'll you'd you'd've you'll you're
    you've
"""
# A contraction that lacks one of its apostrophes gets it back. One entry goes the other way.
_APOSTROPHES = {
    word[:position] + word[position + 1 :]: word
    for word in _CONTRACTIONS.split()
    for position, char in enumerate(word)
    if char == "'"
} | {"somebody'd": "somebodyd"}


@lru_cache(maxsize=1 << 16)
def normalise_space(answer: str) -> str:
    """Remove line ends, tabs and outer spaces, as is done to every answer first."""
    return answer.replace("\n", " ").replace("\t", " ").strip()


def normalise_punctuation(answer: str) -> str:
    """Remove punctuation from an answer (the evaluator's ``processPunctuation``).

    A mark vanishes where it stands next to a space anywhere in the answer, or where any comma of
    the answer stands between two digits; otherwise it becomes a space. Full stops vanish unless a
    digit follows. Apostrophes and colons stay.
    """
    written_apart = bool(_BETWEEN_DIGITS.search(answer))
    text = answer
    for mark in _PUNCTUATION:
        if mark in answer:
            vanishes = written_apart or f"{mark} " in answer or f" {mark}" in answer
            text = text.replace(mark, "" if vanishes else " ")
    return _PERIOD.sub("", text, count=_PERIODS)


def normalise_words(answer: str) -> str:
    """Write an answer in lower case, with digits for number words, without articles and with the
    apostrophes that it lacks (the evaluator's ``processDigitArticle``).
    """
    words = (_NUMBERS.get(word, word) for word in answer.lower().split())
    return " ".join(_APOSTROPHES.get(word, word) for word in words if word not in _ARTICLES)


@lru_cache(maxsize=1 << 16)
def normalise_answer(answer: str) -> str:
    """Normalise punctuation, then words."""
    return normalise_words(normalise_punctuation(answer))


def vqa_accuracy(
    answer: str, references: Sequence[tuple[str, int]], dialect: str = CURRENT
) -> float:
    """Return how right an answer is, in [0, 1]: min(1, matches / 3), averaged over the K ways to
    leave one annotator out.

    The annotator left out gave `answer` in n of the K cases, and n-1 others match; in the other
    K-n cases n others do. Hence [n·min(1, (n-1)/3) + (K-n)·min(1, n/3)] / K.

    Args:
        answer: the answer given.
        references: the human answers, each with how many people gave it.
        dialect: what is normalised before answers are compared.

            - ``"current"`` (the evaluator since March 2021): all of them, but only where not all
              annotators wrote the same;
            - ``"pre2021"``: the answer given always, the references' punctuation alone, and that
              only where not all annotators wrote the same;
            - ``"normalized"``: all of them, always.

    Raises:
        ConfigError: there is no such dialect.
        DataError: there are no references.
    """
    annotators = sum(count for _, count in references)
    if annotators == 0:
        raise DataError(
            "the question has no reference answer to compare with",
            remedy="Evaluate on a split that has answers.",
        )
    normalised, counts = normalise_in_dialect(answer, references, dialect)
    return leave_one_out(counts[normalised], annotators, needed=3)


def check_dialect(dialect: str) -> None:
    """Raise `ConfigError` if there is no such dialect."""
    if dialect not in DIALECTS:
        raise ConfigError(f"unknown dialect '{dialect}'", remedy=did_you_mean(dialect, DIALECTS))


def dialect_of_open_text(questions: Iterable[Question]) -> str:
    """Return the dialect by which answers in anybody's own words are compared.

    As the evaluator does since March 2021, where each question has as many human answers as it is
    made for (four); else all are normalised always: "Red." is red.
    """
    annotators = {sum(count for _, count in question.answers) for question in questions} - {0}
    return CURRENT if annotators and min(annotators) >= FEWEST else NORMALIZED


def normalise_in_dialect(
    answer: str, references: Sequence[tuple[str, int]], dialect: str
) -> tuple[str, Counter[str]]:
    """Write an answer and its references as the dialect compares them.

    Returns:
        The answer; each reference → how many people gave it.

    Raises:
        ConfigError: there is no such dialect.
    """
    check_dialect(dialect)
    return DIALECTS[dialect](answer, references)


def leave_one_out(matches: int, annotators: int, *, needed: int) -> float:
    """Average min(1, matches among the others / needed) over the annotators left out."""
    of_same = matches * min(1.0, (matches - 1) / needed)
    of_others = (annotators - matches) * min(1.0, matches / needed)
    return (of_same + of_others) / annotators


def _count(
    references: Iterable[tuple[str, int]], normalise: Callable[[str], str] = normalise_space
) -> Counter[str]:
    counts: Counter[str] = Counter()
    for reference, people in references:
        counts[normalise(reference)] += people
    return counts


def _current(answer: str, references: Sequence[tuple[str, int]]) -> tuple[str, Counter[str]]:
    counts, written = _count(references), normalise_space(answer)
    if len(counts) > 1:
        return normalise_answer(written), _count(counts.items(), normalise_answer)
    return written, counts


def _pre2021(answer: str, references: Sequence[tuple[str, int]]) -> tuple[str, Counter[str]]:
    counts = _count(references, str)
    if len(counts) > 1:
        counts = _count(counts.items(), normalise_punctuation)
    return normalise_answer(normalise_space(answer)), counts


def _normalized(answer: str, references: Sequence[tuple[str, int]]) -> tuple[str, Counter[str]]:
    counts = _count(references)
    return normalise_answer(normalise_space(answer)), _count(counts.items(), normalise_answer)


DIALECTS = {CURRENT: _current, PRE2021: _pre2021, NORMALIZED: _normalized}
