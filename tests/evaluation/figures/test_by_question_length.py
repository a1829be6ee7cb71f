"""Accuracy by the number of words of a question."""

from __future__ import annotations

from askattend.evaluation.figures import by_question_length
from askattend.evaluation.section import GroupTable
from evaluation.evaluations import CONTEXT, evaluated, question
from small_questions import make_qaset


def test_lengths_stand_in_their_order_whatever_their_number() -> None:
    questions = make_qaset(
        question(0, text="is it?"),
        question(1, text="is it red, or what is it?"),
        question(2, text="it is not red, is it?"),
    )
    value = by_question_length.measure(evaluated(questions, ["yes", "no", "yes"]))
    assert {name: (g.questions, g.accuracy) for name, g in value.items()} == {
        "1-3 words": (1, 1.0),
        "6-7 words": (2, 0.5),
    }
    section = by_question_length.page_section(value, CONTEXT)
    assert section is not None
    (table,) = section.blocks
    assert isinstance(table, GroupTable)
    assert [name for name, _ in table.rows] == ["1-3 words", "6-7 words"]
    assert by_question_length.terminal_lines(value) == []
