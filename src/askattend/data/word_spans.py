"""The places of a question's words in the question as it was typed."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

from askattend.data.text import normalise, spans_unicode

# First character of a word, and one past its last.
Span = tuple[int, int]


def word_spans(question: str) -> list[Span]:
    """Return where each word that `tokenise` finds stands, marks that were composed included.

    >>> word_spans("Is it red?")
    [(0, 2), (3, 5), (6, 9)]
    """
    spans = spans_unicode(text := normalise(question))
    if len(text) == len(question) and all(len(normalise(char)) == 1 for char in question):
        return spans  # nothing was composed or divided: all stands where it stood
    # How many characters each part of the question from the start comes to.
    lengths = (len(normalise(question[:end])) for end in range(len(question) + 1))
    reached = list(accumulate(lengths, max))
    return [(_typed(reached, start), _typed(reached, end)) for start, end in spans]


def pytorch_vqa_spans(question: str) -> list[Span]:
    """Return where each word that `pytorch_vqa_words` finds stands; empty ones included."""
    words = question[:-1].split(" ")
    ends = list(accumulate((len(word) + 1 for word in words), initial=0))[1:]
    return [(end - 1 - len(word), end - 1) for word, end in zip(words, ends, strict=True)]


def _typed(reached: list[int], position: int) -> int:
    """Return the last place of the question up to which it comes to so many characters."""
    return bisect_right(reached, position) - 1
