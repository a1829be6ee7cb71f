"""Attention against boxes; its figures are held to loops in metrics' tests."""

from __future__ import annotations

from askattend.evaluation.figures import grounding
from askattend.evaluation.section import Table, TerminalLine
from askattend.metrics.significance import Ratio
from evaluation.evaluations import CONTEXT, evaluated, question
from small_questions import make_qaset

LEFT = (0.0, 0.0, 0.5, 1.0)
TOP = (0.0, 0.0, 1.0, 0.5)
QUESTIONS = make_qaset(question(0, boxes=(LEFT,)), question(1), question(2, None, boxes=(TOP,)))
SAID = ["yes", "yes", "yes"]
# All in the top left corner, and all in the bottom right one.
CORNERS = [[[1.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 1.0]]]


def test_each_map_is_held_against_the_boxes_of_its_question() -> None:
    """Those of questions without an answer, too."""
    value = grounding.measure(evaluated(QUESTIONS, SAID, maps={0: CORNERS, 2: CORNERS}))
    assert value is not None
    assert value.questions == 2
    assert [(one.inside.value, one.pointing.value) for one in value.maps] == [(1, 1), (0, 0)]
    assert value.uniform.inside.value == 0.5
    assert grounding.terminal_lines(value) == [
        TerminalLine("attention inside the boxes, best map", 1.0, "   (2.0 × uniform)"),
        TerminalLine(
            "  its peak is a hit, best map", 1.0, "   (uniform 50.00%, always the middle 50.00%)"
        ),
    ]
    table, _ = grounding.page_section(value, CONTEXT).blocks
    assert isinstance(table, Table)
    # Two images alike: neither a mean's interval vanishes, nor that of a share of two peaks.
    all_, none, half = "100.0% (34.2%–100.0%)", "0.0% (0.0%–65.8%)", "50.0% (0.0%–100.0%)"
    half_two = "50.0% (9.5%–90.5%)"
    assert [row[:4] for row in table.rows] == [
        ("Glimpse 1", all_, "2.0 ×", all_),
        ("Glimpse 2", none, "0.0 ×", none),
        ("Mean map", half, "1.0 × (1.0–1.0)", half_two),
        ("Everywhere alike", half, "1.0 × (1.0–1.0)", half_two),
        ("Always the middle", half, "1.0 × (1.0–1.0)", half_two),
    ]


def test_without_boxes_or_attention_there_is_none() -> None:
    assert grounding.measure(evaluated(QUESTIONS, SAID)) is None
    blind = evaluated(QUESTIONS, SAID, maps={0: CORNERS, 2: CORNERS}, attends=False)
    assert grounding.measure(blind) is None


def test_a_ratio_to_nearly_nothing_has_no_digits() -> None:
    assert grounding.ratio_text(Ratio(4.2, (3.0, 5.0))) == "4.2 × (3.0–5.0)"
    assert grounding.ratio_text(Ratio(327.0, (3.0, 900.0))) == "over 100 ×"
