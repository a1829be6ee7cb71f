"""Deletion and insertion as they are said and shown; their curves are held to loops elsewhere."""

from __future__ import annotations

from askattend.cli.evaluate import table
from askattend.evaluation.evaluate import Metrics
from askattend.evaluation.figures import all_figures
from askattend.evaluation.figures.removal import measure, page_section, terminal_lines
from askattend.evaluation.section import Chart, Note, Table, TerminalLine
from askattend.metrics.removal import Removal, RemovalScores
from askattend.metrics.significance import Estimate, Ratio
from evaluation.evaluations import CONTEXT, evaluated, question
from small_questions import make_qaset

DOWN, UP = (0.9, 0.4, 0.1), (0.1, 0.8, 0.9)
AREA = Estimate(0.45, (0.4, 0.5))


def scores(drop: float, ratio: Ratio | None) -> RemovalScores:
    return RemovalScores(Estimate(drop, (drop - 0.1, drop + 0.1)), ratio, DOWN, AREA, UP, AREA)


VALUE = Removal(
    200, 49, (0, 5, 49), (0, 44, 49),
    (scores(0.3, Ratio(3.0, None)), scores(0.4, Ratio(4.0, (3.0, 5.0)))),
    scores(0.5, Ratio(5.0, (4.0, 6.0))),
    scores(-0.0001, Ratio(1.0, (1.0, 1.0))),
)  # fmt: skip


def test_a_figure_is_measured_of_networks_that_attend() -> None:
    split = make_qaset(question(0), question(1))
    value = measure(evaluated(split, ["yes", "yes"]))
    assert value is not None
    assert (value.questions, value.regions, value.removed) == (2, 4, (0, 1, 2, 3, 4))
    assert len(value.maps) == 2
    assert measure(evaluated(split, ["yes", "yes"], attends=False)) is None


def test_the_terminal_hears_of_the_mean_map_beside_random_order() -> None:
    assert terminal_lines(VALUE) == [
        TerminalLine(
            "probability without attended tenth",
            None,
            "falls by 50.0 points (95 %: 40.0 to 60.0), 5.0 × random",
        ),
        TerminalLine("  without a random tenth", None, "stays the same (95 %: -10.0 to +10.0)"),
    ]


def test_a_change_is_told_once_and_without_a_sign() -> None:
    figures = {**dict.fromkeys(all_figures()), "removal": VALUE}
    metrics = Metrics("easy-vqa", "test", 200, "exact match", 0.5, (0.4, 0.6), figures=figures)
    (line,) = (one for one in table(metrics).splitlines() if "attended" in one)
    assert line == (
        "probability without attended tenth      falls by 50.0 points (95 %: 40.0 to 60.0), 5.0 × "
        "random"
    )


def test_the_page_has_a_row_an_order_and_two_charts() -> None:
    table, *charts, note = page_section(VALUE, CONTEXT).blocks
    assert isinstance(table, Table)
    area = "0.450 (0.400–0.500)"
    assert table.rows == (
        ("Glimpse 1", "falls by 30.0 points (95 %: 20.0 to 40.0)", "3.0 ×", area, area),
        ("Glimpse 2", "falls by 40.0 points (95 %: 30.0 to 50.0)", "4.0 × (3.0–5.0)", area, area),
        ("Mean map", "falls by 50.0 points (95 %: 40.0 to 60.0)", "5.0 × (4.0–6.0)", area, area),
        ("Random order", "stays the same (95 %: -10.0 to +10.0)", "1.0 × (1.0–1.0)", area, area),
    )
    assert isinstance(note, Note)
    assert "first 5 regions of 49" in note.text
    assert "200 questions" in note.text
    taken, back = charts
    assert isinstance(taken, Chart)
    assert isinstance(back, Chart)
    assert taken.lines[1].points == ((0.0, 0.9), (5 / 49, 0.4), (1.0, 0.1))
    assert back.lines[1].points == ((0.0, 0.1), (44 / 49, 0.8), (1.0, 0.9))
    assert taken.lines[0].reference
