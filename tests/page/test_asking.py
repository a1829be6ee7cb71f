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
        assert page.locator(".reply .bars .name").all_inner_texts() == [
            text for text, _ in expected.top
        ]
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


def test_a_pasted_text_is_no_image(look: Open, picture: Path) -> None:
    """An office program puts a picture of the text beside it."""
    with look() as seen:
        seen.choose_image(picture)
        with_text = "carried.setData('text', 'is it red?'); dispatchEvent"
        seen.value(BRING.replace("dispatchEvent", with_text), "paste")
        assert seen.value("state.images.length") == 1


def test_unknown_words_are_marked_and_told(look: Open, picture: Path) -> None:
    with look() as seen:
        seen.choose_image(picture)
        seen.ask("zebra giraffe?")
        assert "zebra, giraffe" in seen.page.locator(".notes").inner_text()
        assert seen.page.locator(".words .unknown").count() == 2
        assert seen.page.locator(".words small").all_inner_texts()[:2] == ["unknown", "unknown"]
        assert seen.page.locator(".answer em").inner_text() == "not sure"


def test_a_word_that_is_unknown_has_no_figure_beside_one_that_is_known(
    look: Open, picture: Path
) -> None:
    with look() as seen:
        seen.choose_image(picture)
        seen.ask("What Zebra, is it?")
        figures = seen.page.locator(".words > span small").all_inner_texts()
        assert figures[1] == "unknown"
        assert all(re.match(r"[↓↑]?\d+", figures[word]) for word in (0, 3, 4))


@pytest.mark.parametrize(
    ("locale", "falls", "rises"),
    [
        ("en-GB", "falls by 100 points", "rises by 100 points"),
        ("zh-CN", "概率下降 100 个百分点", "概率上升 100 个百分点"),
    ],
)
def test_a_probability_falls_or_rises_and_never_by_less_than_nothing(
    look: Open, locale: str, falls: str, rises: str
) -> None:
    with look(locale=locale) as seen:
        for drop, sign, told in ((1, "↓100", falls), (-1, "↑100", rises)):
            word = "drop => VIEWS[0].word({ text: 'red', drop })"
            text = seen.value(f"drop => ({word})(drop).textContent", drop)
            assert text.startswith(f"red{sign}")
            assert told in text
            assert told in seen.value(f"drop => ({word})(drop).title", drop)
            assert not re.search(r"[-−]", text)


def test_a_question_that_is_too_long_is_kept_and_told(look: Open, picture: Path) -> None:
    with look() as seen:
        seen.choose_image(picture)
        long = "is it red? " * 50
        page, message = seen.page, seen.page.locator("#ask-error")
        page.fill("#question", long)
        page.press("#question", "Enter")
        assert page.input_value("#question") == long
        assert "549 characters" in message.inner_text()
        assert "500" in message.inner_text()
        assert page.get_attribute("#question", "aria-invalid") == "true"
        assert page.locator("#entries button").count() == 0
        assert not seen.faults()
        seen.picture("too-long")
        page.fill("#question", long[:500])
        assert message.is_hidden()
        assert message.text_content() == "", "nothing old describes the field"
        page.press("#question", "Enter")
        seen.wait_for_answer(long[:500].strip())


def test_an_empty_question_is_told(look: Open, picture: Path) -> None:
    with look() as seen:
        seen.choose_image(picture)
        for text in ("", "   "):
            seen.page.fill("#question", text)
            seen.page.press("#question", "Enter")
            message = seen.page.locator("#ask-error")
            assert message.inner_text() == "Type a question first."
            assert message.get_attribute("role") == "alert"
            seen.ask(QUESTION)
            assert message.is_hidden()


def test_a_question_asked_again_is_found_again(look: Open, picture: Path) -> None:
    with look() as seen:
        seen.choose_image(picture)
        for question in (QUESTION, OTHER, QUESTION):
            seen.ask(question)
        assert seen.page.locator("#entries .q").all_inner_texts() == [OTHER, QUESTION]


@pytest.mark.parametrize("name", ["photo.heic", "letter.txt", "letter"])
def test_another_file_is_told_which_formats_there_are(
    look: Open, tmp_path: Path, name: str
) -> None:
    """In words for who looks at a page, not for who writes a program."""
    (tmp_path / name).write_bytes(b"\0\0\0 ftypheic")
    with look() as seen:
        seen.page.set_input_files("#file", tmp_path / name)
        message = seen.page.locator("#start-error")
        message.wait_for()
        assert "one of the formats PNG, JPEG, WEBP, GIF, BMP" in message.inner_text()
        assert "curl" not in message.inner_text()
        seen.forgive(415)


@pytest.mark.parametrize(
    ("probability", "told"),
    [
        (0, "0%"),
        (1e-9, "< 0.1%"),
        (0.0123, "1.2%"),
        (0.5, "50%"),
        (0.99999, "> 99.9%"),
        (1, "100%"),
    ],
)
def test_no_probability_is_told_as_certain_that_is_not(
    look: Open, probability: float, told: str
) -> None:
    with look() as seen:
        assert seen.value("percent", probability) == told


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
        told = seen.page.locator("#entries .a > span").all_inner_texts()
        assert [text.split()[:2] for text in told] == [
            ["saaa:", expected[0]],
            ["san:", expected[1]],
        ]
        assert not seen.faults()
        seen.picture("two")


def test_the_history_of_two_runs_has_all_answers(look: Open, picture: Path) -> None:
    with look() as seen:
        seen.choose_image(picture)
        for question in (QUESTION, OTHER):
            seen.ask(question)
        seen.page.click("#compare")
        seen.wait_for(
            "state.image.entries.every(entry => views().every(view => entry.replies[view.run]))"
        )
        told = seen.page.locator("#entries .a > span").all_inner_texts()
        assert len(told) == 4
        assert all(re.search(r": \w+ [\d.]+% · [\d.]+ ms", text) for text in told)


def test_steps_that_end_elsewhere_than_the_answer_say_so(look: Open, picture: Path) -> None:
    with look() as seen:
        seen.choose_image(picture)
        seen.ask(QUESTION)
        page = seen.page
        page.click("[data-key=trace]")
        page.locator(".steps").wait_for()
        assert page.locator(".reply .message").count() == 0
        seen.value("VIEWS[0].original.probability -= 0.04; VIEWS[0].renderReply()")
        told = page.locator(".reply .message").inner_text()
        for probability in seen.value(
            "[VIEWS[0].original.trace.probability, VIEWS[0].original.probability].map(percent)"
        ):
            assert probability in told


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
