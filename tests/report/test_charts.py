"""Charts laid out by matplotlib, read back by their scales."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from askattend.evaluation.section import Axis, Chart, Line, Mark
from askattend.report.charts import BOTTOM, LEFT, RIGHT, TOP, Drawing, draw


def curve(values: list[float], *, high: float = math.inf, tips: bool = False) -> Chart:
    """Values by epoch, with scales whose labels give the numbers back."""
    points = tuple((float(epoch), value) for epoch, value in enumerate(values, 1))
    return Chart(
        "Loss",
        (Line("x", points, tuple(map(repr, values)) if tips else ()),),
        Axis("epoch", 1, len(values), integer=True, label="{!r}"),
        Axis("Loss", 0, high, zoom=True, label="{!r}"),
    )


def paths(drawing: Drawing, kind: str) -> list[list[tuple[float, float]]]:
    """The points of each path of a kind."""
    found = []
    for path in drawing.paths:
        if path.kind == kind:
            words = path.data.replace("M", "").replace("L", "").split()
            found.append(
                [(float(x), float(y)) for x, y in zip(words[::2], words[1::2], strict=True)]
            )
    return found


def scale(drawing: Drawing) -> list[tuple[float, float]]:
    """Height and value of each level of the upright axis, the lowest first."""
    heights = [line[0][1] for line in paths(drawing, "grid")]
    labels = [label.text for label in drawing.labels if label.anchor == "end"][:-1]
    return [(y, float(text)) for y, text in zip(heights, labels, strict=True)]


@settings(deadline=None)
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=40))
def test_curve_read_by_its_scale_gives_the_values_back(values: list[float]) -> None:
    drawing = draw(curve(values, tips=True))
    (low_y, low), *_, (high_y, high) = scale(drawing)
    ulps = 1e-12 * high  # a tick may be 1.4000000000000001
    assert low - ulps <= min(values) <= max(values) <= high + ulps
    assert (low_y, high_y) == pytest.approx((BOTTOM, TOP), abs=1e-4)
    (line,) = paths(drawing, "curve measured")
    read = [low + (y - low_y) * (high - low) / (high_y - low_y) for _, y in line]
    assert read == pytest.approx(values, abs=1e-4 * (high - low))
    places = [x for x, _ in line]
    assert places == sorted(set(places))
    # Points are rounded to a tenth of a unit of the view.
    dots = [(circle.x, circle.y) for circle in drawing.circles]
    assert dots == [pytest.approx(point, abs=0.051) for point in line]
    assert [float(circle.tip) for circle in drawing.circles] == values


@pytest.mark.parametrize("lost", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_are_left_out(lost: float) -> None:
    drawing = draw(curve([2.0, lost, 1.0], tips=True))
    assert [len(line) for line in paths(drawing, "curve measured")] == [2]
    assert [circle.tip for circle in drawing.circles] == ["2.0", "1.0"]
    nothing = draw(curve([lost], tips=True))
    assert paths(nothing, "curve measured") == []
    assert nothing.circles == ()


def test_an_axis_does_not_go_beyond_what_there_can_be() -> None:
    levels = [value for _, value in scale(draw(curve([99.5, 100.0], high=100.0)))]
    assert max(levels) == 100.0


def test_shares_lie_between_0_and_1() -> None:
    line = Line("x", ((0.0, 1.0), (0.5, 0.25), (1.0, 0.0)), reference=True)
    mark = Mark(0.25, 0.75, "<here>", vertical=True)
    drawing = draw(Chart("A", (line,), Axis("from"), Axis("to"), (mark,)))
    (drawn,) = paths(drawing, "curve reference")
    middle = ((LEFT + RIGHT) / 2, BOTTOM - 0.25 * (BOTTOM - TOP))
    assert drawn == [(LEFT, TOP), pytest.approx(middle), (RIGHT, BOTTOM)]
    (ring,) = drawing.circles
    assert (ring.kind, ring.tip) == ("ring", "<here>")
    across, up = LEFT + 0.25 * (RIGHT - LEFT), BOTTOM - 0.75 * (BOTTOM - TOP)
    assert (ring.x, ring.y) == pytest.approx((across, up), abs=0.051)
    (upright,) = paths(drawing, "vertical")
    assert sorted(upright) == [pytest.approx((across, TOP)), pytest.approx((across, BOTTOM))]
    quarters = ["0%", "25%", "50%", "75%", "100%"]
    assert [label.text for label in drawing.labels] == [*quarters, *quarters, "from"]
    assert drawing.spoken == "to by from: x from 100% to 0%; marked: <here>"


@settings(deadline=None, max_examples=30)
@given(st.floats(0.0004, 1.0))
def test_labels_of_shares_tell_what_their_ticks_are(high: float) -> None:
    line = Line("x", ((0.0, 0.0), (1.0, high)))
    for least in (0, 1):
        upright = Axis("to", high=high, label=f"{{:.{least}%}}")
        drawing = draw(Chart("A", (line,), Axis("from"), upright))
        (*_, (_, top_y)) = paths(drawing, "curve measured")[0]
        bottom_y = BOTTOM
        for y, label in zip(
            (line[0][1] for line in paths(drawing, "grid")),
            [label.text for label in drawing.labels if label.anchor == "end"][:-1],
            strict=True,
        ):
            value = high * (bottom_y - y) / (bottom_y - top_y)
            assert float(label.rstrip("%")) == pytest.approx(100 * value, abs=1e-4 * high + 1e-9)


def test_a_chart_is_drawn_alike_each_time() -> None:
    assert draw(curve([3.0, 2.0], tips=True)) == draw(curve([3.0, 2.0], tips=True))
