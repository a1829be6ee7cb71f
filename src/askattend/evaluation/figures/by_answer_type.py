"""Accuracy by type of answer, where the source tells the types."""

from __future__ import annotations

from askattend.evaluation.answered import AnsweredQuestions
from askattend.evaluation.section import PageContext, Section, TerminalLine, group_section
from askattend.metrics.breakdown import GroupAccuracy, accuracy_by


def measure(evaluated: AnsweredQuestions) -> dict[str, GroupAccuracy]:
    """Measure the accuracy of each type."""
    return accuracy_by(lambda one: one.answer_type, evaluated.scored)


def terminal_lines(value: dict[str, GroupAccuracy]) -> list[TerminalLine]:
    """Say each type's accuracy."""
    return [TerminalLine(f"answer type {name}", group.accuracy) for name, group in value.items()]


def page_section(value: dict[str, GroupAccuracy], context: PageContext) -> Section | None:
    """Show a table of types, the most frequent first."""
    return group_section("By type of answer", "Answers", value)
