"""WUPS of answers that are sets, as DAQUAR's are: how near a wrong one is to the right one."""

from __future__ import annotations

import msgspec

from askattend.evaluation.answered import AnsweredQuestions
from askattend.evaluation.section import Note, PageContext, Section, Table, TerminalLine
from askattend.metrics.wups import EXACT, SETS_MATCH, THRESHOLDS, mean_wups
from askattend.scoring.score import wups_figure
from askattend.scoring.split_answers import SplitAnswers

_ABOUT = (
    "An answer near the right one in WordNet counts in part: a table for a desk. Below the "
    "threshold it counts a tenth of that (Malinowski & Fritz 2014)."
)


class SetScores(msgspec.Struct, frozen=True):
    """Scores of answers that are sets.

    Attributes:
        means: WUPS at the thresholds ``"0.9"`` and ``"0.0"``, and the share that is ``"exact"``
            as sets; empty where they cannot be had.
        why_not: the reason for which they cannot.
        single: True where no answer names several things: ``"exact"`` is the accuracy then.
    """

    means: dict[str, float] = {}
    why_not: str = ""
    single: bool = False

    def shown(self) -> dict[str, float]:
        """Return the means that say something beside the accuracy."""
        return {key: mean for key, mean in self.means.items() if not self.single or key != EXACT}


def measure(evaluated: AnsweredQuestions) -> SetScores | None:
    """Compute WUPS; None of a source whose answers are no sets, or that has none."""
    if not evaluated.scored:
        return None
    given = {one.question_id: one.answer for one in evaluated.scored}
    answers = SplitAnswers(evaluated.questions, given, "")
    means, notes = wups_figure(mean_wups, answers)
    if means is None and not notes:
        return None
    people = (text for question in evaluated.questions for text, _ in question.answers)
    single = not any("," in text for text in (*people, *given.values()))
    return SetScores(means or {}, "; ".join(notes), single)


def terminal_lines(value: SetScores) -> list[TerminalLine]:
    """Say each mean."""
    return [TerminalLine(_name(key), mean) for key, mean in value.shown().items()]


def page_section(value: SetScores, context: PageContext) -> Section:
    """Show the means, or why there are none."""
    if not value.means:
        return Section("Nearness of answers (WUPS)", (Note(value.why_not),))
    rows = tuple((_name(key), f"{mean:.2%}") for key, mean in value.shown().items())
    return Section("Nearness of answers (WUPS)", (Table(("", "Mean"), rows), Note(_ABOUT)))


def _name(key: str) -> str:
    return f"WUPS at {key}" if key in THRESHOLDS else {EXACT: SETS_MATCH}.get(key, key)
