"""Answers and words that differ in how they are written alone: ``garbage bin``, ``garbage_bin``."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache

from askattend.data.questions import Question
from askattend.data.text import answer_key
from askattend.data.vocab import count_spellings, key_counts, most_common_first
from askattend.errors import name_few

# What divides the parts of a name, as people like it: spaces, underscores, hyphens, dashes. Between
# two digits it may say more: "1-2" is not "12".
_SIGN = r"[\s_\u00ad\-\u2010-\u2015\u2212]"
_DIVIDES = re.compile(rf"(?<![\d\s_-]){_SIGN}++|{_SIGN}++(?!\d)")
_NUMBER = re.compile(r"[+-]?\d{1,15}(?:[.,]\d{1,15})?")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+")
_QUOTES = str.maketrans("’‘‛＇`´“”„«»", "''''''\"\"\"\"\"")
# What holds the parts of a word together, see `tokenise`.
_HOLDS = "[_'·]"
# A name that somebody divides has no more parts.
_MOST_PARTS = 4


def written_alike(text: str) -> str:
    """Return what texts share that differ in spaces, dashes, commas of numbers or a final stop.

    >>> written_alike("Garbage_Bin"), written_alike("garbage  bin."), written_alike("1,50")
    ('garbagebin', 'garbagebin', '1.5')
    """
    whole = answer_key(text).translate(_QUOTES)
    key = whole.strip("'\" ").rstrip(".!? ") or whole
    if _THOUSANDS.fullmatch(key):
        return key.replace(",", "")
    if _NUMBER.fullmatch(key):
        return f"{Decimal(key.replace(',', '.')).normalize():f}"
    return _DIVIDES.sub("", key) or key


def alike_answers(questions: Iterable[Question]) -> tuple[str, ...]:
    """Make a note on answers that are classes of their own but for how they are written.

    Args:
        questions: all of a source: a test answer that is written in another way is never right.
    """
    counts = key_counts(count_spellings(questions).items())
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for answer in most_common_first(counts):
        groups[written_alike(answer)].append(answer)
    alike = [group for group in groups.values() if len(group) > 1]
    if not alike:
        return ()
    named = name_few(" and ".join(f"'{one}' ({counts[one]:,})" for one in each) for each in alike)
    cases = "1 case" if len(alike) == 1 else f"{len(alike):,} cases"
    return (
        f"answers that differ in spaces, dashes or commas alone count as different ones, {cases}: "
        f"{named}. Write each in one way",
    )


def words_alike(words: Sequence[str], known: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield parts of a question that are known words but for how they are written.

    Args:
        words: of the question, in its order.
        known: the vocabulary's.

    Yields:
        what stands in the question, and the known word or words: ``("garbage bin",
        "garbage_bin")``, ``("garbage_bin", "garbage bin")``.
    """
    names, joined = _names(known), _by_joined(known)
    for part in _parts(words):
        if names.issuperset(part):
            continue
        if (found := joined.get(_joined(part))) is not None:
            yield " ".join(part), found
    for word in words:
        parts = re.split(_HOLDS, word)
        if word not in names and len(parts) > 1 and names.issuperset(parts):
            yield word, " ".join(parts)


def answers_named(
    words: Sequence[str], unknown: Collection[str], answers: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """Yield parts of a question that hold an unknown word and are answers, however written.

    Args:
        words: of the question, in its order.
        unknown: those of them that the network does not know.
        answers: that it gives.

    Yields:
        what stands in the question, and the answer: ``("garbage bin", "garbage_bin")``.
    """
    known = _by_way(answers)
    for part in _parts(words):
        if not set(part).isdisjoint(unknown):
            text = " ".join(part)
            if (answer := known.get(written_alike(text))) is not None:
                yield text, answer


def _parts(words: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield all words that stand side by side, up to so many."""
    for first in range(len(words)):
        for last in range(first + 1, min(first + _MOST_PARTS, len(words)) + 1):
            yield words[first:last]


def _joined(words: Sequence[str]) -> str:
    return re.sub(_HOLDS, "", "".join(words))


# A vocabulary has some ten thousand words, and a service asks again and again.
@lru_cache(maxsize=4)
def _by_joined(known: tuple[str, ...]) -> Mapping[str, str]:
    return {_joined((word,)): word for word in known}


@lru_cache(maxsize=4)
def _by_way(answers: tuple[str, ...]) -> Mapping[str, str]:
    return {written_alike(answer): answer for answer in answers}


@lru_cache(maxsize=4)
def _names(known: tuple[str, ...]) -> frozenset[str]:
    return frozenset(known)
