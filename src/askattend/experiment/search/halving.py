"""Successive halving by time: many candidates tried a little, the best of them more and more.

Jamieson & Talwalkar 2016 (arXiv 1502.07943) give every rung the same budget. Here that is time, so
nothing need be known of how long a candidate takes: with rungs three times as dear as the one
below, a third of the candidates is promoted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from askattend.experiment.search.budget import Budget

RECIPE = 0
FEWEST = 3  # candidates on the lowest rung, as far as the whole time allows
SLOWEST = 4  # times as long as the recipe, at which a candidate is given up


@dataclass(frozen=True)
class Rung:
    """How much is spent on a candidate.

    Attributes:
        share: of its epochs; its rate falls to the end within them.
        folds: that it is validated on.
    """

    share: float
    folds: int


def rungs_for(folds: int) -> tuple[Rung, ...]:
    """Choose the rungs; the top one is the full measure."""
    if folds > 1:
        return Rung(1 / 3, 1), Rung(1, 1), Rung(1, folds)
    return Rung(1 / 9, 1), Rung(1 / 3, 1), Rung(1, 1)


@runtime_checkable
class Trainer(Protocol):
    """Trains and validates candidates, which are numbers here: the recipe is 0."""

    def candidates(self) -> Iterator[int]:
        """Yield all candidates, the recipe first; new ones are drawn as they are asked for."""

    def known(self, candidate: int, rung: Rung) -> int:
        """Count the folds that a candidate was measured on with the effort of a rung."""

    def merit(self, candidate: int, rung: Rung) -> tuple[float, float]:
        """Return the key by which candidates measured on all folds of a rung are ranked."""

    def measure(self, candidate: int, rung: Rung, fold: int, seconds: float) -> bool:
        """Train and validate; False if it was given up, as what would take longer is."""

    def expected(self, candidate: int, rung: Rung) -> float:
        """Estimate the seconds of one more fold; infinite for what was given up before."""

    def final(self, candidate: int) -> float:
        """Estimate the seconds of the last training, should the candidate win."""


@dataclass(frozen=True)
class Halving:
    """A search by successive halving.

    Attributes:
        trainer: trains and validates.
        rungs: from the lowest.
        budget: the last training included.
        began: seconds of the budget that were spent before the first candidate.
    """

    trainer: Trainer
    rungs: Sequence[Rung]
    budget: Budget
    began: float = 0.0

    def search(self) -> int:
        """Find the best candidate, and leave the time to train it.

        On every rung the recipe is measured first, so what wins is no worse by the same measure.
        What was measured before is not measured again: so an interrupted search goes on.
        """
        best, entrants = RECIPE, iter(self.trainer.candidates())
        for number in range(len(self.rungs)):
            ranked = self._climb(number, entrants, best)
            if len(ranked) < 2:  # nothing to compare the recipe with
                break
            best = ranked[0]
            entrants = iter([RECIPE, *(k for k in ranked if k != RECIPE)])
        return best

    def _climb(self, number: int, entrants: Iterable[int], best: int) -> list[int]:
        """Measure entrants on a rung while its time lasts; list those measured, best first."""
        rung, done = self.rungs[number], list[int]()
        fewest, winner = (FEWEST if number == 0 else 2), best
        for candidate in entrants:
            missing = self.trainer.known(candidate, rung) < rung.folds
            if missing and len(done) >= fewest and self._remaining(number) <= 0:
                break
            # Until two are compared here, the winner of the rung below may remain the winner.
            may_win = {candidate, best} if len(done) >= 2 else {candidate, best, winner}
            if self._measure(candidate, number, max(map(self.trainer.final, may_win))):
                done.append(candidate)
                best = min((k for k in done), key=lambda k: self._key(k, rung))
            elif candidate == RECIPE or self._is_over(number):
                break
        return sorted(done, key=lambda k: self._key(k, rung))

    def _measure(self, candidate: int, number: int, final: float) -> bool:
        """Measure a candidate on the folds that it lacks; False where that is not to be.

        Args:
            candidate: which.
            number: of the rung.
            final: seconds of the last training, whichever of those that may win it is.
        """
        rung, trainer = self.rungs[number], self.trainer
        for fold in range(trainer.known(candidate, rung), rung.folds):
            seconds = self.budget.left - final
            if candidate != RECIPE:
                slowest = SLOWEST * trainer.expected(RECIPE, rung)
                seconds = min(seconds, max(self._remaining(number), slowest))
            if trainer.expected(candidate, rung) > seconds:
                return False
            if not trainer.measure(candidate, rung, fold, seconds):
                return False
        return True

    def _remaining(self, number: int) -> float:
        """Compute the seconds that a rung has left of its share; below zero if it took more."""
        free = self.budget.seconds - self.trainer.final(RECIPE) - self.began
        end = self.began + free * (number + 1) / len(self.rungs)
        return end - self.budget.spent

    def _is_over(self, number: int) -> bool:
        """Return True where not even the recipe could be measured once more."""
        left = self.budget.left - self.trainer.final(RECIPE)
        needed = self.trainer.expected(RECIPE, self.rungs[number])
        return left < needed or self._remaining(number) <= 0

    def _key(self, candidate: int, rung: Rung) -> tuple[float, bool, float]:
        accuracy, loss = self.trainer.merit(candidate, rung)
        # As many right are no reason to leave the recipe, whatever their loss.
        return -accuracy, candidate != RECIPE, -loss
