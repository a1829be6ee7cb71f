"""Accuracy by the number of words of a question."""

from __future__ import annotations

from askattend.evaluation.answered import AnsweredQuestions
from askattend.evaluation.section import PageContext, Section, TerminalLine, group_section
from askattend.metrics.breakdown import GroupAccuracy, accuracy_by_length


def measure(evaluated: AnsweredQuestions) -> dict[str, GroupAccuracy]:
    """Measure the accuracy of each group of lengths, shortest first."""
    return accuracy_by_length(evaluated.words_of, evaluated.questions, evaluated.scored)


def terminal_lines(value: dict[str, GroupAccuracy]) -> list[TerminalLine]:
    """Say nothing: the page has room for it."""
    return []


def page_section(value: dict[str, GroupAccuracy], context: PageContext) -> Section | None:
    """Show a table of lengths, shortest first."""
    return group_section("By length of question", "Length", value, by_size=False)
