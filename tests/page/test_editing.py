"""An edited map: it stays until it is dropped, and the page always says whose answer is shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from askattend.runs.predictor import Predictor
from page.browser import Visit, visit
from page.conftest import OTHER, QUESTION, Open
from page.test_saving import saved

# Leave attention to one corner alone: an answer of its own.
CORNER = "VIEWS[0].change(map => map.fill(0).fill(1, 0, 1))"


def edited(seen: Visit, picture: Path) -> Any:
    """Ask, edit the maps, put the brush away; return the network's own answer."""
    seen.choose_image(picture)
    seen.ask(OTHER)
    seen.ask(QUESTION)
    own = seen.reply()
    seen.page.click(".edit >> nth=0")
    seen.value(CORNER)
    seen.wait_for("Boolean(VIEWS[0].edit.reply)")
    seen.page.click(".edit >> nth=0")
    assert seen.page.locator(".editor").first.is_hidden()
    return own


def told(reply: Any) -> str:
    return f"{reply['answer']} {round(100 * reply['probability'])}"


def test_an_edit_stays_when_the_brush_is_put_away(look: Open, picture: Path, run: Path) -> None:
    with look() as seen:
        own = edited(seen, picture)
        maps = np.zeros((2, own["attention"]["rows"], own["attention"]["columns"]))
        maps[:, 0, 0] = 1
        expected = Predictor.load(run).look(picture).ask(QUESTION, edited=maps)
        page, choice = seen.page, seen.page.locator(".choice")
        assert seen.reply()["probability"] == pytest.approx(expected.probability, abs=1e-5)
        assert page.locator(".answer em").first.inner_text() == "with your map"
        assert np.array(seen.value("[...VIEWS[0].shown]")) == pytest.approx(maps[0].ravel())
        for reply in (own, seen.reply()):
            assert told(reply).split(".")[0] in choice.inner_text()
        page.locator("#entries button").last.click()
        seen.wait_for_answer(OTHER)
        assert choice.count() == 0, "another question has no edit"
        page.locator("#entries button").first.click()
        assert page.locator(".answer em").first.inner_text() == "with your map"
        assert "with your map" in page.locator("#entries button").first.inner_text()
        assert not seen.faults()


def test_the_networks_own_map_can_be_seen_beside_it_and_the_edit_dropped(
    look: Open, picture: Path
) -> None:
    with look() as seen:
        own = edited(seen, picture)
        page = seen.page
        page.locator(".choice input").first.check(force=True)
        assert seen.reply() == own
        assert page.locator(".answer em").first.inner_text() == "with the network’s own map"
        shown = np.array(seen.value("[...VIEWS[0].shown]"))
        assert shown == pytest.approx(np.array(own["attention"]["values"][0]).ravel())
        page.locator(".choice input").last.check(force=True)
        assert page.locator(".answer em").first.inner_text() == "with your map"
        page.get_by_role("button", name="Drop the edit").click()
        assert page.locator(".choice, .answer em").count() == 0
        assert seen.reply() == own
        assert seen.value("document.activeElement.matches('[role=tab]')"), "the focus is kept"


def test_what_is_told_of_the_networks_own_map_says_so(look: Open, picture: Path) -> None:
    with look() as seen:
        own = edited(seen, picture)
        page = seen.page
        ownership = f"of the network’s own map and its answer, {own['answer']}"
        expect(page.locator(".below").first).to_contain_text(ownership)
        page.click("[data-key=trace]")
        page.locator(".steps").wait_for()
        assert (
            "with the network’s own map, not with yours"
            in page.locator(".reply").first.inner_text()
        )
        page.click("[data-key=answer]")
        page.get_by_role("button", name="Drop the edit").click()
        assert "own map" not in page.locator(".reply").first.inner_text()
        page.click("[data-key=trace]")
        assert page.locator(".reply .message").count() == 0


def test_what_is_saved_carries_the_edit(
    look: Open, browser: Browser, picture: Path, tmp_path: Path
) -> None:
    with look() as seen:
        own = edited(seen, picture)
        reply = seen.reply()
        data = json.loads(saved(seen, "[data-key=dataFile]", tmp_path).read_text(encoding="utf-8"))
        file = saved(seen, "#save", tmp_path)
    (run,) = data["edited"]
    assert data["answers"][run]["answer"] == own["answer"]
    assert data["answers"][run]["probability"] == pytest.approx(own["probability"], rel=1e-5)
    edit = data["edited"][run]
    assert edit["answer"] == reply["answer"]
    assert edit["probability"] == pytest.approx(reply["probability"], rel=1e-5)
    maps = np.array(edit["edited_attention"])
    assert maps[:, 0, 0].all()
    assert maps.sum() == maps[:, 0, 0].sum()
    with visit(browser, file.as_uri()) as later:
        page = later.page
        assert page.locator(".answer strong").inner_text() == reply["answer"]
        assert page.locator(".answer em").first.inner_text() == "with your map"
        assert later.value("VIEWS[0].shown[0]") == pytest.approx(1)
        page.locator(".choice input").first.check(force=True)
        assert page.locator(".answer strong").inner_text() == own["answer"]
        assert later.value("VIEWS[0].shown[0]") < 0.9
        assert page.locator(".choice button").count() == 0, "nothing to drop"
        assert not later.faults()
        later.picture("saved-edited")


def test_a_map_left_to_the_network_is_saved_as_such(
    look: Open, picture: Path, tmp_path: Path
) -> None:
    with look() as seen:
        seen.choose_image(picture)
        seen.ask(QUESTION)
        seen.page.click(".edit >> nth=0")
        seen.page.locator(".all").first.uncheck()
        seen.value(CORNER)
        seen.wait_for("Boolean(VIEWS[0].edit.reply)")
        data = json.loads(saved(seen, "[data-key=dataFile]", tmp_path).read_text(encoding="utf-8"))
    (edit,) = data["edited"].values()
    first, second = edit["edited_attention"]
    assert first[0][0] == 1
    assert second is None


def test_nothing_is_edited_while_the_original_is_shown(look: Open, picture: Path) -> None:
    with look() as seen:
        seen.choose_image(picture)
        seen.ask(QUESTION)
        seen.page.click(".edit >> nth=0")
        seen.page.locator(".all").first.uncheck()
        seen.page.locator(".maps input").first.check(force=True)
        even = seen.page.get_by_role("button", name="Even out")
        assert even.is_disabled()
        assert "choose a map" in seen.page.locator(".effect").first.inner_text()
        seen.value(CORNER)
        assert seen.value("VIEWS[0].edit.raw") == []
        seen.page.locator(".maps input").nth(1).check(force=True)
        even.click()
        seen.wait_for("Boolean(VIEWS[0].edit.reply)")


def test_no_older_answer_stands_beside_a_map_that_has_none(look: Open, picture: Path) -> None:
    with look() as seen:
        own = edited(seen, picture)
        seen.page.click(".edit >> nth=0")
        seen.value("VIEWS[0].change(map => map.fill(0))")
        seen.wait_for("!VIEWS[0].edit.sending")
        assert "No attention is left" in seen.page.locator(".effect").first.inner_text()
        assert seen.reply() == own
        assert seen.page.locator(".answer em").first.inner_text() == "with the network’s own map"


def test_a_quick_stroke_leaves_no_gap(look: Open, picture: Path) -> None:
    """Places that come together in one event are all brushed."""
    with look() as seen:
        seen.choose_image(picture)
        seen.ask(QUESTION)
        seen.page.click(".edit >> nth=0")
        seen.page.locator(".brush input[value=off]").first.check(force=True)
        seen.page.locator(".size").first.fill("0")
        before = np.array(seen.value("[...VIEWS[0].shown]"))
        columns = seen.value("VIEWS[0].attention.columns")
        seen.value(
            """places => {
              const event = new PointerEvent('pointermove', { clientX: places.at(-1)[0],
                clientY: places.at(-1)[1], coalescedEvents: places.map(([x, y]) =>
                  new PointerEvent('pointermove', { clientX: x, clientY: y })) });
              VIEWS[0].remember();
              VIEWS[0].brushing = true;
              VIEWS[0].canvas.dispatchEvent(event);
              VIEWS[0].release();
            }""",
            [seen.place_of(0.5, column + 0.5) for column in range(columns)],
        )
        after = np.array(seen.value("[...VIEWS[0].edit.raw[0]]"))
        assert (after[:columns] < 0.7 * before[:columns]).all()


def test_a_stroke_ends_where_another_question_begins(look: Open, picture: Path) -> None:
    with look() as seen:
        seen.choose_image(picture)
        seen.ask(QUESTION)
        page = seen.page
        page.click(".edit >> nth=0")
        begin, end = seen.place_of(0.5, 0.5), seen.place_of(0.9, 0.9)
        page.mouse.move(*begin)
        page.mouse.down()
        # As by a key, or by another finger.
        seen.value("ask", OTHER)
        page.mouse.move(*end)
        page.mouse.up()
        seen.wait_for_answer(OTHER)
        assert seen.value("VIEWS[0].edit") is None
