"""Sensitivity: whether an answer hangs on the regions that were attended to."""

from __future__ import annotations

import msgspec
import torch
from jaxtyping import Float, Int
from torch import Tensor

from askattend.batching.batches import Batch, Batches
from askattend.evaluation.evaluate import Evaluated
from askattend.evaluation.section import PageContext, Prose, Section, TerminalLine
from askattend.models import Network

REMOVED = 0.1  # share of the regions


class Sensitivity(msgspec.Struct, frozen=True):
    """Drop of the answer's probability when regions are taken away.

    Attributes:
        questions: how many were tried.
        regions: how many regions of each picture were taken away: a tenth, at least one.
        attended: mean drop when they are the most attended ones; negative if it rises.
        random: mean drop when they are any.
    """

    questions: int
    regions: int
    attended: float
    random: float


def measure(evaluated: Evaluated) -> Sensitivity | None:
    """Measure it on a sample of the questions; None where the network does not attend."""
    model = evaluated.predictor.model
    return sensitivity(model, evaluated.sample) if model.attends else None


def terminal_lines(value: Sensitivity) -> list[TerminalLine]:
    """Say nothing: the page has room for it."""
    return []


def page_section(value: Sensitivity, context: PageContext) -> Section:
    """Show it in a sentence."""
    regions = "region is" if value.regions == 1 else f"{value.regions} regions are"
    text = (
        f"When the most attended {regions} taken away, the probability of its answer falls by "
        f"**{_points(value.attended)}**; when random ones are, by **{_points(value.random)}** "
        f"(mean over {value.questions:,} questions)."
    )
    return Section("Does attention matter?", (Prose(text),))


def _points(share: float) -> str:
    # Adding 0 makes a zero of what is rounded to a negative one.
    return f"{round(100 * share, 1) + 0.0:.1f} points"


@torch.inference_mode()
def sensitivity(model: Network, batches: Batches, *, seed: int = 0) -> Sensitivity | None:
    """Take away a tenth of the regions, the most attended or random ones, and answer again.

    The networks know no positions, so a region can be left out altogether: the attention of those
    that stay sums to 1 again. A network's maps are averaged to tell which regions are the most
    attended.

    Args:
        model: in evaluation mode.
        batches: the questions to try.
        seed: chooses the random regions.

    Returns:
        None where a picture is a single region.
    """
    device = next(model.parameters()).device
    generator = torch.Generator().manual_seed(seed)
    drops: list[Tensor] = []
    removed = 0
    for batch in batches.in_order():
        regions = batch.regions.shape[1]
        removed = max(1, round(REMOVED * regions))
        if removed >= regions:
            return None
        drops.append(_probability_drops(model, batch.to(device), removed, generator))
    attended, random = torch.cat(drops).mean(dim=0).tolist()
    return Sensitivity(sum(map(len, drops)), removed, attended, random)


def _probability_drops(
    model: Network, batch: Batch, removed: int, generator: torch.Generator
) -> Float[Tensor, "questions 2"]:
    """Drop of each answer's probability without the most attended and without random regions."""
    output = model(batch.regions, batch.tokens, batch.lengths, batch.image_index)
    before, answer = output.logits.float().softmax(dim=1).max(dim=1)
    attention = output.attention.float().mean(dim=1)  # questions × regions
    drops = []
    for importance in (attention, torch.rand(attention.shape, generator=generator)):
        order = importance.to(attention.device).argsort(dim=1)
        after = _probabilities(model, batch, order[:, : order.shape[1] - removed])
        drops.append(before - after.gather(1, answer[:, None]).squeeze(1))
    return torch.stack(drops, dim=1).cpu()


def _probabilities(
    model: Network, batch: Batch, regions_left: Int[Tensor, "questions left"]
) -> Tensor:
    """Probabilities of the answers when each question has only some of its regions."""
    regions = batch.regions[batch.image_index[:, None], regions_left]
    logits: Tensor = model(regions, batch.tokens, batch.lengths).logits
    return logits.float().softmax(dim=1)
