"""Grounding by type of question: some are about more than one box."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from operator import attrgetter

from askattend.evaluation.evaluate import Evaluated
from askattend.evaluation.figures.grounding import named_maps
from askattend.evaluation.section import PageContext, Section, Table, TerminalLine
from askattend.metrics.grounding import Grounding, GroundingScores
from askattend.metrics.significance import Estimate


def measure(evaluated: Evaluated) -> dict[str, Grounding]:
    """Measure it over the questions of each type; nothing where there is no grounding."""
    if evaluated.grounding is None:
        return {}
    indices: defaultdict[str, list[int]] = defaultdict(list)
    for index, question in enumerate(evaluated.boxed):
        if question.question_type is not None:
            indices[question.question_type].append(index)
    return {kind: evaluated.grounding.over(indices[kind]) for kind in sorted(indices)}


def terminal_lines(value: Mapping[str, Grounding]) -> list[TerminalLine]:
    """Say nothing: the page has room for it."""
    return []


def page_section(value: Mapping[str, Grounding], context: PageContext) -> Section | None:
    """Show two tables with a row a type; nothing of a single one, which `grounding` shows."""
    if len(value) < 2:
        return None
    inside = _table("Inside the boxes", value, attrgetter("inside"), context.maps_name)
    pointing = _table("Peak is a hit", value, attrgetter("pointing"), context.maps_name)
    return Section("Does attention matter?", (inside, pointing))


def _table(
    title: str,
    value: Mapping[str, Grounding],
    share: Callable[[GroundingScores], Estimate],
    maps_name: str,
) -> Table:
    first = next(iter(value.values()))
    maps = (name for name, _ in named_maps(first.maps, first.mean, maps_name))
    rows = (
        (
            kind,
            f"{each.questions:,}",
            *(f"{share(one).value:.1%}" for one in _scores(each)),
        )
        for kind, each in value.items()
    )
    return Table(("Type", "Questions", *maps, "All alike", "Middle"), tuple(rows), title)


def _scores(value: Grounding) -> list[GroundingScores]:
    mean = [] if value.mean is None else [value.mean]
    return [*value.maps, *mean, value.uniform, value.centre]
