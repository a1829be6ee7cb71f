"""From an image to an answer, and on to the next question."""

from __future__ import annotations

from pathlib import Path

from page.conftest import OTHER, QUESTION, Open, Trained


def test_upload_ask_and_see_where_it_looked(look: Open, scenes: Trained) -> None:
    with look() as seen:
        seen.choose_image(scenes.images[0])
        seen.ask(QUESTION)
        reply = seen.reply()
        page = seen.page
        assert page.locator(".answer strong").inner_text() == reply["answer"]
        names = page.locator(".bars .name").all_inner_texts()
        assert names == [ranked["answer"] for ranked in reply["top"]]
        assert page.locator(".words small").all_inner_texts()
        assert page.locator("canvas[role=application]").first.get_attribute("data-overlay") == "shown"
