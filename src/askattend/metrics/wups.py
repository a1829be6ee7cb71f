"""WUPS: how alike the things in two answers are, by their places in WordNet.

Malinowski & Fritz 2014, "A Multi-World Approach to Question Answering about Real-World Scenes based
on Uncertain Input", as the script that came with DAQUAR computes it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import cached_property, partial

from askattend.metrics.wordnet import WordNet, installed

# What a similarity below the threshold is multiplied by.
DOWN_WEIGHT = 0.1
# The thresholds that figures are published for, named as in print.
THRESHOLDS = {"0.9": 0.9, "0.0": 0.0}
EXACT = "exact"

Alike = Callable[[str, str], float]


def items(answer: str) -> list[str]:
    """The things that an answer names, between its commas.

    >>> items("book, lamp")
    ['book', 'lamp']
    """
    return [item.strip() for item in answer.split(",")]


def set_score(truth: str, predicted: str, alike: Alike) -> float:
    """How well two comma-separated sets match, in [0, 1].

    min(∏_{t∈T} max_{p∈P} μ(t, p), ∏_{p∈P} max_{t∈T} μ(p, t)), with μ being `alike`: every thing
    named must be found in the other answer, whatever the order.
    """
    truths, predictions = items(truth), items(predicted)
    return min(_covered(truths, predictions, alike), _covered(predictions, truths, alike))


def exact_score(truth: str, predicted: str) -> float:
    """1 where two answers name the same things, in any order and number; otherwise 0."""
    return set_score(truth, predicted, lambda one, other: float(one == other))


def _covered(ones: Iterable[str], others: list[str], alike: Alike) -> float:
    return math.prod(max(alike(one, other) for other in others) for one in ones)


class Wups:
    """WUPS with the nouns of a WordNet; a pair of words is compared once.

    Args:
        wordnet: by default that of this machine, opened when first needed.
    """

    def __init__(self, wordnet: WordNet | None = None) -> None:
        self._given = wordnet
        self._similar: dict[tuple[str, str], float] = {}
        self._senses: dict[str, tuple[int, ...]] = {}

    @cached_property
    def wordnet(self) -> WordNet:
        """The nouns.

        Raises:
            DataError: there is no WordNet on this machine; says how to get it.
        """
        return self._given or installed()

    def score(self, truth: str, predicted: str, threshold: float) -> float:
        """WUPS of one answer against the true one, in [0, 1].

        Args:
            truth: the human answer, things between commas.
            predicted: the answer given, likewise.
            threshold: words less alike than this count a tenth.

        Raises:
            DataError: there is no WordNet on this machine.
        """
        return set_score(truth, predicted, partial(self._weighted, threshold))

    def _weighted(self, threshold: float, one: str, other: str) -> float:
        similarity = self.similarity(one, other)
        return similarity * (DOWN_WEIGHT if similarity < threshold else 1.0)

    def similarity(self, one: str, other: str) -> float:
        """The greatest similarity of a sense of one noun with one of the other, in [0, 1].

        Equal words are wholly alike, be they in WordNet or not; otherwise a word that WordNet does
        not list as a noun is like no other.
        """
        if one == other:
            return 1.0
        if (one, other) not in self._similar:
            compare = self.wordnet.similarity
            pairs = ((a, b) for a in self._synsets(one) for b in self._synsets(other))
            self._similar[one, other] = max((compare(a, b) for a, b in pairs), default=0.0)
        return self._similar[one, other]

    def _synsets(self, word: str) -> tuple[int, ...]:
        if word not in self._senses:
            self._senses[word] = self.wordnet.synsets(word)
        return self._senses[word]


def mean_wups(pairs: Iterable[tuple[str, str]], wups: Wups | None = None) -> dict[str, float]:
    """Mean over pairs (true answer, answer given) of WUPS at 0.9 and 0.0, and of set-exactness.

    Returns:
        ``"0.9"``, ``"0.0"`` and ``"exact"``, each in [0, 1].

    Raises:
        DataError: there is no WordNet on this machine.
    """
    wups, listed = wups or Wups(), list(pairs)
    scores = {
        name: [wups.score(truth, given, threshold) for truth, given in listed]
        for name, threshold in THRESHOLDS.items()
    }
    scores[EXACT] = [exact_score(truth, given) for truth, given in listed]
    return {name: sum(each) / len(each) for name, each in scores.items()}
