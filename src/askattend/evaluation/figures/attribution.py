"""Attribution: whether maps made in other ways point at what is attended to."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float

from askattend.attribution.gradients import in_float32
from askattend.attribution.maps import METHODS, Maps, maps_of
from askattend.attribution.removal import drops_without_tenth
from askattend.batching.batches import Batch, Batches
from askattend.evaluation.evaluate import Evaluated
from askattend.evaluation.figures.grounding import interval_text
from askattend.evaluation.figures.removal import change_text
from askattend.evaluation.section import Note, PageContext, Section, Table, TerminalLine
from askattend.metrics.attribution import (
    ATTENTION,
    Attribution,
    AttributionPerQuestion,
    MethodScores,
)
from askattend.metrics.significance import Estimate
from askattend.models import Network
from askattend.models.kernels.int8 import is_rounded

# A question is asked once for each of its image's regions: so many regions in all take seconds.
OCCLUSIONS = 10_000


def measure(evaluated: Evaluated) -> Attribution | None:
    """Measure it on some of the sample; None where the network does not attend.

    Nor is there a gradient of weights rounded to 8 bits, nor an order of a single region.
    """
    model, run = evaluated.predictor.model, evaluated.predictor.run
    grid = (run.features.rows, run.features.columns)
    if not model.attends or is_rounded(model) or grid == (1, 1):
        return None
    batches = few_of(evaluated, OCCLUSIONS // (grid[0] * grid[1]))
    model, generator = in_float32(model), torch.Generator().manual_seed(0)
    device, questions, found = next(model.parameters()).device, batches.questions.questions, []
    asked = []
    for batch in batches.in_order():
        found.append(_maps_and_drops(model, batch.to(device), evaluated, generator))
        asked += [questions[position] for position in batch.question_index.tolist()]
    maps, drops = (
        {name: np.concatenate([part[name] for part in parts]) for name in METHODS}
        for parts in zip(*found, strict=True)
    )
    boxes = tuple(tuple(evaluated.boxes_of(question)) for question in asked)
    images = tuple(question.image for question in asked)
    return AttributionPerQuestion(maps, drops, grid, boxes, images).over_all()


def few_of(evaluated: Evaluated, most: int) -> Batches:
    """Draw some of the sample; the same at each call."""
    sample, run = evaluated.sample, evaluated.predictor.run
    questions, most = sample.questions.questions, max(most, 1)
    if len(questions) <= most:
        return sample
    drawn = sorted(random.Random(0).sample(range(len(questions)), most))
    few = replace(sample.questions, questions=tuple(questions[index] for index in drawn))
    return Batches(few, sample.source, run.words, run.answers, batch_size=sample.batch_size)


def _maps_and_drops(
    model: Network, batch: Batch, evaluated: Evaluated, generator: torch.Generator
) -> tuple[Maps, dict[str, Float[np.ndarray, " questions"]]]:
    """Make the maps of a batch, and take away the top tenth of each."""
    channels = evaluated.predictor.run.features.region_dim
    asked, maps = maps_of(model, batch, temperature=evaluated.temperature, channels=channels)
    stacked = torch.from_numpy(np.stack(list(maps.values()), axis=1)).to(asked.attention.device)
    with torch.inference_mode():
        drops = drops_without_tenth(asked, stacked, generator).cpu().double().numpy()
    return maps, dict(zip(maps, drops.T, strict=True))


def terminal_lines(value: Attribution) -> list[TerminalLine]:
    """Say how like the attention the other maps are."""
    others = {name: scores for name, scores in value.methods.items() if name != ATTENTION}
    ranks = ", ".join(
        f"{METHODS[name]} {scores.rank_correlation.value:.2f}"
        for name, scores in others.items()
        if scores.rank_correlation is not None
    )
    tops = ", ".join(
        f"{METHODS[name]} {scores.top_tenth.value:.0%}"
        for name, scores in others.items()
        if scores.top_tenth is not None
    )
    return [
        TerminalLine("attention's ranks and other maps'", None, ranks),
        TerminalLine(f"  same top tenth, by chance {value.chance:.0%}", None, tops),
    ]


def page_section(value: Attribution, context: PageContext) -> Section:
    """Show a row a method."""
    columns = ("Map", "Rank correlation", "Same top tenth", "Without its tenth, it")
    hit = ("Peak is a hit",) if value.boxed else ()
    rows = tuple(_row(name, scores) for name, scores in value.methods.items())
    table = Table((*columns, *hit), rows, "Do other maps point there?")
    note = (
        f"Other maps of the same answers, and how like they are to the {context.maps_name}s' mean: "
        "by gradient (Grad-CAM, gradient × input) and by taking each region away (occlusion). Two "
        f"random maps have a rank correlation of 0 and {value.chance:.0%} of the same top tenth "
        f"({value.tenth} of {value.regions} regions). Means over {value.questions:,} questions "
        "drawn from the split; in brackets 95 % by images. `askattend explain` shows the maps of "
        "one answer."
    )
    if 0 < value.boxed < value.questions:
        note += f" {value.boxed:,} of the questions have boxes."
    return Section("Does attention matter?", (table, Note(note)))


def _row(name: str, scores: MethodScores) -> tuple[str, ...]:
    rank, top = scores.rank_correlation, scores.top_tenth
    hit = () if scores.pointing is None else (interval_text(scores.pointing),)
    same = "–" if top is None else interval_text(top)
    label = f"{METHODS[name]}, mean" if name == ATTENTION else METHODS[name]
    ranks = "–" if rank is None else correlation_text(rank)
    return (label, ranks, same, change_text(scores.drop), *hit)


def correlation_text(rank: Estimate) -> str:
    """Write a correlation with its interval: ``"0.31 (0.25 to 0.37)"``."""
    low, high = rank.interval
    return f"{rank.value:.2f} ({low:.2f} to {high:.2f})"
