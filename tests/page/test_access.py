"""Everybody can use the page: any width and light, either language, keyboard or screen reader."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import askattend.models
from page.browser import Visit
from page.conftest import MAP, OTHER, QUESTION, Open

DESKTOP: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}}
SCREENS: dict[str, dict[str, Any]] = {
    "1440-light-en": {**DESKTOP, "color_scheme": "light"},
    "1440-dark-zh": {**DESKTOP, "color_scheme": "dark", "locale": "zh-CN"},
    "800-dark-en": {"viewport": {"width": 800, "height": 900}, "color_scheme": "dark"},
    "390-light-zh": {"viewport": {"width": 390, "height": 844}, "locale": "zh-CN"},
    "390-dark-en": {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"},
    # A window of 1440 px, its text twice as large.
    "zoomed-200": {"viewport": {"width": 720, "height": 450}, "device_scale_factor": 2},
}


@pytest.mark.parametrize("screen", SCREENS)
def test_nothing_serious_in_any_state(look: Open, picture: Path, screen: str) -> None:
    with look(**SCREENS[screen]) as seen:
        for state in states(seen, picture):
            seen.picture(f"{screen}-{state}")
            assert not seen.faults(), state


def states(seen: Visit, picture: Path) -> Any:
    """Bring the page into each of its states."""
    yield "start"
    seen.choose_image(picture)
    yield "image"
    seen.ask(QUESTION)
    seen.ask(f"{OTHER} zebra")
    yield "answer"
    seen.page.locator(".edit").first.click()
    seen.value("VIEWS[0].change(map => map.fill(1 / map.length))")
    seen.wait_for("Boolean(VIEWS[0].edit.reply)")
    yield "edit"
    seen.page.locator(".edit").first.click()
    seen.page.click("[data-key=trace] >> nth=0")
    seen.page.locator(".steps").wait_for()
    yield "trace"
    seen.page.click("[data-key=answer] >> nth=0")
    seen.page.click("#compare")
    seen.wait_for_answer(f"{OTHER} zebra")
    yield "two"


def test_the_page_follows_the_browsers_language_and_can_be_told(look: Open, picture: Path) -> None:
    with look(locale="zh-CN") as seen:
        assert seen.value("document.documentElement.lang") == "zh-CN"
        seen.choose_image(picture)
        seen.ask(QUESTION)
        assert "均匀" in seen.page.locator(".caption").first.inner_text()
        left = seen.value(
            "Object.values(TEXT).filter(([english]) => english.length > 4"
            " && document.body.innerText.includes(english))"
        )
        assert left == []
        seen.page.click("#lang")
        assert seen.value("document.documentElement.lang") == "en"
        assert seen.page.locator(".caption").first.inner_text().startswith("Glimpse 1: ")
        seen.page.reload()
        seen.wait_for("state.runs.length > 0")
        assert seen.value("document.documentElement.lang") == "en", "the choice is remembered"


# All that is seen or said, but for what people, networks, files, answers and symbols are called.
TOLD = r"""() => {
  const named = `script, style, .brand, #lang, .q, .words b, .chips, .symbol, .tokens, .bars .name,
    strong, .a b, .a, select, .which, .name, .facts dd, #known, .choice b`;
  const name = /askattend|SAAA|SAN|square|png|LSTM|softmax|Esc|Ctrl|\b(?:saaa|san)\b/g,
    answer = /\b(?:yes|no|red|green|blue|zebra)\b/g;
  const texts = [...document.querySelectorAll('*')].flatMap(element => [
    ...['aria-label', 'title', 'placeholder', 'alt'].map(each => element.getAttribute(each)),
    ...[...element.childNodes].filter(node => node.nodeType === 3 && !element.closest(named))
      .map(node => node.data),
  ]);
  return texts.filter(text => /[a-z]{2}/i.test((text ?? '').replace(name, '').replace(answer, '')));
}"""


@pytest.mark.parametrize("two", [False, True])
def test_nothing_is_left_in_english(look: Open, picture: Path, two: bool) -> None:
    with look(locale="zh-CN") as seen:
        page = seen.page
        assert seen.value(TOLD) == []
        seen.choose_image(picture)
        page.press("#question", "Enter")
        assert seen.value(TOLD) == []
        if two:
            page.click("#compare")
        seen.ask("zebra red?")
        assert page.locator(".notes .message").first.is_visible()
        page.click(".edit >> nth=0")
        seen.value("VIEWS[0].change(map => map.fill(1))")
        seen.wait_for("Boolean(VIEWS[0].edit.reply)")
        assert seen.value(TOLD) == []
        for view in range(1 + two):
            page.locator("[data-key=trace]").nth(view).click()
            page.locator(".steps").nth(view).wait_for()
        assert seen.value(TOLD) == []
        symbols = " ".join(page.locator(".symbol").all_inner_texts())
        assert " of " not in symbols
        assert " or " not in symbols
        assert "LSTM" in symbols


def test_every_step_of_every_network_is_told_in_chinese(look: Open) -> None:
    sources = Path(askattend.models.__file__).parent.glob("*.py")
    names = {
        name for file in sources for name in re.findall(r'Symbol\(\s*"(\w+)', file.read_text())
    }
    assert len(names) > 15
    with look() as seen:
        assert names - set(seen.value("Object.keys(MEANING_ZH)")) == set()


@pytest.mark.parametrize("width", [1100, 1280, 1440])
@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_two_runs_stand_beside_each_other(
    look: Open, picture: Path, width: int, locale: str
) -> None:
    with look(viewport={"width": width, "height": 900}, locale=locale) as seen:
        seen.choose_image(picture)
        seen.page.click("#compare")
        seen.ask(QUESTION)
        boxes = "what => [...document.querySelectorAll(what)].map(e => e.getBoundingClientRect())"
        for part in (".mat", ".controls", ".reply"):
            left, right = seen.value(boxes, part)
            assert left["right"] < right["left"], part
            assert left["top"] == pytest.approx(right["top"], abs=1), part
            assert right["right"] <= width, part
        tops = [box["top"] for box in seen.value(boxes, "header :is(select, #compare)")]
        assert max(tops) - min(tops) < 10
        for controls in seen.value(boxes, ".controls"):
            assert controls["height"] < 50, "in one row"
        assert seen.value("document.documentElement.scrollWidth") <= width


def test_light_and_dark_can_be_told(look: Open) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    with look(color_scheme="dark") as seen:
        dark = seen.value(background)
        seen.page.click("#theme")
        assert seen.value(background) != dark


def tab_to(seen: Visit, selector: str, key: str = "Tab") -> None:
    """Press the key until what the selector means has the focus, which must be seen to be there."""
    for _ in range(60):
        seen.page.keyboard.press(key)
        if seen.value("s => document.activeElement.matches(s)", selector):
            assert seen.value(
                """() => [document.activeElement, document.activeElement.nextElementSibling]
                  .some(e => e && parseFloat(getComputedStyle(e).outlineWidth) >= 2
                    && getComputedStyle(e).outlineStyle !== 'none')"""
            ), f"the focus on {selector} is not seen"
            return
    raise AssertionError(f"{selector} cannot be reached")


def test_the_keyboard_alone_is_enough(look: Open, picture: Path) -> None:
    with look(**DESKTOP) as seen:
        keyboard = seen.page.keyboard
        # The browser hands over its dialog once somebody listens, which takes it a moment.
        seen.page.on("filechooser", lambda _: None)
        tab_to(seen, "#choose")
        with seen.page.expect_file_chooser() as chooser:
            keyboard.press("Enter")
        chooser.value.set_files(picture)
        seen.wait_for("document.activeElement.id === 'question'")
        keyboard.type(QUESTION)
        keyboard.press("Enter")
        seen.wait_for_answer(QUESTION)
        tab_to(seen, MAP)
        keyboard.press("ArrowRight")
        first = seen.page.locator(".readout").first.inner_text()
        keyboard.press("ArrowRight")
        keyboard.press("ArrowLeft")
        keyboard.press("ArrowDown")
        keyboard.press("ArrowUp")
        assert "uniform" in first
        tab_to(seen, ".maps input")
        keyboard.press("ArrowRight")
        assert seen.page.locator(".caption").first.inner_text().startswith("Glimpse 2: ")
        tab_to(seen, ".edit")
        keyboard.press("Enter")
        assert seen.value("document.activeElement.matches('.brush input')")
        keyboard.press("ArrowRight")
        tab_to(seen, MAP, "Shift+Tab")
        keyboard.press("Space")
        seen.wait_for("Boolean(VIEWS[0].edit.reply)")
        keyboard.press("Control+z")
        seen.wait_for("VIEWS[0].edit.reply === null")
        keyboard.press("Escape")
        assert seen.page.locator(".editor").first.is_hidden()
        tab_to(seen, "[role=tab]")
        keyboard.press("ArrowRight")
        seen.page.locator(".steps").wait_for()
        tab_to(seen, "#entries button")
        tab_to(seen, "#compare")
        keyboard.press("Enter")
        seen.wait_for_answer(QUESTION)


def test_the_answer_and_the_map_are_said(look: Open, picture: Path) -> None:
    with look() as seen:
        seen.choose_image(picture)
        seen.ask(QUESTION)
        seen.wait_for("document.querySelector('#live').textContent !== ''")
        said = seen.page.locator("#live").inner_text()
        assert seen.reply()["answer"] in said
        assert seen.page.locator(".caption").first.inner_text() in said
