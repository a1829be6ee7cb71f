"""Accuracy by type of answer."""

from __future__ import annotations

from askattend.evaluation.figures import by_answer_type
from askattend.evaluation.section import GroupTable, TerminalLine
from evaluation.evaluations import CONTEXT, evaluated, question
from small_questions import make_qaset


def test_types_of_answers() -> None:
    questions = make_qaset(
        question(0, answer_type="yes/no"),
        question(1, answer_type="other"),
        question(2, answer_type="yes/no"),
        question(3),
        question(4, None, answer_type="unanswered"),
    )
    value = by_answer_type.measure(evaluated(questions, ["yes", "yes", "no", "no", "no"]))
    assert {name: (g.questions, g.accuracy) for name, g in value.items()} == {
        "other": (1, 1.0),
        "yes/no": (2, 0.5),
    }
    assert by_answer_type.terminal_lines(value) == [
        TerminalLine("answer type other", 1.0),
        TerminalLine("answer type yes/no", 0.5),
    ]
    section = by_answer_type.page_section(value, CONTEXT)
    assert section is not None
    (table,) = section.blocks
    assert isinstance(table, GroupTable)
    assert [name for name, _ in table.rows] == ["yes/no", "other"]  # the most frequent first


def test_no_types_are_no_section() -> None:
    value = by_answer_type.measure(evaluated(make_qaset(question(0)), ["yes"]))
    assert value == {}
    assert by_answer_type.terminal_lines(value) == []
    assert by_answer_type.page_section(value, CONTEXT) is None
