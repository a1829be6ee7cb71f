"""Paraphrases: differently worded questions of one meaning, which should get one answer."""

from __future__ import annotations

from askattend.evaluation.answered import AnsweredQuestions
from askattend.evaluation.section import PageContext, Prose, Section, TerminalLine
from askattend.metrics.breakdown import ParaphraseConsistency, paraphrase_consistency

_SENTENCE = (
    "**{0.agreement:.1%}**: how often two wordings of one meaning got the same answer, over "
    "{0.meanings:,} meanings; {0.all_right:.1%} of the meanings were answered rightly in every "
    "wording."
)


def measure(evaluated: AnsweredQuestions) -> ParaphraseConsistency | None:
    """Measure how often paraphrases agree; None where the source tells of none."""
    return paraphrase_consistency(evaluated.questions, evaluated.scored)


def terminal_lines(value: ParaphraseConsistency) -> list[TerminalLine]:
    """Say nothing: the page has room for it."""
    return []


def page_section(value: ParaphraseConsistency, context: PageContext) -> Section:
    """Show it in a sentence."""
    return Section("Consistency", (Prose(_SENTENCE.format(value)),))
