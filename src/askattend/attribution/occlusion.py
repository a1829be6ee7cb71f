"""Maps by occlusion: how much less an answer is to be expected without each region."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from askattend.attribution.without_regions import WithoutRegions


def occlusion_maps(asked: WithoutRegions) -> Float[Tensor, "questions regions"]:
    """Take away each region alone; give the fall of the answer's log-odds, of either sign.

    (Zeiler & Fergus 2014, section 4.2, with the features of a region in the place of a grey square
    of pixels.) Log-odds rank regions as the probability does, which near 1 would fall by nothing
    but rounding. What two regions both show is missing in neither's fall, and features of zero are
    like no picture's: a fall may tell how odd they are. The backbone has seen the whole picture, so
    that a neighbour's features may still tell of what lies in the region.

    Args:
        asked: the questions, with the answer to follow.
    """
    regions = asked.attention.shape[2]
    without = ~torch.eye(regions, dtype=torch.bool, device=asked.attention.device)
    (left,) = asked.log_odds_with(without.expand(len(asked.images), 1, regions, regions))
    # Of a network that knows a single answer both are infinite.
    return (asked.log_odds[:, None] - left[:, 0]).nan_to_num(0.0)
