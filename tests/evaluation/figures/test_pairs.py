"""Complementary pairs."""

from __future__ import annotations

from askattend.evaluation.figures import pairs
from askattend.evaluation.section import Prose
from askattend.metrics.breakdown import Pairs
from evaluation.evaluations import CONTEXT, evaluated, question
from small_questions import make_qaset


def test_pairs_of_a_split() -> None:
    some = [question(0), question(1, "no"), question(2), question(3, "no")]
    questions = make_qaset(*some, pairs=((0, 1), (2, 3), (3, 99)))
    value = pairs.measure(evaluated(questions, ["yes", "no", "yes", "yes"]))
    assert value == Pairs(2, 0.5, 0.5)
    assert pairs.terminal_lines(value) == []
    (prose,) = pairs.page_section(value, CONTEXT).blocks
    assert isinstance(prose, Prose)
    assert prose.text.startswith("**50.0%** of 2 complementary pairs")
    assert pairs.measure(evaluated(make_qaset(*some), ["yes"] * 4)) is None
