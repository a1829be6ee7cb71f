"""Agreement of attention with where people looked."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import msgspec
import numpy as np
from jaxtyping import Float
from PIL import Image

from askattend.metrics.grounding import centre_map
from askattend.metrics.map_agreement import rank_correlation
from askattend.metrics.significance import Bootstrap, Estimate

Array = np.ndarray[Any, np.dtype[np.float64]]
# Rows and columns that maps are scaled to before their ranks are compared (Das et al. 2016).
SIDE = 14


class HumanAgreement(msgspec.Struct, frozen=True):
    """Rank correlation of maps with people's, each -1 to 1 and averaged over questions.

    (Das, Agrawal, Zitnick, Parikh & Batra 2016, "Human Attention in Visual Question Answering",
    section 4: maps are scaled to 14 × 14, and Spearman's correlation is taken.) A question with
    several people's maps has the mean of its correlations with each.

    Attributes:
        questions: how many have people's maps.
        people_maps: how many maps those are.
        maps: one entry a glimpse or hop.
        mean: of the mean of all maps; None where there is a single one.
        centre: of always looking at the middle, see `centre_map`.
        people: of people's maps with one another; None where no question has two.
        shared: how many questions have two or more.
    """

    questions: int
    people_maps: int
    maps: tuple[Estimate, ...]
    mean: Estimate | None
    centre: Estimate
    people: Estimate | None
    shared: int


@dataclass(frozen=True)
class HumanAgreementPerQuestion:
    """Rank correlations with people's maps, question by question.

    Attributes:
        own: of the network's maps, their mean where there are several, and the centre.
        people: of each two people's maps, averaged; NaN where a question has one.
        counts: how many people's maps each question has.
        images: the image of each question; questions of one image are no independent evidence.
    """

    own: Float[np.ndarray, "maps questions"]
    people: Float[np.ndarray, " questions"]
    counts: tuple[int, ...]
    images: tuple[Hashable, ...]

    def over_all(self) -> HumanAgreement:
        """Average over the questions."""
        bootstrap = Bootstrap.of(self.own, self.images)
        *maps, centre = (bootstrap.estimate(row, least=-1.0) for row in range(len(self.own)))
        mean = maps.pop() if len(maps) > 1 else None
        shared = np.flatnonzero(~np.isnan(self.people))
        people = None
        if len(shared):
            images = [self.images[position] for position in shared]
            people = Bootstrap.of(self.people[None, shared], images).estimate(0, least=-1.0)
        counts = (len(self.counts), sum(self.counts))
        return HumanAgreement(*counts, tuple(maps), mean, centre, people, len(shared))


def correlate(
    attention: Float[np.ndarray, "maps rows columns"],
    people: Sequence[Float[np.ndarray, "14 14"]],
) -> tuple[Float[np.ndarray, " _"], float]:
    """Correlate one question's maps with people's.

    Args:
        attention: of the question.
        people: one map a person, at least one, none of them the same everywhere.

    Returns:
        the mean correlation with people's maps of each map, of the mean where there are several,
        and of the centre, 0 for a map without ranks; and the mean correlation of each two people's
        maps, NaN where there is one.
    """
    maps = [*attention, attention.mean(axis=0)] if len(attention) > 1 else list(attention)
    own = np.stack([scaled(each) for each in maps] + [centre_map(SIDE, SIDE)]).reshape(-1, SIDE**2)
    theirs = [person.reshape(1, -1) for person in people]
    with_each = np.stack([np.nan_to_num(rank_correlation(own, person)) for person in theirs])
    pairs = [float(rank_correlation(a, b)[0]) for a, b in combinations(theirs, 2)]
    return with_each.mean(axis=0), float(np.mean(pairs)) if pairs else float("nan")


def scaled(values: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, "14 14"]:
    """Scale a map to `SIDE` rows and columns: bilinear, averaging where it was finer."""
    picture = Image.fromarray(values.astype(np.float32))
    return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR), dtype=np.float64)
