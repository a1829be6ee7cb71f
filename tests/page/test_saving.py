"""What the page saves: a picture, the data, and a conversation that needs no server."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser

from page.browser import Visit, visit
from page.conftest import MAP, OTHER, QUESTION, Open


def saved(seen: Visit, button: str, folder: Path) -> Path:
    """Press a button that saves; return the file."""
    with seen.page.expect_download() as download:
        seen.page.click(button)
    file = folder / download.value.suggested_filename
    download.value.save_as(file)
    return file


def test_the_picture_shows_image_map_and_answer(look: Open, picture: Path, tmp_path: Path) -> None:
    with look() as seen:
        seen.choose_image(picture)
        seen.ask(QUESTION)
        file = saved(seen, "[data-key=picture]", tmp_path)
    assert file.name == "square-10-askattend.png"
    with Image.open(file) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    height, width, _ = pixels.shape
    assert width > 1200
    # The blurred square has a colour of its own; around it is the paper.
    assert (np.ptp(pixels[height // 3, width // 2]) > 60).all()
    assert np.ptp(pixels[5, 5]) < 12


@pytest.mark.parametrize(
    "question", ["is it red or is it blue? " * 10, "它是红色的还是蓝色的？" * 10]
)
def test_a_long_question_is_drawn_in_lines(look: Open, picture: Path, question: str) -> None:
    with look() as seen:
        seen.choose_image(picture)
        lines, widths = seen.value(
            """text => {
              const context = document.createElement('canvas').getContext('2d');
              context.font = '600 24px sans-serif';
              const lines = inLines(context, text, 640);
              return [lines, lines.map(line => context.measureText(line).width)];
            }""",
            question.strip(),
        )
        assert "".join(lines).replace(" ", "") == question.replace(" ", "")
        assert len(lines) > 1
        # Full lines, but for the last one, which no word runs over.
        assert max(widths) <= 640 < min(widths[:-1]) + 120
        heights = []
        for text in (QUESTION, question.strip()):
            seen.ask(text)
            with seen.page.expect_download() as download:
                seen.page.click("[data-key=picture]")
            with Image.open(download.value.path()) as image:
                heights.append(image.height)
        assert heights[1] - heights[0] == 64 * (len(lines) - 1)


def test_the_data_are_what_the_server_sent(look: Open, picture: Path, tmp_path: Path) -> None:
    with look() as seen:
        seen.choose_image(picture)
        seen.ask(QUESTION)
        reply = seen.reply()
        file = saved(seen, "[data-key=dataFile]", tmp_path)
    data = json.loads(file.read_text(encoding="utf-8"))
    assert data["question"] == QUESTION
    assert data["image"] == {"name": picture.name, "width": 48, "height": 40}
    (answer,) = data["answers"].values()
    assert answer["answer"] == reply["answer"]
    assert answer["probability"] == pytest.approx(reply["probability"], rel=1e-5)
    assert np.array(answer["attention"]["values"]) == pytest.approx(
        np.array(reply["attention"]["values"]), rel=1e-5
    )


def test_a_saved_conversation_needs_no_server(
    look: Open, browser: Browser, picture: Path, tmp_path: Path
) -> None:
    with look() as seen:
        seen.choose_image(picture)
        seen.ask(OTHER)
        seen.ask(QUESTION)
        seen.page.click("[data-key=trace]")
        seen.page.locator(".steps").wait_for()
        answers = seen.page.locator("#entries .a").all_inner_texts()
        file = saved(seen, "#save", tmp_path)
        caption = seen.page.locator(".caption").first.inner_text()
    with visit(browser, file.as_uri()) as later:
        page = later.page
        assert page.locator("#entries .a").all_inner_texts() == answers
        assert page.locator(".caption").first.inner_text() == caption
        assert page.locator(MAP).first.get_attribute("data-overlay") == "shown"
        assert page.locator(".words small").all_inner_texts()
        assert page.locator("#ask").is_hidden()
        assert page.locator(".edit").first.is_hidden()
        width = "VIEWS[0].picture.decode().then(() => VIEWS[0].picture.naturalWidth)"
        assert later.value(width) == 48
        page.locator(".maps input").nth(2).check(force=True)
        assert page.locator(".caption").first.inner_text().startswith("Glimpse 2: ")
        page.click("[data-key=trace]")
        assert page.locator(".steps > li").count() > 5
        page.click("[data-key=answer]")
        page.locator("#entries button").last.click()
        assert page.locator(".answer strong").inner_text() in answers[1]
        assert not later.faults()
        later.picture("saved")


def test_a_saved_conversation_opens_at_the_image_on_show(
    look: Open, browser: Browser, picture: Path, tmp_path: Path
) -> None:
    with look() as seen:
        for name in ("square 0.png", "square 10.png", "square 11.png"):
            seen.choose_image(picture.with_name(name))
            seen.wait_for("name => state.image.name === name", name)
            if name != "square 0.png":  # which nothing is asked about, and is not saved
                seen.ask(QUESTION)
        file = saved(seen, "#save", tmp_path)
    with visit(browser, file.as_uri()) as later:
        assert later.page.locator(".file .name").first.inner_text() == "square 11.png"
        later.page.locator("#pictures button").first.click()
        assert later.page.locator(".file .name").first.inner_text() == "square 10.png"


def test_a_conversation_carries_any_text(
    look: Open, browser: Browser, picture: Path, tmp_path: Path
) -> None:
    question = "is </script><script>bad()</script> $& red?"
    with look() as seen:
        seen.choose_image(picture)
        seen.ask(question)
        file = saved(seen, "#save", tmp_path)
    with visit(browser, file.as_uri()) as later:
        assert later.page.locator("#entries .q").inner_text() == question


@pytest.mark.parametrize("button", ["#save", "[data-key=picture]", "[data-key=dataFile]"])
def test_what_cannot_be_saved_is_told(look: Open, picture: Path, button: str) -> None:
    with look() as seen:
        seen.choose_image(picture)
        seen.ask(QUESTION)
        seen.value(
            """for (const what of ['embedded', 'decoded', 'download'])
              window[what] = () => { throw new Error('no room is left'); }; undefined"""
        )
        seen.page.click(button)
        message = seen.page.locator("#ask-error")
        message.wait_for()
        assert message.inner_text() == "This could not be saved: no room is left"


def test_an_image_that_the_browser_cannot_show_is_told_and_saved(
    look: Open, picture: Path, tmp_path: Path
) -> None:
    with look() as seen:
        seen.choose_image(picture)
        seen.value("VIEWS[0].picture.dispatchEvent(new Event('error'))")
        assert "cannot show this image" in seen.page.locator(".caption").first.inner_text()
        seen.ask(QUESTION)
        caption = seen.page.locator(".caption").first.inner_text()
        assert caption.startswith("Glimpse 1: ")
        assert "cannot show this image" in caption
        assert saved(seen, "#save", tmp_path).stat().st_size > 90_000
