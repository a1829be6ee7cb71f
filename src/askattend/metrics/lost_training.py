"""Maps of a network that loses its training layer by layer, held against those it had."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import msgspec
import numpy as np
from jaxtyping import Float

from askattend.metrics.significance import Bootstrap, Estimate

Ranks = Mapping[str, Float[np.ndarray, "draws questions"]]


class LostLayer(msgspec.Struct, frozen=True):
    """Likeness to the trained network's maps when this layer, and all behind it, are untrained.

    Attributes:
        layer: its name in the network.
        rank_correlation: by method, Spearman's with the trained network's map of the same answer,
            -1 to 1, averaged over questions and untrained networks; a map that is the same
            everywhere counts as unrelated, 0.
    """

    layer: str
    rank_correlation: dict[str, Estimate]


class LostTraining(msgspec.Struct, frozen=True):
    """How much of its maps a network keeps while it loses what training taught it.

    Attributes:
        questions: how many were tried.
        draws: untrained networks that layers were taken from.
        layers: from the answers down to the inputs; in the last nothing trained is left.
    """

    questions: int
    draws: int
    layers: tuple[LostLayer, ...]


def lost_training(ranks: Mapping[str, Ranks], images: Sequence[Hashable]) -> LostTraining:
    """Average correlations over questions and draws.

    Args:
        ranks: layer → method → correlation of each question in each draw; NaN of a flat map.
        images: the image of each question; questions of one image are no independent evidence.
    """
    layers = tuple(LostLayer(layer, _estimates(found, images)) for layer, found in ranks.items())
    (draws,) = {len(values) for found in ranks.values() for values in found.values()}
    return LostTraining(len(images), draws, layers)


def _estimates(found: Ranks, images: Sequence[Hashable]) -> dict[str, Estimate]:
    means = np.stack([np.nan_to_num(values).mean(axis=0) for values in found.values()])
    bootstrap = Bootstrap.of(means, images)
    return {name: bootstrap.estimate(row, least=-1.0) for row, name in enumerate(found)}
