"""Words that were in no training question, looked up in the vectors that a run's words began as."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from askattend.data.word_vectors import FloatArray, WordVectors, read_word_vectors
from askattend.errors import AskAttendError, ConfigError

# Trained words whose vectors must still be what they were: a file may have been replaced.
PROBES = 3


@dataclass(frozen=True, eq=False)
class UnseenWords:
    """Result of looking words up.

    Attributes:
        words: those that have a vector.
        vectors: words × width.
        without: those that have none, or could not be looked up.
        problem: why they could not be looked up; empty where they could.
    """

    words: tuple[str, ...] = ()
    vectors: FloatArray = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    without: frozenset[str] = frozenset()
    problem: str = ""


def look_up(words: Sequence[str], own: WordVectors, own_words: Sequence[str]) -> UnseenWords:
    """Look up words in the source of a run's vectors.

    Where that is not to be had any more, or is another, the words are unknown: a run answers
    wherever it is taken.

    Args:
        words: those to look up.
        own: the vectors of the run's words.
        own_words: the run's words.
    """
    probes = np.flatnonzero(own.known)[:PROBES]
    try:
        found = read_word_vectors(own.source, [*words, *(own_words[index] for index in probes)])
        if not np.array_equal(found.values[len(words) :], own.values[probes]):
            raise ConfigError("other vectors than the run was trained with", where=own.source)
    except AskAttendError as error:
        return UnseenWords(without=frozenset(words), problem=str(error))
    known = found.known[: len(words)]
    named = dict(zip(words, known.tolist(), strict=True))
    return UnseenWords(
        words=tuple(word for word, has in named.items() if has),
        vectors=found.values[: len(words)][known],
        without=frozenset(word for word, has in named.items() if not has),
    )
