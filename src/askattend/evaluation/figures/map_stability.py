"""Map stability: whether attention stays where it is when the words change, but not the meaning."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import replace

import numpy as np
import torch

from askattend.batching.batches import Batches
from askattend.batching.inference import outputs
from askattend.data.questions import Question
from askattend.evaluation.evaluate import Evaluated
from askattend.evaluation.figures.attribution import correlation_text
from askattend.evaluation.figures.grounding import interval_text
from askattend.evaluation.section import Note, PageContext, Section, Table, TerminalLine
from askattend.metrics.map_agreement import Array
from askattend.metrics.map_stability import MapDistance, MapStability, map_distance

# Meanings to compare two wordings of, drawn from the split.
MEANINGS = 200
Pair = tuple[Question, Question]


def measure(evaluated: Evaluated) -> MapStability | None:
    """Measure it on some of the split; None without attention, or without paraphrases."""
    reworded, another = _pairs(evaluated.questions.questions)
    if not reworded or not evaluated.predictor.model.attends:
        return None
    maps = _mean_maps(evaluated, [*reworded, *another])
    return MapStability(_distance(reworded, maps), _distance(another, maps) if another else None)


def _pairs(questions: tuple[Question, ...]) -> tuple[list[Pair], list[Pair]]:
    """Draw pairs of one meaning, and with the first of each another question about its image."""
    meanings = defaultdict[tuple[str, str], list[Question]](list)
    by_image = defaultdict[str, list[Question]](list)
    for question in questions:
        by_image[question.image].append(question)
        if question.meaning is not None:
            meanings[question.image, question.meaning].append(question)
    several = [group for group in meanings.values() if len(group) > 1]
    generator = random.Random(0)
    drawn = generator.sample(several, min(MEANINGS, len(several)))
    reworded, another = [], []
    for group in drawn:
        first, second = generator.sample(group, 2)
        reworded.append((first, second))
        others = [one for one in by_image[first.image] if one.meaning != first.meaning]
        if others:
            another.append((first, generator.choice(others)))
    return reworded, another


def _mean_maps(evaluated: Evaluated, pairs: list[Pair]) -> dict[object, Array]:
    """Give the mean of all glimpses or hops for each question of the pairs, by its id."""
    batches, run, model = evaluated.batches, evaluated.predictor.run, evaluated.predictor.model
    wanted = tuple({question.id: question for pair in pairs for question in pair}.values())
    questions = replace(evaluated.questions, questions=wanted)
    size = batches.batch_size
    few = Batches(questions, batches.source, run.words, run.answers, batch_size=size)
    found: dict[object, Array] = {}
    for batch, output in outputs(model, few.in_order(), next(model.parameters()).device):
        means = output.attention.to("cpu", torch.float64).mean(dim=1).numpy()
        for mean, position in zip(means, batch.question_index.tolist(), strict=True):
            found[wanted[position].id] = mean
    return found


def _distance(pairs: list[Pair], maps: dict[object, Array]) -> MapDistance:
    sides = zip(*pairs, strict=True)
    first, second = (np.stack([maps[question.id] for question in side]) for side in sides)
    return map_distance(first, second, [question.image for question, _ in pairs])


def terminal_lines(value: MapStability) -> list[TerminalLine]:
    """Say how much of the attention moves."""
    another = value.another
    beside = f"  (for another question {another.moved.value:.1%})" if another is not None else ""
    label = "attention that moves in other words"
    return [TerminalLine(label, value.reworded.moved.value, beside)]


def page_section(value: MapStability, context: PageContext) -> Section:
    """Show the same in other words beside another question."""
    rows = [_row("The same in other words", value.reworded)]
    if value.another is not None:
        rows.append(_row("Another question", value.another))
    columns = ("About the same image", "Pairs", "Attention that moves", "Rank correlation")
    note = Note(
        f"How much of the {context.maps_name}s' mean would have to be moved to make one question's "
        "map the other's (total variation), and how alike the two rank the regions. Means over "
        "pairs of questions drawn from the split; in brackets 95 % by images."
    )
    table = Table(columns, tuple(rows), "Does it stay when the words change?")
    return Section("Does attention matter?", (table, note))


def _row(name: str, distance: MapDistance) -> tuple[str, ...]:
    moved, ranks = interval_text(distance.moved), correlation_text(distance.rank_correlation)
    return name, f"{distance.pairs:,}", moved, ranks
