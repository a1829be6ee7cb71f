"""Human maps: whether the network looks where people looked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from askattend.batching.batches import Batches
from askattend.batching.inference import outputs
from askattend.evaluation.evaluate import Evaluated
from askattend.evaluation.figures.attribution import correlation_text
from askattend.evaluation.figures.grounding import named_maps
from askattend.evaluation.human_maps import HumanMaps, read_human_map
from askattend.evaluation.section import Note, PageContext, Section, Table, TerminalLine
from askattend.metrics.human_maps import (
    HumanAgreement,
    HumanAgreementPerQuestion,
    correlate,
)


def measure(evaluated: Evaluated) -> HumanAgreement | None:
    """Measure it over the questions that have people's maps; None where none were named.

    Nor is there anything to measure where a network does not attend.
    """
    files = evaluated.human_maps
    if files is None or not evaluated.predictor.model.attends:
        return None
    own, people, counts, images = [], [], [], []
    for attention, image, looked in _mapped(evaluated, files):
        with_people, among_people = correlate(attention, looked)
        own.append(with_people)
        people.append(among_people)
        counts.append(len(looked))
        images.append(image)
    if not own:
        return None
    found = HumanAgreementPerQuestion(
        np.stack(own, axis=1), np.array(people), tuple(counts), tuple(images)
    )
    return found.over_all()


def _mapped(
    evaluated: Evaluated, files: HumanMaps
) -> Iterator[tuple[np.ndarray, str, list[np.ndarray]]]:
    """Yield attention, image and people's maps of each question that somebody looked at."""
    model, batches = evaluated.predictor.model, _of_these(evaluated, files)
    features, questions = evaluated.predictor.run.features, batches.questions.questions
    grid = (features.rows, features.columns)
    for batch, output in outputs(model, batches.in_order(), next(model.parameters()).device):
        maps = output.attention.float().cpu().double().unflatten(-1, grid).numpy()
        for attention, position in zip(maps, batch.question_index.tolist(), strict=True):
            question = questions[position]
            seen = evaluated.seen(question.image)
            looked = [read_human_map(file, seen) for file in files[str(question.id)]]
            # Who brought nothing into focus has no ranks.
            if looked := [one for one in looked if one.min() < one.max()]:
                yield attention, question.image, looked


def _of_these(evaluated: Evaluated, files: HumanMaps) -> Batches:
    """Batch the questions that have people's maps."""
    batches, run = evaluated.batches, evaluated.predictor.run
    some = tuple(question for question in evaluated.questions if str(question.id) in files)
    questions = replace(evaluated.questions, questions=some)
    size = batches.batch_size
    return Batches(questions, batches.source, run.words, run.answers, batch_size=size)


def terminal_lines(value: HumanAgreement) -> list[TerminalLine]:
    """Say how the mean map's ranks agree with people's, beside the middle and people."""
    mean = value.mean or value.maps[0]
    people = "" if value.people is None else f", people with one another {value.people.value:.2f}"
    note = f"{mean.value:.2f}  (the middle {value.centre.value:.2f}{people})"
    return [TerminalLine("rank correlation with people's maps", None, note)]


def page_section(value: HumanAgreement, context: PageContext) -> Section:
    """Show a row a map, and two to compare with."""
    rows = [
        (name, correlation_text(estimate))
        for name, estimate in named_maps(value.maps, value.mean, context.maps_name)
    ]
    rows.append(("Always the middle", correlation_text(value.centre)))
    if value.people is not None:
        rows.append(("People with one another", correlation_text(value.people)))
    table = Table(("Attention", "Rank correlation"), tuple(rows), "Do people look there?")
    shared = f"; {value.shared:,} have two or more" if value.people is not None else ""
    note = Note(
        f"With {value.people_maps:,} maps of where people looked to answer {value.questions:,} "
        f"questions{shared}. All maps are scaled to 14 × 14 (Das et al. 2016); in brackets 95 % by "
        "images. A network may be right for reasons that are not people's."
    )
    return Section("Does attention matter?", (table, note))
