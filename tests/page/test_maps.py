"""The maps over the picture: seen, measured, compared with the original, and edited."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from askattend.runs.map_description import describe_map
from askattend.runs.predictor import Predictor
from page.browser import Visit
from page.conftest import MAP, QUESTION, Open

# A map of 8 × 8 regions in the place of the server's, drawn region by region.
OWN_MAP = """map => {
  const { attention } = VIEWS[0].original;
  Object.assign(attention, { rows: map.length, columns: map[0].length });
  attention.values = attention.values.map(() => map);
  VIEWS[0].editing = true;
  VIEWS[0].render();
}"""
# How opaque each region is, 0 to 255, at a corner away from lines and marks.
OPAQUE = """() => {
  const { canvas, attention } = VIEWS[0], context = canvas.getContext('2d');
  const at = (index, count, size) => Math.round(size * (index + 0.15) / count);
  return attention.values[0].map((row, r) => row.map((_, c) => context.getImageData(
    at(c, attention.columns, canvas.width), at(r, attention.rows, canvas.height), 1, 1).data[3]));
}"""


def asked(seen: Visit, picture: Path) -> None:
    seen.choose_image(picture)
    seen.ask(QUESTION)


def overlay(seen: Visit) -> str | None:
    return seen.page.locator(MAP).first.get_attribute("data-overlay")


def test_only_more_than_an_even_share_covers_the_picture(look: Open, picture: Path) -> None:
    generator = np.random.default_rng(0)
    values = generator.exponential(size=(8, 8)) ** 2
    values /= values.sum()
    with look() as seen:
        asked(seen, picture)
        seen.value(OWN_MAP, values.tolist())
        opaque = np.array(seen.value(OPAQUE))
        clear = values * values.size < 0.98
        far = np.abs(np.indices(values.shape).T - np.unravel_index(values.argmax(), values.shape))
        away = (far.max(-1) > 2).T  # from the peak's mark
        assert not opaque[clear & away].any()
        strong = values * values.size > 1.3
        assert opaque[strong & away].all()
        order = np.argsort(values[strong & away])
        assert (np.diff(opaque[strong & away][order].astype(int)) >= -1).all()
        seen.value(OWN_MAP, np.full((8, 8), 1 / 64).tolist())
        assert not np.array(seen.value(OPAQUE)).any(), "a flat map looks flat"


@pytest.mark.parametrize(("side", "end"), [(2, "8×"), (7, "≥ 16×"), (14, "≥ 32×"), (20, "≥ 64×")])
def test_the_scale_ends_with_what_may_lie_beyond_it(
    look: Open, picture: Path, side: int, end: str
) -> None:
    """It is the same for every map of a grid, so that maps can be compared."""
    with look() as seen:
        asked(seen, picture)
        for peak in (1.0, 0.02):
            map_ = np.full((side, side), (1 - peak) / (side**2 - 1))
            map_[0, 0] = peak
            seen.value(OWN_MAP, map_.tolist())
            assert seen.page.locator(".ticks span").last.inner_text() == end
            label = seen.page.locator(".legend").first.get_attribute("aria-label")
            assert label == f"1× – {end} times uniform"


def test_maps_are_described_by_the_librarys_rule(look: Open) -> None:
    generator = np.random.default_rng(1)
    with look() as seen:
        for power in (0.02, 0.5, 1, 3, 8):
            for rows, columns in ((7, 7), (3, 8), (14, 14)):
                map_ = torch.from_numpy(generator.exponential(size=(rows, columns)) ** power)
                map_ *= torch.linspace(0.1, 2, columns) ** (power / 2)
                map_ = (map_ / map_.sum()).float()
                text = seen.value(
                    "([map, rows, columns]) => describe(Float64Array.from(map), rows, columns)",
                    [map_.flatten().tolist(), rows, columns],
                )
                assert text == describe_map(map_)


def test_the_value_under_the_pointer_is_told(look: Open, picture: Path) -> None:
    with look() as seen:
        asked(seen, picture)
        attention = seen.reply()["attention"]
        for row in range(attention["rows"]):
            for column in range(attention["columns"]):
                seen.page.mouse.move(*seen.place_of(row + 0.4, column + 0.6))
                told = seen.page.locator(".readout").first.inner_text()
                value = attention["values"][0][row][column]
                match = re.fullmatch(r"row (\d+), column (\d+): ([\d.]+), ([\d.]+)× uniform", told)
                assert match
                assert (int(match[1]), int(match[2])) == (row + 1, column + 1)
                assert float(match[3]) == pytest.approx(value, rel=0.06)
                assert float(match[4]) == pytest.approx(value / attention["uniform"], abs=0.06)


def test_the_original_is_one_key_away(look: Open, picture: Path) -> None:
    with look() as seen:
        asked(seen, picture)
        assert overlay(seen) == "shown"
        seen.page.locator(MAP).first.focus()
        for key in ("o", "Escape"):
            seen.page.keyboard.down(key)
            assert overlay(seen) == "hidden"
            seen.page.keyboard.up(key)
            assert overlay(seen) == "shown"
        seen.page.focus("#question")
        seen.page.keyboard.down("Escape")
        assert overlay(seen) == "hidden"
        seen.page.keyboard.up("Escape")
        seen.page.locator(".maps input").first.check(force=True)
        assert overlay(seen) == "hidden"
        seen.page.locator(MAP).first.evaluate("canvas => canvas.blur()")
        seen.page.locator(".maps input").nth(2).check(force=True)
        assert seen.page.locator(".caption").first.inner_text().startswith("Glimpse 2: ")


def test_the_opacity_is_set_by_its_slider(look: Open, picture: Path) -> None:
    with look() as seen:
        asked(seen, picture)
        seen.value(OWN_MAP, [[0.9, 0.05], [0.03, 0.02]])
        opaque = []
        for share in ("100", "50", "0"):
            seen.page.locator(".opacity").first.fill(share)
            opaque.append(seen.value(OPAQUE)[0][0])
        assert opaque[0] > 1.8 * opaque[1] > opaque[2] == 0


def expect_edited(seen: Visit, picture: Path, run: Path) -> None:
    """Check the edited answer against the library, pooling with the same map."""
    seen.wait_for("!VIEWS[0].edit.sending && Boolean(VIEWS[0].edit.reply)")
    attention = seen.value("VIEWS[0].reply.attention.values")
    expected = Predictor.load(run).look(picture).ask(QUESTION, edited=attention)
    reply = seen.reply()
    assert reply["answer"] == expected.text
    assert reply["probability"] == pytest.approx(expected.probability, abs=1e-5)
    before = seen.value("VIEWS[0].original.probability")
    assert reply["probability"] != pytest.approx(before, abs=1e-7)
    assert seen.page.locator(".answer em.edited").inner_text() == "with your map"
    assert seen.page.locator(".answer strong").inner_text() == expected.text
    told = seen.page.locator(".effect").first.inner_text()
    assert "own map" in told


def test_a_brushed_map_changes_the_answer(look: Open, picture: Path, run: Path) -> None:
    with look() as seen:
        asked(seen, picture)
        seen.page.locator(".edit").first.click()
        mouse = seen.page.mouse
        seen.page.locator(".brush input[value=off]").first.check(force=True)
        mouse.move(*seen.place_of(0.5, 0.5))
        mouse.down()
        mouse.move(*seen.place_of(0.6, 0.4), steps=4)
        mouse.up()
        expect_edited(seen, picture, run)
        assert not seen.faults()
        seen.picture("edit")
        seen.page.get_by_role("button", name="Undo").click()
        seen.wait_for("VIEWS[0].edit.reply === null")
        assert seen.page.locator(".answer em.edited").count() == 0
        seen.page.get_by_role("button", name="Even out").click()
        seen.wait_for("Boolean(VIEWS[0].edit.reply)")
        shown = np.array(seen.value("VIEWS[0].reply.attention.values"))
        assert shown == pytest.approx(1 / shown[0].size)
        seen.page.get_by_role("button", name="Drop the edit").click()
        seen.wait_for("VIEWS[0].edit.reply === null")


def test_the_brush_works_by_touch(look: Open, picture: Path, run: Path) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    with look(**phone) as seen:
        assert seen.page.locator("#photograph").is_visible()
        asked(seen, picture)
        seen.page.locator(".edit").first.tap()
        seen.page.touchscreen.tap(*seen.place_of(1.5, 1.5))
        expect_edited(seen, picture, run)


def test_a_finger_reads_the_value_that_it_has_touched(look: Open, picture: Path) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    with look(**phone) as seen:
        asked(seen, picture)
        canvas, readout = seen.page.locator(MAP).first, seen.page.locator(".readout").first
        touch = "canvas => getComputedStyle(canvas).touchAction"
        # A finger on the picture scrolls the page, but for one that brushes.
        assert canvas.evaluate(touch) == "pan-y pinch-zoom"
        seen.page.touchscreen.tap(*seen.place_of(0.5, 1.5))
        assert readout.is_visible()
        assert readout.inner_text().startswith("row 1, column 2: ")
        seen.page.locator(".caption").first.tap()
        seen.page.locator("#question").tap()
        assert readout.is_hidden()
        seen.page.locator(".edit").first.tap()
        assert canvas.evaluate(touch) == "none"


def draw_upwards(seen: Visit) -> float:
    """Draw a finger up over the first column of the picture; return how far the page scrolled."""
    start, end = seen.place_of(1.5, 0.5), seen.place_of(0.5, 0.5)
    before = float(seen.value("scrollY"))
    touch = seen.page.context.new_cdp_session(seen.page)
    for step in range(11):
        x, y = (a + (b - a) * step / 10 for a, b in zip(start, end, strict=True))
        points = [{"x": x, "y": y}]
        kind = "touchMove" if step else "touchStart"
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    seen.page.wait_for_timeout(300)
    return float(seen.value("scrollY")) - before


def test_a_finger_scrolls_over_the_picture_and_brushes_on_it(look: Open, picture: Path) -> None:
    phone = {"viewport": {"width": 390, "height": 560}, "has_touch": True, "is_mobile": True}
    with look(**phone) as seen:
        asked(seen, picture)
        assert draw_upwards(seen) > 20
        seen.page.locator(".edit").first.tap()
        seen.page.locator(".brush input[value=off]").first.check(force=True)
        assert draw_upwards(seen) == 0
        seen.wait_for("Boolean(VIEWS[0].edit.reply)")
        left, right = (seen.value(f"VIEWS[0].edit.raw[0][{index}]") for index in (0, 3))
        assert left < right / 2


def test_no_attention_at_all_is_not_asked_with(look: Open, picture: Path) -> None:
    with look() as seen:
        asked(seen, picture)
        seen.page.locator(".edit").first.click()
        seen.value("VIEWS[0].change(map => map.fill(0))")
        seen.wait_for("!VIEWS[0].edit.sending")
        assert "No attention is left" in seen.page.locator(".effect").first.inner_text()


def test_one_map_is_edited_alone(look: Open, picture: Path) -> None:
    with look() as seen:
        asked(seen, picture)
        before = np.array(seen.reply()["attention"]["values"])
        seen.page.locator(".edit").first.click()
        seen.page.locator(".all").first.uncheck()
        seen.page.get_by_role("button", name="Even out").click()
        seen.wait_for("Boolean(VIEWS[0].edit.reply)")
        after = np.array(seen.reply()["attention"]["values"])
        assert after[0] == pytest.approx(1 / after[0].size)
        assert after[1] == pytest.approx(before[1], rel=1e-5)
