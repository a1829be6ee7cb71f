"""Grounding: whether attention lies in the boxes of what a question is about."""

from __future__ import annotations

from askattend.evaluation.evaluate import Evaluated
from askattend.evaluation.section import Note, PageContext, Section, Table, TerminalLine
from askattend.metrics.grounding import Grounding, GroundingScores


def measure(evaluated: Evaluated) -> Grounding | None:
    """Measure it over all questions with boxes; None where there are none, or no attention."""
    return None if evaluated.grounding is None else evaluated.grounding.over()


def terminal_lines(value: Grounding) -> list[TerminalLine]:
    """Say how much attention lies in the boxes, of the best map and of none."""
    best = max(scores.inside for scores in value.maps)
    return [
        TerminalLine("attention inside the boxes, best map", best),
        TerminalLine("  attending everywhere alike", value.uniform.inside),
    ]


def page_section(value: Grounding, context: PageContext) -> Section:
    """Show a row a map, and the two that look at nothing."""
    name = context.maps_name.capitalize()
    rows = [_row(f"{name} {number}", scores) for number, scores in enumerate(value.maps, 1)]
    rows += [
        _row("Everywhere alike", value.uniform),
        _row("Always the middle", value.centre),
    ]
    columns = ("Attention", "Inside the boxes", "Peak is a hit", "Rank correlation")
    note = Note(
        f"Against the boxes of what {value.questions:,} questions are about: the share of "
        f"attention inside them, how often the most attended region is a hit, and how alike "
        f"attention and boxes rank the regions. The last two rows look at nothing."
    )
    return Section("Does attention matter?", (Table(columns, tuple(rows)), note))


def _row(name: str, scores: GroundingScores) -> tuple[str, ...]:
    rank = scores.rank_correlation
    shares = (f"{scores.inside:.1%}", f"{scores.pointing:.1%}")
    return (name, *shares, "–" if rank is None else f"{rank:.2f}")
