"""The scores of two systems on the same questions, and the statistics of their difference."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from operator import attrgetter

import msgspec

from askattend.metrics.scored_answer import ScoredAnswer
from askattend.metrics.shares import share_interval
from askattend.metrics.significance import all_alike, difference_interval, paired_permutation

RESAMPLES = 10_000
LEVEL = 0.05

Pairs = Sequence[tuple[ScoredAnswer, ScoredAnswer]]


class Difference(msgspec.Struct, frozen=True):
    """Two systems on some of the questions.

    Attributes:
        questions: their number.
        first: accuracy of the first, 0 to 1.
        second: of the second.
        difference: the second's less the first's, -1 to 1.
        interval: of the difference, 95 %, by bootstrap over images; see `difference_interval`.
        first_better: how many questions the first scored higher on; where scores are 0 or 1, those
            that it alone got right.
        second_better: likewise of the second.
        alike: True where every image differs by the same, so that no bootstrap gives the interval.
    """

    questions: int
    first: float
    second: float
    difference: float
    interval: tuple[float, float]
    first_better: int
    second_better: int
    alike: bool

    @property
    def equal(self) -> bool:
        """True where both score the same on every question."""
        return self.first_better == self.second_better == 0

    def disagrees(self, p: float) -> bool:
        """Tell whether the interval and a p-value differ about chance, at 5 %."""
        low, high = self.interval
        return (low > 0 or high < 0) != (p < LEVEL)


@dataclass(frozen=True)
class PairedScores:
    """Two systems' scores on the same questions, 0 to 1.

    Attributes:
        first: the first system's, one a question.
        second: the second's.
        clusters: what is drawn together: the image of each question, or each question by itself
            where an image is not known.
        by_image: True if it is the image.
    """

    first: Sequence[float]
    second: Sequence[float]
    clusters: Sequence[Hashable]
    by_image: bool

    @classmethod
    def of(cls, pairs: Pairs, figure: str = "score") -> PairedScores:
        """Collect a figure, ``"score"`` or ``"wups"``, that all the answers have."""
        value: Callable[[ScoredAnswer], float] = attrgetter(figure)
        # One question of unknown image might be of any of the others' images.
        by_image = all(one.image is not None for one, _ in pairs)
        cluster = attrgetter("image" if by_image else "question_id")
        return cls(
            [value(one) for one, _ in pairs],
            [value(other) for _, other in pairs],
            [cluster(one) for one, _ in pairs],
            by_image,
        )

    @property
    def differences(self) -> list[float]:
        """The second system's scores less the first's."""
        return [b - a for a, b in zip(self.first, self.second, strict=True)]

    def interval(self, scores: Sequence[float]) -> tuple[float, float]:
        """Return the 95 % interval of the mean of some scores of the questions, 0 to 1."""
        return share_interval(scores, self.clusters)

    def permutation_p(self) -> float:
        """Return the p-value of the difference; see `paired_permutation`."""
        return paired_permutation(self.differences, self.clusters, resamples=RESAMPLES)

    def difference(self) -> Difference:
        """Compare the means."""
        differences = self.differences
        return Difference(
            questions=len(differences),
            first=_mean(self.first),
            second=_mean(self.second),
            difference=_mean(differences),
            interval=difference_interval(differences, self.clusters, resamples=RESAMPLES),
            first_better=sum(each < 0 for each in differences),
            second_better=sum(each > 0 for each in differences),
            alike=all_alike(differences, self.clusters),
        )


def _mean(scores: Sequence[float]) -> float:
    return sum(scores) / len(scores)
