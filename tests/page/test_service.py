"""The page and its service: a token, a threshold, refusals, slow answers, images taken away."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Request, Route, expect

from accepted import accept_run
from askattend.metrics.calibration import Calibration
from askattend.metrics.risk_coverage import RiskCoveragePoint
from askattend.runs.run_folder import Run
from measured import write_evaluation
from page.browser import Visit, serving, visit
from page.conftest import OTHER, QUESTION, Open

TOKEN = "a-token-that-nobody-guesses"
# Below a probability of 0.999 it is not sure, which a run trained for a second never is.
STRICT = Calibration(
    1.0, 900, (RiskCoveragePoint(0.999, 0.1, 0), RiskCoveragePoint(0, 1, 0.5)), 0.1
)


@pytest.fixture(scope="module")
def guarded(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service that asks for a token; its run has a threshold and suggests no question."""
    folder = tmp_path_factory.mktemp("guarded")
    run = Path(shutil.copytree(trained / "runs" / "saaa", folder / "strict"))
    Run.load(run).save_calibration(STRICT)
    (run / "suggestions.json").unlink()
    accept_run(run)
    write_evaluation(run)
    (folder / "token").write_text(TOKEN)
    options = ("--token-file", str(folder / "token"), "--max-question-length", "40")
    with serving([run], folder / "log.txt", *options) as url:
        yield url


def signed_in() -> dict[str, Any]:
    return {"http_credentials": {"username": "anybody", "password": TOKEN}}


def test_a_browser_gives_the_token_as_a_password(
    browser: Browser, guarded: str, picture: Path
) -> None:
    with visit(browser, guarded, **signed_in()) as seen:
        seen.choose_image(picture)
        seen.ask(QUESTION)
        assert seen.page.locator(".answer strong").inner_text()
        assert seen.page.locator("#token").is_hidden()
        seen.forgive(401)


def test_a_page_without_the_token_asks_for_it(
    browser: Browser, guarded: str, picture: Path
) -> None:
    """As behind a proxy that sends the page alone: then the page itself asks."""
    with visit(browser, guarded, **signed_in()) as seen:
        bare: list[Any] = []

        def without(route: Route) -> None:
            headers = route.request.headers
            bare.append(headers.get("authorization"))
            if headers.get("authorization") == f"Bearer {TOKEN}":
                route.fallback()
            else:
                problem = {"status": 401, "title": "Unauthorized", "detail": "no token"}
                route.fulfill(status=401, json=problem)

        seen.page.route("**/v1/**", without)
        seen.value("begin(); undefined")
        dialog = seen.page.locator("#token")
        dialog.wait_for()
        assert not seen.faults()
        seen.picture("token")
        seen.page.fill("#token-value", TOKEN)
        seen.page.press("#token-value", "Enter")
        seen.choose_image(picture)
        seen.ask(QUESTION)
        assert bare[0] != bare[-1] == f"Bearer {TOKEN}"
        # Asked again, it forgets what was typed: closing the question sends nothing.
        seen.value("token = null; begin(); undefined")
        dialog.wait_for()
        assert seen.page.input_value("#token-value") == ""
        seen.page.keyboard.press("Escape")
        expect(seen.page.locator("#start-error")).to_contain_text("asks for a token")
        seen.forgive(401)


def test_below_the_runs_threshold_it_is_not_sure(
    browser: Browser, guarded: str, picture: Path
) -> None:
    with visit(browser, guarded, **signed_in()) as seen:
        seen.forgive(401)
        seen.choose_image(picture)
        seen.ask(QUESTION)
        page = seen.page
        assert seen.reply()["probability"] < 0.999
        assert page.locator(".answer em").inner_text() == "not sure"
        assert "below 99.9% it is wrong too often" in page.locator(".notes").inner_text()
        limit = page.locator(".bars li:first-child .limit")
        assert limit.evaluate("line => line.style.left") == "99.9%"
        seen.picture("unsure")
        # A threshold that nothing reaches is none to be told.
        seen.value("VIEWS[0].original.threshold = 1.1; VIEWS[0].renderReply()")
        assert "however probable" in page.locator(".notes").inner_text()
        assert limit.count() == 0
        assert not seen.faults()


def assert_bars_are_within_their_box(seen: Visit) -> None:
    """No figure or bar runs over its column, and each bar has most of the width."""
    box = "document.querySelector('#quality .bars').getBoundingClientRect()"
    parts = (
        "[...document.querySelectorAll('#quality .bars li *')].map(e => e.getBoundingClientRect())"
    )
    assert seen.value(f"{parts}.every(e => e.right <= {box}.right + 1)")
    column = "document.querySelector('#start .drop').getBoundingClientRect()"
    assert seen.value(f"{box}.right <= {column}.right + 1")
    tracks = "[...document.querySelectorAll('#quality .track')].map(e => e.offsetWidth)"
    assert min(seen.value(tracks)) > 0.8 * seen.value(f"{box}.width")


def test_it_tells_how_good_a_run_is_beside_its_floors(browser: Browser, guarded: str) -> None:
    with visit(browser, guarded, **signed_in()) as seen:
        seen.forgive(401)
        summary, bars = seen.page.locator("#quality summary"), seen.page.locator("#quality .bars")
        told = "How good it is: 90.0% of 40 test questions right (squares.csv)"
        assert summary.inner_text() == told
        assert bars.is_hidden()
        summary.click()
        assert bars.locator(".name").all_inner_texts() == ["strict", "first words"]
        values = ["90.0% (80.0% – 96.0%)", "50.0% (40.0% – 60.0%)"]
        assert bars.locator(".value").all_inner_texts() == values
        assert "95% intervals" in seen.page.locator("#quality .below").inner_text()
        assert "no better" not in seen.page.locator("#quality .below").inner_text()
        assert not seen.faults()
        seen.picture("quality")
        for width in (1280, 360):
            seen.page.set_viewport_size({"width": width, "height": 800})
            assert_bars_are_within_their_box(seen)
        seen.picture("quality-narrow")
        seen.page.set_viewport_size({"width": 1280, "height": 800})
        seen.value("state.runs[0].quality.floors[0].accuracy = 0.9; renderQuality()")
        assert "guesses without the model. It is no better than the best of these." in (
            seen.page.locator("#quality .below").inner_text()
        )
        # What was opened stays so in the other language.
        seen.page.click("#lang")
        assert summary.inner_text() == "效果：40 个测试问题答对 90.0% (squares.csv)"
        assert bars.locator(".name").all_inner_texts() == ["strict", "问题的前几个词"]


def test_a_run_that_was_never_evaluated_tells_what_training_measured(look: Open) -> None:
    with look() as seen:
        quality = seen.value("state.runs[0].quality")
        assert (quality["split"], quality["interval"]) == ("valid", None)
        assert "validation questions" in seen.page.locator("#quality summary").inner_text()
        seen.page.click("#quality summary")
        assert "Measured in training" in seen.page.locator("#quality .below").inner_text()
        # Of both where two are on show; of none of which nothing is known.
        seen.value("state.two = true; render()")
        told = seen.page.locator("#quality summary").all_inner_texts()
        assert [text.partition(":")[0] for text in told] == ["saaa", "san"]
        seen.value("state.two = false; state.runs[0].quality = null; render()")
        assert seen.page.locator("#quality details").count() == 0


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_an_answer_that_nobody_judged_says_so(look: Open, picture: Path, locale: str) -> None:
    sure, picture_like = {
        "en-GB": (
            "Sure or not: not judged",
            "Picture like those it learnt from or not: not judged",
        ),
        "zh-CN": ("是否确定：未判断", "图片是否像它学过的：未判断"),
    }[locale]
    with look(locale=locale) as seen:
        seen.choose_image(picture)
        seen.ask(QUESTION)
        reply = seen.reply()
        assert reply["sure"] is reply["threshold"] is reply["unlike_training"] is None
        told = seen.page.locator(".reply").first.inner_text()
        assert sure in told
        assert picture_like in told
        assert seen.page.locator(".answer em").count() == 0
        assert seen.page.locator(".limit").count() == 0
        assert not seen.faults()
        seen.value("Object.assign(VIEWS[0].original, { sure: true, unlike_training: false })")
        seen.value("VIEWS[0].renderReply()")
        assert sure not in seen.page.locator(".reply").first.inner_text()
        assert picture_like not in seen.page.locator(".reply").first.inner_text()
        seen.value("VIEWS[0].original.sure = false; VIEWS[0].renderReply()")
        assert seen.page.locator(".answer em").count() == 1


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_a_run_without_suggestions_promises_none(
    browser: Browser, guarded: str, picture: Path, locale: str
) -> None:
    with visit(browser, guarded, locale=locale, **signed_in()) as seen:
        seen.forgive(401)
        seen.choose_image(picture)
        told = seen.page.locator("#work").inner_text()
        assert "suggest" not in told
        assert "建议" not in told
        assert "colour" in seen.page.locator("#known").inner_text(), "a word that it knows"


def test_a_run_with_suggestions_lists_no_words(look: Open, picture: Path) -> None:
    with look() as seen:
        seen.choose_image(picture)
        assert "suggested" in seen.page.locator(".invite").first.inner_text()
        assert seen.page.locator("#known").is_hidden()


def test_the_services_own_limit_of_length_is_told(
    browser: Browser, guarded: str, picture: Path
) -> None:
    with visit(browser, guarded, **signed_in()) as seen:
        seen.forgive(401)
        seen.choose_image(picture)
        seen.page.fill("#question", "is it red " * 4 + "?")
        expect(seen.page.locator("#ask-error")).to_contain_text("41 characters")
        expect(seen.page.locator("#ask-error")).to_contain_text("40")


def refuse_once(seen: Visit, address: str, status: int) -> list[int]:
    """Refuse the next request of an address, as a busy service does; return what was answered."""
    answered: list[int] = []

    def refuse(route: Route) -> None:
        answered.append(200 if answered else status)
        if len(answered) > 1:
            route.fallback()
            return
        problem = json.dumps({"status": status, "title": "Busy", "detail": "busy"})
        headers = {"Retry-After": "0", "Content-Type": "application/problem+json"}
        route.fulfill(status=status, headers=headers, body=problem)

    seen.page.route(address, refuse)
    return answered


def hold(seen: Visit, address: str) -> list[Route]:
    """Hold the first request of an address back, as a slow service does; return it once it is."""
    held: list[Route] = []
    seen.page.route(address, lambda route: route.fallback() if held else held.append(route))
    return held


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("address", ["**/v1/images", "**/ask"])
def test_a_busy_service_is_asked_again(
    look: Open, picture: Path, status: int, address: str
) -> None:
    with look() as seen:
        answered = refuse_once(seen, address, status)
        seen.choose_image(picture)
        seen.ask(QUESTION)
        assert answered[:2] == [status, 200]
        assert seen.page.locator("#ask-error").is_hidden()
        seen.forgive(status)


def test_a_service_that_stays_busy_is_told_and_can_be_asked_again(
    look: Open, picture: Path
) -> None:
    with look() as seen:
        seen.choose_image(picture)

        def busy(route: Route) -> None:
            route.fulfill(status=503, headers={"Retry-After": "60"}, json={"detail": "stopping"})

        seen.page.route("**/ask", busy)
        seen.page.fill("#question", QUESTION)
        seen.page.press("#question", "Enter")
        error = seen.page.locator("#ask-error")
        expect(error).to_contain_text("The server is not ready")
        seen.picture("busy")
        assert seen.page.locator("#entries button").count() == 0
        assert not seen.faults()
        seen.page.unroute("**/ask")
        error.get_by_role("button").click()
        seen.wait_for_answer(QUESTION)
        assert error.is_hidden()
        assert seen.page.locator("#entries button").count() == 1
        seen.forgive(503)


def test_an_upload_that_a_busy_service_refuses_can_be_tried_again(
    look: Open, picture: Path
) -> None:
    with look() as seen:

        def busy(route: Route) -> None:
            route.fulfill(status=429, headers={"Retry-After": "60"}, json={"detail": "busy"})

        seen.page.route("**/v1/images", busy)
        seen.page.set_input_files("#file", picture)
        error = seen.page.locator("#start-error")
        expect(error).to_contain_text("The server is busy")
        seen.page.unroute("**/v1/images")
        error.get_by_role("button").click()
        seen.wait_for("Boolean(state.image?.id)")
        seen.forgive(429)


def test_a_page_that_may_not_ask_says_so(look: Open, picture: Path) -> None:
    with look() as seen:
        refused = {"status": 403, "detail": "the pages of 'http://vqa' may not ask here"}
        seen.page.route("**/v1/images", lambda route: route.fulfill(status=403, json=refused))
        seen.page.set_input_files("#file", picture)
        expect(seen.page.locator("#start-error")).to_contain_text("takes no questions from here")
        seen.forgive(403)


def test_how_long_images_are_kept_is_told_before_one_is_sent(look: Open) -> None:
    with look() as seen:
        expect(seen.page.locator("#privacy")).to_contain_text("for 60 minutes at most")
        seen.page.click("#lang")
        expect(seen.page.locator("#privacy")).to_contain_text("最多 60 分钟")


def test_a_slow_answer_is_waited_for(look: Open, picture: Path) -> None:
    with look() as seen:
        seen.choose_image(picture)
        held, requests = hold(seen, "**/ask"), sent(seen)
        seen.page.fill("#question", QUESTION)
        seen.page.press("#question", "Enter")
        seen.wait_for("document.querySelector('.frame').matches('.busy')")
        reply = seen.page.locator(".reply").first
        assert reply.get_attribute("aria-busy") == "true"
        assert seen.page.locator(".waiting").is_visible()
        assert seen.page.locator("#entries .a").inner_text() == "…"
        assert not seen.faults()
        # Asked again meanwhile, it is not sent again.
        seen.page.press("#question", "Enter")
        seen.page.wait_for_timeout(100)
        assert len(requests) == 1
        held[0].continue_()
        seen.wait_for_answer(QUESTION)
        assert reply.get_attribute("aria-busy") == "false"
        assert seen.page.locator(".busy").count() == 0


def sent(seen: Visit) -> list[tuple[str, str]]:
    """Return a list to which every request's method and address is added."""
    requests: list[tuple[str, str]] = []

    def note(request: Request) -> None:
        requests.append((request.method, request.url))

    seen.page.on("request", note)
    return requests


def test_a_late_answer_brings_no_removed_image_back(look: Open, picture: Path) -> None:
    with look() as seen:
        seen.choose_image(picture)
        held = hold(seen, "**/ask")
        seen.page.fill("#question", QUESTION)
        seen.page.press("#question", "Enter")
        seen.wait_for("document.querySelector('.frame').matches('.busy')")
        requests = sent(seen)
        with seen.page.expect_response(lambda response: response.request.method == "DELETE"):
            seen.page.click(".forget >> nth=0")
        held[0].continue_()  # to which the service says that it has no such image
        seen.page.wait_for_timeout(400)
        assert [method for method, url in requests if not url.startswith("blob:")] == ["DELETE"]
        assert seen.page.locator("#start").is_visible()
        assert seen.page.locator("#work").is_hidden()
        assert seen.page.locator("#live").inner_text() == ""
        seen.forgive(404)
        # What is chosen next is asked about as ever.
        seen.choose_image(picture)
        seen.ask(OTHER)
        assert seen.page.locator("#entries button").count() == 1


def test_an_image_removed_before_it_has_arrived_is_forgotten(look: Open, picture: Path) -> None:
    with look() as seen:
        held = hold(seen, "**/v1/images")
        seen.page.set_input_files("#file", picture)
        seen.page.locator("#work").wait_for()
        seen.page.click(".forget >> nth=0")
        with seen.page.expect_response(lambda response: response.request.method == "DELETE") as at:
            held[0].continue_()
        assert at.value.status == 204
        assert seen.page.locator("#start").is_visible()


def test_requests_that_find_no_image_send_it_again_once(look: Open, picture: Path) -> None:
    with look() as seen:
        seen.choose_image(picture)
        seen.page.click("#compare")
        requests = sent(seen)
        seen.value("fetch(`v1/images/${state.image.id}`, { method: 'DELETE' }).then(() => null)")
        seen.ask(QUESTION)
        uploads = [url for method, url in requests if method == "POST" and url.endswith("/images")]
        assert len(uploads) == 1
        seen.forgive(404)
