"""Accuracy by the first words of a question."""

from __future__ import annotations

from msgspec.structs import replace

from askattend.evaluation.figures import by_first_words
from askattend.evaluation.section import GroupTable
from evaluation.evaluations import CONTEXT, evaluated, question
from small_questions import make_qaset

TEXTS = (*["Wie viele Tassen?"] * 3, *["Gibt es Tassen?"] * 4, "Warum?")
QUESTIONS = [question(n, text=text) for n, text in enumerate(TEXTS)]


def test_beginnings_stand_by_their_number_the_rest_last() -> None:
    value = by_first_words.measure(evaluated(make_qaset(*QUESTIONS), ["yes"] * 7 + ["no"]))
    section = by_first_words.page_section(value, CONTEXT)
    assert section is not None
    (table,) = section.blocks
    assert isinstance(table, GroupTable)
    rows = [(name, group.questions, group.accuracy) for name, group in table.rows]
    assert rows == [("gibt es", 4, 1.0), ("wie viele", 3, 1.0), ("other words", 1, 0.0)]
    assert by_first_words.terminal_lines(value) == []


def test_types_that_the_source_tells_go_first() -> None:
    typed = [replace(QUESTIONS[0], question_type="counting"), *QUESTIONS[1:]]
    value = by_first_words.measure(evaluated(make_qaset(*typed), ["yes"] * 8))
    assert value == {}
    assert by_first_words.page_section(value, CONTEXT) is None


def test_a_single_kind_is_no_table() -> None:
    value = by_first_words.measure(evaluated(make_qaset(*QUESTIONS[:3]), ["yes"] * 3))
    assert list(value) == ["wie viele"]
    assert by_first_words.page_section(value, CONTEXT) is None
