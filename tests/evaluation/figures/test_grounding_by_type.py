"""Attention against boxes for each type of question."""

from __future__ import annotations

from askattend.evaluation.figures import grounding_by_type
from askattend.evaluation.section import Table
from evaluation.evaluations import CONTEXT, evaluated, question
from small_questions import make_qaset

LEFT = (0.0, 0.0, 0.5, 1.0)
CORNERS = [[[1.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 1.0]]]  # top left, bottom right
KINDS = ("where", "what", None, "where")
QUESTIONS = make_qaset(*(question(n, question_type=k, boxes=(LEFT,)) for n, k in enumerate(KINDS)))
SAID = ["yes"] * 4


def test_types_are_measured_apart() -> None:
    corners = {0: CORNERS, 1: CORNERS[::-1], 2: CORNERS, 3: CORNERS}
    value = grounding_by_type.measure(evaluated(QUESTIONS, SAID, maps=corners))
    found = {
        kind: (one.questions, [m.inside.value for m in one.maps]) for kind, one in value.items()
    }
    assert found == {"what": (1, [0, 1]), "where": (2, [1, 0])}
    assert grounding_by_type.terminal_lines(value) == []
    section = grounding_by_type.page_section(value, CONTEXT)
    assert section is not None
    inside, pointing = section.blocks
    assert isinstance(inside, Table)
    assert isinstance(pointing, Table)
    maps = ("Glimpse 1", "Glimpse 2", "Mean map")
    assert inside.columns == ("Type", "Questions", *maps, "All alike", "Middle")
    assert inside.rows[0] == ("what", "1", "0.0%", "100.0%", "50.0%", "50.0%", "50.0%")
    assert (inside.title, pointing.title) == ("Inside the boxes", "Peak is a hit")


def test_one_type_has_no_table_of_its_own() -> None:
    value = grounding_by_type.measure(evaluated(QUESTIONS, SAID, maps={0: CORNERS}))
    assert list(value) == ["where"]
    assert grounding_by_type.page_section(value, CONTEXT) is None
    assert grounding_by_type.measure(evaluated(QUESTIONS, SAID)) == {}
