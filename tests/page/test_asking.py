"""From an image to an answer, and on to the next question."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from askattend.runs.predictor import Predictor
from page.conftest import MAP, OTHER, QUESTION, Open

# Choose a file as a drop or a paste brings it.
BRING = """async how => {
  const blob = await new Promise(done => document.createElement('canvas').toBlob(done));
  const carried = new DataTransfer();
  carried.items.add(new File([blob], 'brought.png', { type: 'image/png' }));
  dispatchEvent(how === 'drop' ? new DragEvent('drop', { dataTransfer: carried })
    : new ClipboardEvent('paste', { clipboardData: carried }));
}"""


def arrows(told: str) -> int:
    """Read by how many points the probability falls (↓), or rises (↑, below 0)."""
    return int(told.replace("↓", "").replace("↑", "-"))


def test_upload_ask_and_see_where_it_looked(look: Open, picture: Path, run: Path) -> None:
    with look() as seen:
        seen.choose_image(picture)
        seen.ask(QUESTION)
        scene = Predictor.load(run).look(picture)
        expected = scene.ask(QUESTION)
        reply, page = seen.reply(), seen.page
        assert page.locator(".answer strong").inner_text() == expected.text
        assert reply["probability"] == pytest.approx(expected.probability, abs=1e-5)
        assert page.locator(".bars .name").all_inner_texts() == [text for text, _ in expected.top]
        told = page.locator(".words small i:first-child").all_inner_texts()
        expected_drops = [effect.drop for effect in scene.word_effects(QUESTION)]
        assert [arrows(text) for text in told] == pytest.approx(
            [100 * drop for drop in expected_drops], abs=1
        )
        assert page.locator(MAP).first.get_attribute("data-overlay") == "shown"
        assert page.locator(".caption").first.inner_text().startswith("Glimpse 1: ")
        label = page.locator(MAP).first.get_attribute("aria-label") or ""
        assert re.search(r"peak at|even over", label)


# Milliseconds of each request whose address ends so.
SPENT = """end => performance.getEntriesByType('resource').filter(e => e.name.endsWith(end))
  .map(e => e.duration)"""


def test_a_further_question_is_quicker_and_both_stay(look: Open, picture: Path) -> None:
    with look() as seen:
        seen.choose_image(picture)
        seen.ask(QUESTION)
        first = seen.value(SPENT, "v1/images")[0] + seen.value(SPENT, "/ask")[0]
        seen.value("performance.clearResourceTimings()")
        for question in ("is it?", "is it blue?", "what is it?", OTHER):
            seen.ask(question)
        assert seen.value(SPENT, "v1/images") == [], "the image is sent once"
        # The quickest of several, since others may use the machine.
        assert min(seen.value(SPENT, "/ask")) < first
        entries = seen.page.locator("#entries button")
        asked = entries.locator(".q").all_inner_texts()
        assert (asked[0], asked[-1]) == (OTHER, QUESTION)
        entries.last.click()
        assert "".join(seen.page.locator(".words b").all_inner_texts()).startswith("What")
        assert entries.last.get_attribute("aria-current") == "true"


def test_a_suggested_question_is_asked_by_a_click(look: Open, picture: Path) -> None:
    with look() as seen:
        seen.choose_image(picture)
        chip = seen.page.locator("#chips button").first
        question = chip.inner_text()
        chip.click()
        seen.wait_for_answer(question)
        assert question not in seen.page.locator("#chips button").all_inner_texts()


@pytest.mark.parametrize("how", ["drop", "paste"])
def test_an_image_is_dropped_or_pasted(look: Open, how: str) -> None:
    with look() as seen:
        seen.value(BRING, how)
        seen.wait_for("Boolean(state.image?.id)")
        assert seen.page.locator(".name").first.inner_text() == "brought.png"


def test_unknown_words_are_marked_and_told(look: Open, picture: Path) -> None:
    with look() as seen:
        seen.choose_image(picture)
        seen.ask("zebra giraffe?")
        assert "zebra, giraffe" in seen.page.locator(".notes").inner_text()
        assert seen.page.locator(".words .unknown").count() == 2
        assert seen.page.locator(".answer em").inner_text() == "not sure"


def test_a_broken_image_is_told_and_another_can_be_chosen(
    look: Open, picture: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(picture.read_bytes()[:60])
    with look() as seen:
        seen.page.set_input_files("#file", broken)
        message = seen.page.locator("#start-error")
        message.wait_for()
        assert "not an image that can be read" in message.inner_text()
        assert not seen.faults()
        seen.picture("broken")
        for status in (415, 422):
            seen.forgive(status)
        # What the browser itself makes of the broken picture is no fault of the page.
        seen.choose_image(picture)
        assert message.is_hidden()


def test_an_image_that_the_server_forgot_is_sent_again(look: Open, picture: Path) -> None:
    with look() as seen:
        seen.choose_image(picture)
        seen.value("fetch(`v1/images/${state.image.id}`, { method: 'DELETE' }).then(() => null)")
        seen.ask(QUESTION)
        assert seen.page.locator(".answer strong").inner_text()
        seen.forgive(404)


def test_two_runs_side_by_side(look: Open, picture: Path, trained: Path) -> None:
    with look() as seen:
        seen.choose_image(picture)
        seen.ask(QUESTION)
        seen.page.click("#compare")
        seen.wait_for_answer(QUESTION)
        answers = seen.page.locator(".answer strong").all_inner_texts()
        expected = [
            Predictor.load(trained / "runs" / name).look(picture).ask(QUESTION).text
            for name in ("saaa", "san")
        ]
        assert answers == expected
        for view in (0, 1):
            assert seen.page.locator(MAP).nth(view).get_attribute("data-overlay") == "shown"
        assert seen.page.locator(".caption").all_inner_texts()[1].startswith("Hop 1: ")
        assert not seen.faults()
        seen.picture("two")


def test_the_model_is_told_step_by_step(look: Open, picture: Path) -> None:
    with look() as seen:
        seen.choose_image(picture)
        seen.ask(QUESTION)
        seen.page.get_by_role("tab", name="Inside the model").click()
        seen.page.locator(".steps").wait_for()
        trace = seen.value("VIEWS[0].original.trace")
        assert seen.page.locator(".steps > li").count() == len(trace["steps"])
        told = seen.page.locator(".steps").inner_text()
        for step in trace["steps"]:
            assert " × ".join(map(str, step["paper_shape"])) in told
        assert "softmax" in told
        assert not seen.faults()
        seen.picture("trace")
