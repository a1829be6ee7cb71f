"""Published figures of the same protocol, or that there are none."""

from __future__ import annotations

from askattend.evaluation.answered import AnsweredQuestions
from askattend.evaluation.section import Note, PageContext, Section, Table, TerminalLine
from askattend.scoring.published import Published, published_figures

_TITLE = "Published figures"


def measure(evaluated: AnsweredQuestions) -> Published | None:
    """Find them; None of a source that no paper's figures are known of here."""
    split = {question.split for question in evaluated.questions}
    if not evaluated.scored or len(split) != 1:
        return None
    return published_figures(evaluated.questions.source, split.pop(), len(evaluated.questions))


def terminal_lines(value: Published) -> list[TerminalLine]:
    """Say the best one's accuracy, or why there is none."""
    if not value.systems:
        return [TerminalLine("published figures", None, value.why_none)]
    best = value.systems[0]
    return [TerminalLine(f"published: {best.name}", best.accuracy, f"  {best.paper}")]


def page_section(value: Published, context: PageContext) -> Section:
    """Show a row a system, or why there is none."""
    if not value.systems:
        return Section(_TITLE, (Note(f"{value.why_none[0].upper()}{value.why_none[1:]}."),))
    rows = tuple(
        (each.name, *(f"{share:.1%}" for share in (each.accuracy, *each.wups)), each.paper)
        for each in value.systems
    )
    columns = ("System", "Accuracy (exact match)", "WUPS at 0.9", "WUPS at 0.0", "Stated by")
    return Section(_TITLE, (Table(columns, rows),))
