"""Whether an answer hangs on the regions that were attended to."""

from __future__ import annotations

from typing import Any

import msgspec
import torch
from jaxtyping import Float
from torch import Tensor

from askattend.batching.batches import Batch, Batches
from askattend.models import Model

REMOVED = 0.1


class Sensitivity(msgspec.Struct, frozen=True):
    """How far the probability of the answer falls when regions are taken away.

    Attributes:
        questions: how many were tried.
        regions: how many regions of each picture were taken away: a tenth, at least one.
        attended: mean fall when they are the most attended ones; negative if it rises.
        random: mean fall when they are any.
    """

    questions: int
    regions: int
    attended: float
    random: float


@torch.inference_mode()
def sensitivity(model: Model, batches: Batches, *, seed: int = 0) -> Sensitivity | None:
    """Take away a tenth of the regions, the most attended or random ones, and answer again.

    The networks know no place, so a region can be left out altogether: the attention of those that
    stay sums to 1 again. A network's maps are averaged to tell which regions are the most attended.

    Args:
        model: in evaluation mode.
        batches: the questions to try.
        seed: chooses the random regions.

    Returns:
        None where a picture is a single region.
    """
    device = next(model.parameters()).device
    generator = torch.Generator().manual_seed(seed)
    falls: list[Tensor] = []
    taken = 0
    for batch in batches.in_order():
        regions = batch.regions.shape[1]
        taken = max(1, round(REMOVED * regions))
        if taken >= regions:
            return None
        falls.append(_falls(model, batch.to(device), taken, generator))
    attended, random = torch.cat(falls).mean(dim=0).tolist()
    return Sensitivity(sum(len(fall) for fall in falls), taken, attended, random)


def _falls(
    model: Model, batch: Batch, taken: int, generator: torch.Generator
) -> Float[Tensor, "questions 2"]:
    output = model(batch.regions, batch.tokens, batch.lengths, batch.image_index)
    before, answer = output.logits.float().softmax(dim=1).max(dim=1)
    attention = output.attention.float().mean(dim=1)  # questions × regions
    falls = []
    for importance in (attention, torch.rand(attention.shape, generator=generator)):
        kept = importance.to(attention.device).argsort(dim=1)[:, : attention.shape[1] - taken]
        after = _without(model, batch, kept)
        falls.append(before - after.gather(1, answer[:, None]).squeeze(1))
    return torch.stack(falls, dim=1).cpu()


def _without(model: Model, batch: Batch, kept: Tensor) -> Any:
    """Probabilities of the answers when each question has only the regions kept."""
    regions = batch.regions[batch.image_index[:, None], kept]
    return model(regions, batch.tokens, batch.lengths).logits.float().softmax(dim=1)
