"""Which of a picture's questions are asked, so that the question alone gives little away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from askattend.data.scenes.draws import Draws
from askattend.data.scenes.questions import Candidate

# Kind → how many of a picture's questions are of it, where there are as many.
ASKED = {
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
# How far an answer may run ahead of its kind's average, or of its meaning's, in questions.
_AHEAD = 2


class Balance:
    """Chooses questions whose answers are behind, within their kind and within their meaning.

    What is chosen for a picture depends on those before it, and on none after.
    """

    def __init__(self) -> None:
        self._asked: Counter[tuple[str, str]] = Counter()
        self._all: Counter[str] = Counter()

    def choose(self, found: Sequence[Candidate], draws: Draws) -> list[Candidate]:
        """The questions to ask, in any order; of equals, the draws decide."""
        by_kind: dict[str, list[Candidate]] = {kind: [] for kind in ASKED}
        for candidate in draws.shuffled(found):
            by_kind[candidate.kind].append(candidate)
        chosen: list[Candidate] = []
        for kind, several in by_kind.items():
            for _ in range(min(ASKED[kind], len(several))):
                best = min(several, key=self._ahead)
                too_far, *_ = self._ahead(best)
                if too_far:
                    break
                several.remove(best)
                chosen.append(best)
                self._note(best)
        return draws.shuffled(chosen)

    def _ahead(self, candidate: Candidate) -> tuple[bool, int, int]:
        """Whether its answer is asked too often, and by how much: in its kind, in its meaning."""
        kind, meaning = (self._excess(group, candidate) for group in _groups(candidate))
        return max(kind, meaning) > _AHEAD * len(candidate.answers), kind, meaning

    def _excess(self, group: str, candidate: Candidate) -> int:
        """How often beyond the average of all its answers, times their number."""
        times = self._asked[group, candidate.answer]
        return times * len(candidate.answers) - self._all[group]

    def _note(self, candidate: Candidate) -> None:
        for group in _groups(candidate):
            self._asked[group, candidate.answer] += 1
            self._all[group] += 1


def _groups(candidate: Candidate) -> tuple[str, str]:
    return candidate.kind, candidate.meaning
