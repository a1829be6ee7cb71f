"""Lost training: whether maps change when the network forgets what training taught it."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from askattend.attribution.gradients import in_float32
from askattend.attribution.maps import METHODS, maps_of
from askattend.attribution.randomising import cascade, layers_of, trained_run, untrained
from askattend.batching.batches import Batch
from askattend.evaluation.evaluate import Evaluated
from askattend.evaluation.figures.attribution import correlation_text, few_of
from askattend.evaluation.section import Note, PageContext, Section, Table, TerminalLine
from askattend.metrics.lost_training import LostLayer, LostTraining, lost_training
from askattend.metrics.map_agreement import rank_correlation
from askattend.models import Network
from askattend.models.kernels.int8 import is_rounded

DRAWS = 2
# Large differences show in few questions, and each is asked once a region, layer and draw: so many
# times in all take seconds.
QUESTIONS = 16
OCCLUSIONS = 20_000

Found = defaultdict[str, defaultdict[str, list[np.ndarray]]]


def measure(evaluated: Evaluated) -> LostTraining | None:
    """Measure it on a few questions; None where `attribution` has nothing to measure either."""
    model, run = evaluated.predictor.model, evaluated.predictor.run
    if (
        not model.attends
        or is_rounded(model)
        or (run.features.rows, run.features.columns) == (1, 1)
    ):
        return None
    model = in_float32(model)
    times = run.features.regions * len(layers_of(model)) * DRAWS
    few = few_of(evaluated, min(QUESTIONS, OCCLUSIONS // times))
    device, images = next(model.parameters()).device, list[str]()
    batches = [batch.to(device) for batch in few.in_order()]
    for batch in batches:
        images += [few.questions.questions[n].image for n in batch.question_index.tolist()]
    trained = trained_run(evaluated.predictor)
    draws = [_ranks(model, untrained(trained, n), batches, evaluated) for n in range(DRAWS)]
    ranks = {
        layer: {name: np.stack([draw[layer][name] for draw in draws]) for name in METHODS}
        for layer in draws[0]
    }
    return lost_training(ranks, images)


def _ranks(
    model: Network, fresh: Network, batches: list[Batch], evaluated: Evaluated
) -> dict[str, dict[str, np.ndarray]]:
    """Correlate the maps of a network that loses layer after layer with those it had."""
    settings: dict[str, Any] = {
        "temperature": evaluated.temperature,
        "channels": evaluated.predictor.run.features.region_dim,
    }
    before = [maps_of(model, batch, **settings) for batch in batches]
    found: Found = defaultdict(lambda: defaultdict(list))
    for layer, losing in cascade(model, fresh):
        for batch, (asked, maps) in zip(batches, before, strict=True):
            _, theirs = maps_of(losing, batch, answer=asked.answer, **settings)
            for name in METHODS:
                found[layer][name].append(rank_correlation(maps[name], theirs[name]))
    return {
        layer: {name: np.concatenate(parts) for name, parts in by_method.items()}
        for layer, by_method in found.items()
    }


def terminal_lines(value: LostTraining) -> list[TerminalLine]:
    """Say how like the trained network's maps those without any training are."""
    last = value.layers[-1].rank_correlation
    note = ", ".join(f"{METHODS[name]} {ranks.value:.2f}" for name, ranks in last.items())
    return [TerminalLine("maps' ranks without any training", None, note)]


def page_section(value: LostTraining, context: PageContext) -> Section:
    """Show a row a layer, in the order that they are lost in."""
    *others, last = value.layers
    rows = (*(_row(layer) for layer in others), _row(last, intervals=True))
    table = Table(("Untrained down to", *METHODS.values()), rows, "Do the maps need training?")
    note = Note(
        "Layer after layer becomes what it was before training, from the answers down to the "
        "inputs, and the maps of the same answers are made again: rank correlation with the "
        "trained network's, 1 where nothing changes, 0 where nothing is left (Adebayo et al. "
        "2018). A map that stays as it was shows nothing of what the lost layers learnt; "
        "attention stays until its own layers are lost, as it is computed before the answer. That "
        "a map changes does not make it right: it is the least to ask of it. "
        f"Means over {value.questions:,} questions drawn from the split and {value.draws} "
        "untrained networks, in the last row in brackets 95 % by images: so few tell large "
        "differences alone. `askattend explain` does it for one answer."
    )
    return Section("Does attention matter?", (table, note))


def _row(layer: LostLayer, *, intervals: bool = False) -> tuple[str, ...]:
    ranks = layer.rank_correlation.values()
    return (layer.layer, *(correlation_text(r) if intervals else f"{r.value:.2f}" for r in ranks))
