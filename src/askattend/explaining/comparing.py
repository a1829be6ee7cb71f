"""Maps of one question held against each other."""

from __future__ import annotations

import math
from itertools import combinations

from askattend.attribution.maps import Maps
from askattend.explaining.explanation import Agreement, ByMethod
from askattend.metrics.map_agreement import rank_correlation, top_overlap, total_variation


def agreements(maps: Maps) -> tuple[Agreement, ...]:
    """Compare each two maps of an answer."""
    return tuple(
        Agreement(
            first,
            second,
            known(float(rank_correlation(maps[first], maps[second])[0])),
            float(top_overlap(maps[first], maps[second])[0]),
        )
        for first, second in combinations(maps, 2)
    )


def compared(maps: Maps, others: Maps) -> tuple[ByMethod, ByMethod]:
    """Compare each map with another by the same method: total variation, rank correlation."""
    distance = {m: known(float(total_variation(maps[m], others[m])[0])) for m in maps}
    ranks = {m: known(float(rank_correlation(maps[m], others[m])[0])) for m in maps}
    return distance, ranks


def known(value: float) -> float | None:
    """Return a number; None for what is none."""
    return None if math.isnan(value) else value
