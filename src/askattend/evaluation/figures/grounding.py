"""Grounding: whether attention lies in the boxes of what a question is about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from askattend.evaluation.evaluate import Evaluated
from askattend.evaluation.section import Note, PageContext, Section, Table, TerminalLine
from askattend.metrics.grounding import Grounding, GroundingScores
from askattend.metrics.significance import Estimate, Ratio

T = TypeVar("T")
# Beyond this a ratio is one to nearly nothing.
MOST_TIMES = 100


def measure(evaluated: Evaluated) -> Grounding | None:
    """Measure it over all questions with boxes; None where there are none, or no attention."""
    return None if evaluated.grounding is None else evaluated.grounding.over()


def terminal_lines(value: Grounding) -> list[TerminalLine]:
    """Say how much attention lies in the boxes, and how often its peak, of the best map."""
    inside = max(value.maps, key=lambda scores: scores.inside.value)
    ratio = f"   ({times(inside.times_uniform)} uniform)" if inside.times_uniform else ""
    pointing = max(scores.pointing.value for scores in value.maps)
    middle = value.centre
    uniform = (
        f"   (uniform {value.uniform.pointing.value:.2%}, always the middle "
        f"{middle.pointing.value:.2%})"
    )
    return [
        TerminalLine("attention inside the boxes, best map", inside.inside.value, ratio),
        TerminalLine("  its peak is a hit, best map", pointing, uniform),
    ]


def page_section(value: Grounding, context: PageContext) -> Section:
    """Show a row a map, and the two that look at nothing."""
    rows = [_row(*row) for row in named_maps(value.maps, value.mean, context.maps_name)]
    rows += [
        _row("Everywhere alike", value.uniform),
        _row("Always the middle", value.centre),
    ]
    columns = ("Attention", "Inside the boxes", "× uniform", "Peak is a hit", "Rank correlation")
    table = Table(columns, tuple(rows), "Does it lie on the thing?")
    note = Note(
        f"Against the boxes of what {value.questions:,} questions are about: the share of "
        f"attention inside them, how often the most attended region is a hit, and how alike "
        f"attention and boxes rank the regions; in brackets 95 % by images. The last two rows look "
        f"at nothing."
    )
    return Section("Does attention matter?", (table, note))


def named_maps(maps: Sequence[T], mean: T | None, maps_name: str) -> Iterator[tuple[str, T]]:
    """Name the rows of a table: a glimpse or hop each, and their mean where there are several."""
    for number, scores in enumerate(maps, 1):
        yield f"{maps_name.capitalize()} {number}", scores
    if mean is not None:
        yield "Mean map", mean


def times(ratio: Ratio) -> str:
    """Write a multiple, such as ``"4.2 ×"``; of nearly nothing, its digits would say nothing."""
    return f"{ratio.value:.1f} ×" if ratio.value <= MOST_TIMES else f"over {MOST_TIMES} ×"


def ratio_text(ratio: Ratio | None) -> str:
    """Write a multiple with its interval, as far as there is either."""
    if ratio is None or ratio.interval is None:
        return "–" if ratio is None else times(ratio)
    low, high = ratio.interval
    if ratio.value > MOST_TIMES:
        return times(ratio)
    return f"{times(ratio)} ({low:.1f}–{high:.1f})"


def interval_text(estimate: Estimate) -> str:
    """Write a share with its interval."""
    low, high = estimate.interval
    return f"{estimate.value:.1%} ({low:.1%}–{high:.1%})"


def _row(name: str, scores: GroundingScores) -> tuple[str, ...]:
    rank = scores.rank_correlation
    return (
        name,
        interval_text(scores.inside),
        ratio_text(scores.times_uniform),
        interval_text(scores.pointing),
        "–" if rank is None else f"{rank:.2f}",
    )
