"""WUPS: the similarity of the things in two answers, by their places in WordNet.

Malinowski & Fritz 2014, "A Multi-World Approach to Question Answering about Real-World Scenes based
on Uncertain Input", as the script that came with DAQUAR computes it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, partial

from askattend.metrics.wordnet import WordNet, installed_wordnet

# What a similarity below the threshold is multiplied by.
DOWN_WEIGHT = 0.1
# The share of answers that are right as sets, as people read it.
SETS_MATCH = "exact match of sets"
# The thresholds that figures are published for, named as in print.
THRESHOLDS = {"0.9": 0.9, "0.0": 0.0}
EXACT = "exact"

Similarity = Callable[[str, str], float]


def set_members(answer: str) -> list[str]:
    """List the things that an answer names, between its commas.

    >>> set_members("book, lamp")
    ['book', 'lamp']
    """
    return [item.strip() for item in answer.split(",")]


def set_score(truth: str, predicted: str, similarity: Similarity) -> float:
    """Return how well two comma-separated sets match, in [0, 1].

    min(∏_{t∈T} max_{p∈P} μ(t, p), ∏_{p∈P} max_{t∈T} μ(p, t)), with μ being `similarity`: every
    thing named must be found in the other answer, whatever the order.
    """
    truths, predictions = set_members(truth), set_members(predicted)
    return min(_covered(truths, predictions, similarity), _covered(predictions, truths, similarity))


def exact_score(truth: str, predicted: str) -> float:
    """Return 1 where two answers name the same things, in any order and number; otherwise 0."""
    return set_score(truth, predicted, lambda one, other: float(one == other))


def _covered(ones: Iterable[str], others: list[str], similarity: Similarity) -> float:
    return math.prod(max(similarity(one, other) for other in others) for one in ones)


class Wups:
    """WUPS with the nouns of a WordNet; a pair of words is compared once.

    Args:
        wordnet: by default that of this machine, opened when first needed.
    """

    def __init__(self, wordnet: WordNet | None = None) -> None:
        self._wordnet = wordnet
        self._similarities: dict[tuple[str, str], float] = {}
        self._senses: dict[str, tuple[int, ...]] = {}

    @cached_property
    def wordnet(self) -> WordNet:
        """The nouns.

        Raises:
            DataError: there is no WordNet on this machine; says how to get it.
        """
        return self._wordnet or installed_wordnet()

    def score(self, truth: str, predicted: str, threshold: float) -> float:
        """Return WUPS of one answer against the true one, in [0, 1].

        Args:
            truth: the human answer, things between commas.
            predicted: the answer given, likewise.
            threshold: the similarity of two words that are less similar counts a tenth.

        Raises:
            DataError: there is no WordNet on this machine.
        """
        return set_score(truth, predicted, partial(self._weighted, threshold))

    def _weighted(self, threshold: float, one: str, other: str) -> float:
        similarity = self.similarity(one, other)
        return similarity * (DOWN_WEIGHT if similarity < threshold else 1.0)

    def similarity(self, one: str, other: str) -> float:
        """Return the greatest similarity of a sense of one noun with one of the other, in [0, 1].

        It is 1 for equal words, be they in WordNet or not; otherwise 0 for a word that WordNet does
        not list as a noun.
        """
        if one == other:
            return 1.0
        if (one, other) not in self._similarities:
            compare = self.wordnet.similarity
            pairs = ((a, b) for a in self._synsets(one) for b in self._synsets(other))
            self._similarities[one, other] = max((compare(a, b) for a, b in pairs), default=0.0)
        return self._similarities[one, other]

    def _synsets(self, word: str) -> tuple[int, ...]:
        if word not in self._senses:
            self._senses[word] = self.wordnet.synsets(word)
        return self._senses[word]


def wups_of_each(
    pairs: Iterable[tuple[str, str]], threshold: float, wups: Wups | None = None
) -> list[float]:
    """Return WUPS of each pair (true answer, answer given), in [0, 1].

    Raises:
        DataError: there is no WordNet on this machine.
    """
    wups = wups or Wups()
    return [wups.score(truth, predicted, threshold) for truth, predicted in pairs]


def mean_wups(pairs: Sequence[tuple[str, str]], wups: Wups | None = None) -> dict[str, float]:
    """Average WUPS at 0.9 and 0.0, and set-exactness, over pairs (true answer, answer given).

    Returns:
        ``"0.9"``, ``"0.0"`` and ``"exact"``, each in [0, 1].

    Raises:
        DataError: there is no WordNet on this machine.
    """
    wups = wups or Wups()
    scores = {name: wups_of_each(pairs, level, wups) for name, level in THRESHOLDS.items()}
    scores[EXACT] = [exact_score(truth, predicted) for truth, predicted in pairs]
    return {name: sum(each) / len(each) for name, each in scores.items()}
