"""Attention beside other maps of the same answers."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from jaxtyping import Float

from askattend.data.questions import Box
from askattend.metrics.grounding import measure as measure_grounding
from askattend.metrics.map_agreement import rank_correlation, top_overlap, top_tenth
from askattend.metrics.shares import share_interval
from askattend.metrics.significance import Bootstrap, Estimate

Array = np.ndarray[Any, np.dtype[np.float64]]
ATTENTION = "attention"


class MethodScores(msgspec.Struct, frozen=True):
    """Scores of the maps that one method makes, averaged over questions.

    Attributes:
        rank_correlation: Spearman's with the attention, -1 to 1; a map that is the same everywhere
            counts as unrelated, 0. None of the attention itself.
        top_tenth: share of its top tenth that is in the attention's, 0 to 1; None likewise.
        drop: fall of the answer's probability without its top tenth.
        pointing: share of questions whose greatest region is a hit, see `GroundingScores`; None
            where no question has boxes.
    """

    rank_correlation: Estimate | None
    top_tenth: Estimate | None
    drop: Estimate
    pointing: Estimate | None


class Attribution(msgspec.Struct, frozen=True):
    """Attention beside other maps of the same answers.

    Attributes:
        questions: how many were tried.
        boxed: how many of them have boxes.
        regions: of each image.
        tenth: regions of a top tenth.
        methods: scores by method; attention is the mean of all glimpses or hops.
    """

    questions: int
    boxed: int
    regions: int
    tenth: int
    methods: dict[str, MethodScores]

    @property
    def chance(self) -> float:
        """Share of the same top tenth that two random maps have."""
        return self.tenth / self.regions


@dataclass(frozen=True)
class AttributionPerQuestion:
    """Maps of each question's answer.

    Attributes:
        maps: by method, attention among them.
        drops: fall of the answer's probability without each map's top tenth.
        grid: rows and columns of the regions.
        boxes: of each question, as shares of the square that maps lie over; empty where not known.
        images: the image of each question; questions of one image are no independent evidence.
    """

    maps: dict[str, Float[np.ndarray, "questions regions"]]
    drops: dict[str, Float[np.ndarray, " questions"]]
    grid: tuple[int, int]
    boxes: tuple[tuple[Box, ...], ...]
    images: tuple[Hashable, ...]

    def over_all(self) -> Attribution:
        """Average over the questions."""
        boxed = [position for position, boxes in enumerate(self.boxes) if boxes]
        rows, columns = self.grid
        methods = {name: self._scores(name, boxed) for name in self.maps}
        counts = (len(self.images), len(boxed), rows * columns, top_tenth(rows * columns))
        return Attribution(*counts, methods)

    def _scores(self, name: str, boxed: Sequence[int]) -> MethodScores:
        attention, values = self.maps[ATTENTION], self.maps[name]
        ranks = np.nan_to_num(rank_correlation(attention, values))
        figures = np.stack([ranks, top_overlap(attention, values), self.drops[name]])
        bootstrap = Bootstrap.of(figures, self.images)
        own = name == ATTENTION
        return MethodScores(
            None if own else bootstrap.estimate(0, least=-1.0),
            None if own else bootstrap.estimate(1),
            bootstrap.estimate(2, least=-1.0),
            self._pointing(values, boxed) if boxed else None,
        )

    def _pointing(self, values: Array, boxed: Sequence[int]) -> Estimate:
        maps = values[boxed].reshape(len(boxed), 1, *self.grid)
        images = [self.images[position] for position in boxed]
        hits = measure_grounding(maps, [self.boxes[position] for position in boxed]).pointing[0]
        return Estimate(float(hits.mean()), share_interval(hits, images))
