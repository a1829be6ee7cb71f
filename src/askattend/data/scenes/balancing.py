"""The choice of a picture's questions, so that a question alone gives little away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from askattend.data.scenes.questions import Candidate
from askattend.data.scenes.random_stream import RandomStream

# Kind → how many of a picture's questions are of it, where there are as many.
QUESTIONS_PER_KIND = {
    "colour": 2,
    "shape": 2,
    "count some": 2,
    "count all": 1,
    "existence pair": 1,
    "existence one": 1,
    "comparison more": 1,
    "comparison size": 1,
    "position left": 1,
    "position top": 1,
    "position side": 1,
    "position shape": 1,
    "position colour": 1,
}
# How far an answer may exceed its kind's average, or its meaning's, in questions.
_MOST_EXCESS = 2


class AnswerBalancer:
    """Chooses questions whose answers are rare so far, within their kind and within their meaning.

    What is chosen for a picture depends on those before it, and on none after.
    """

    def __init__(self) -> None:
        self._per_answer: Counter[tuple[str, str]] = Counter()
        self._per_group: Counter[str] = Counter()

    def choose(self, found: Sequence[Candidate], rng: RandomStream) -> list[Candidate]:
        """Choose the questions to ask, in random order; of equals, chance decides."""
        by_kind: dict[str, list[Candidate]] = {kind: [] for kind in QUESTIONS_PER_KIND}
        # Shuffled, since min() takes the first of equals: chance decides, not the order of kinds.
        for candidate in rng.shuffled(found):
            by_kind[candidate.kind].append(candidate)
        chosen: list[Candidate] = []
        for kind, of_kind in by_kind.items():
            for _ in range(min(QUESTIONS_PER_KIND[kind], len(of_kind))):
                best = min(of_kind, key=self._excesses)
                too_common, *_ = self._excesses(best)
                # Better one question less than an answer that can be guessed from the question.
                if too_common:
                    break
                of_kind.remove(best)
                chosen.append(best)
                self._count(best)
        return rng.shuffled(chosen)

    def _excesses(self, candidate: Candidate) -> tuple[bool, int, int]:
        """Tell if an answer is too common, and its excess in its kind and in its meaning."""
        kind, meaning = (self._excess(group, candidate) for group in _groups(candidate))
        return max(kind, meaning) > _MOST_EXCESS * len(candidate.answers), kind, meaning

    def _excess(self, group: str, candidate: Candidate) -> int:
        """Count an answer's uses beyond the average of all its group's, times their number."""
        times = self._per_answer[group, candidate.answer]
        # In whole numbers: an average would be a fraction, rounded as a machine does it.
        return times * len(candidate.answers) - self._per_group[group]

    def _count(self, candidate: Candidate) -> None:
        for group in _groups(candidate):
            self._per_answer[group, candidate.answer] += 1
            self._per_group[group] += 1


def _groups(candidate: Candidate) -> tuple[str, str]:
    return candidate.kind, candidate.meaning
