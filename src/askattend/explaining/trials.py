"""Trials of an answer without regions, and of its maps without what training taught."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from statistics import fmean

import numpy as np
import torch
from scipy.integrate import trapezoid

from askattend.attribution.maps import Maps, maps_of
from askattend.attribution.randomising import cascade
from askattend.attribution.removal import removal_curves
from askattend.attribution.without_regions import WithoutRegions
from askattend.batching.batches import Batch
from askattend.explaining.comparing import compared
from askattend.explaining.explanation import LostLayer, RemovalCurves
from askattend.models import Network

# One answer's curve at random is rougher than the mean over many questions.
RANDOM_ORDERS = 20
# Untrained networks whose maps are compared with the trained one's: of a single draw some are alike
# by chance.
DRAWS = 3


@torch.inference_mode()
def curves(
    asked: WithoutRegions, maps: Maps, removed: tuple[int, ...], seed: int
) -> tuple[RemovalCurves, ...]:
    """Follow one answer's probability along deletion and insertion, by each map and at random."""
    generator = torch.Generator().manual_seed(seed)
    stacked = torch.from_numpy(np.stack(list(maps.values()), axis=1)).to(asked.attention.device)
    both = removal_curves(asked, stacked, removed, generator, random_orders=RANDOM_ORDERS)
    found = both.cpu().double().numpy()
    gone, regions = np.array(removed), removed[-1]
    deletion, insertion = found[..., 0]
    return tuple(
        RemovalCurves(
            order,
            float(down[0] - down[1]),
            tuple(down.tolist()),
            float(trapezoid(down, gone / regions)),
            tuple(up.tolist()),
            float(trapezoid(up, (regions - gone[::-1]) / regions)),
        )
        for order, down, up in zip((*maps, "random"), deletion, insertion, strict=True)
    )


def lost_layers(
    asked: WithoutRegions, batch: Batch, maps: Maps, draws: Iterable[Network], *, channels: int
) -> tuple[LostLayer, ...]:
    """Make the maps again of a network that loses its training layer by layer; see `cascade`.

    Args:
        asked: the question, with the trained network and the answer to follow.
        batch: the same question.
        maps: of the trained network.
        draws: untrained networks.
        channels: see `maps_of`.
    """
    found = defaultdict[str, list[list[float | None]]](list)
    for fresh in draws:
        for layer, model in cascade(asked.model, fresh):
            _, theirs = maps_of(
                model,
                batch,
                temperature=asked.temperature,
                answer=asked.answer,
                channels=channels,
            )
            _, ranks = compared(maps, theirs)
            found[layer].append(list(ranks.values()))
    return tuple(
        LostLayer(layer, dict(zip(maps, _means(rows), strict=True)))
        for layer, rows in found.items()
    )


def _means(rows: list[list[float | None]]) -> list[float | None]:
    """Average each column over the rows in which it is a number."""
    columns = zip(*rows, strict=True)
    known = ([value for value in column if value is not None] for column in columns)
    return [fmean(column) if column else None for column in known]
