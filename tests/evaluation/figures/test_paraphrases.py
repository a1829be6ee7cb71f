"""Differently worded questions of one meaning."""

from __future__ import annotations

from askattend.evaluation.figures import paraphrases
from askattend.evaluation.section import Prose
from askattend.metrics.breakdown import ParaphraseConsistency
from evaluation.evaluations import CONTEXT, evaluated, question
from small_questions import make_qaset


def test_paraphrases_of_a_split() -> None:
    some = [question(n, image="a", meaning="m" if n < 2 else "n") for n in range(4)]
    value = paraphrases.measure(evaluated(make_qaset(*some), ["yes", "no", "no", "no"]))
    assert value == ParaphraseConsistency(2, 0.5, 0.0)
    assert paraphrases.terminal_lines(value) == []
    (prose,) = paraphrases.page_section(value, CONTEXT).blocks
    assert isinstance(prose, Prose)
    assert prose.text.startswith("**50.0%**: how often two wordings of one meaning got the same")
    assert paraphrases.measure(evaluated(make_qaset(question(0)), ["yes"])) is None
