"""Complementary pairs: one question about two pictures, with different answers (VQA v2)."""

from __future__ import annotations

from askattend.evaluation.answered import AnsweredQuestions
from askattend.evaluation.section import PageContext, Prose, Section, TerminalLine
from askattend.metrics.breakdown import Pairs, pair_consistency


def measure(evaluated: AnsweredQuestions) -> Pairs | None:
    """Measure how often both of a pair are right; None where the split has no pairs."""
    return pair_consistency(evaluated.questions, evaluated.scored)


def terminal_lines(value: Pairs) -> list[TerminalLine]:
    """Say nothing: the page has room for it."""
    return []


def page_section(value: Pairs, context: PageContext) -> Section:
    """Show it in a sentence."""
    text = (
        f"**{value.both_right:.1%}** of {value.pairs:,} complementary pairs (one question about "
        f"two pictures, with different answers) have both right; {value.same_answer:.1%} got the "
        f"same answer twice."
    )
    return Section("Consistency", (Prose(text),))
