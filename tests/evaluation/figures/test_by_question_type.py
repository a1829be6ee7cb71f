"""Accuracy by type of question."""

from __future__ import annotations

from askattend.evaluation.figures import by_question_type
from askattend.evaluation.section import GroupTable, Note
from evaluation.evaluations import CONTEXT, evaluated, question
from small_questions import make_qaset


def test_of_many_types_the_page_shows_the_most_frequent() -> None:
    kinds = [kind for kind in range(30) for _ in range(kind + 1)]
    some = [question(n, question_type=f"type {kind}") for n, kind in enumerate(kinds)]
    value = by_question_type.measure(evaluated(make_qaset(*some), ["yes"] * len(some)))
    assert {name: group.questions for name, group in value.items()} == {
        f"type {kind}": kind + 1 for kind in range(30)
    }
    section = by_question_type.page_section(value, CONTEXT)
    assert section is not None
    table, note = section.blocks
    assert isinstance(table, GroupTable)
    assert [name for name, _ in table.rows] == [f"type {kind}" for kind in range(29, 9, -1)]
    assert note == Note("10 rarer kinds are in metrics.json.")
    assert by_question_type.terminal_lines(value) == []
