"""Accuracy by the first words of a question, its kind where the source tells no types."""

from __future__ import annotations

from askattend.evaluation.answered import AnsweredQuestions
from askattend.evaluation.section import PageContext, Section, TerminalLine, group_section
from askattend.metrics.breakdown import GroupAccuracy, accuracy_by_first_words


def measure(evaluated: AnsweredQuestions) -> dict[str, GroupAccuracy]:
    """Measure the accuracy of each beginning; of none where the questions have types."""
    if any(one.question_type is not None for one in evaluated.scored):
        return {}
    return accuracy_by_first_words(evaluated.words_of, evaluated.questions, evaluated.scored)


def terminal_lines(value: dict[str, GroupAccuracy]) -> list[TerminalLine]:
    """Say nothing: there may be many."""
    return []


def page_section(value: dict[str, GroupAccuracy], context: PageContext) -> Section | None:
    """Show a table of beginnings, the most frequent first; none for a single one."""
    if len(value) < 2:
        return None
    return group_section("By first words", "Questions that begin with", value, by_size=False)
