"""The page in a headless browser that reaches nothing but the service."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Route, sync_playwright

# As root in a container there is no sandbox; the rest keeps the browser from calling its maker.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
# What a browser writes to its console of any refusal, whether or not the page handles it.
REFUSAL = "Failed to load resource: the server responded with a status of"


def chromium() -> str | None:
    """Return the path of this machine's Chromium, None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def open_browser(executable: str) -> Iterator[Browser]:
    """Start a headless Chromium, and end it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        yield browser
        browser.close()


@contextmanager
def required_browser() -> Iterator[Browser]:
    """Open a browser for tests; where there is no Chromium, skip outside CI and fail in it."""
    executable = chromium()
    if executable is None:
        reason = "no Chromium on this machine (Debian's package is chromium)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with open_browser(executable) as opened:
        yield opened


@dataclass
class Visit:
    """A page that somebody looks at, and what went wrong on it.

    Attributes:
        page: Playwright's.
        errors: what scripts raised or the browser wrote to its console.
        refused: addresses other than the service's that were asked for.
    """

    page: Page
    errors: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def choose_image(self, file: Path) -> None:
        """Choose an image file, and wait until it can be asked about."""
        self.page.set_input_files("#file", file)
        self.wait_for("Boolean(state.image?.id) && !document.querySelector('.busy')")

    def ask(self, question: str) -> None:
        """Type a question, and wait for all that is told of its answer."""
        self.page.fill("#question", question)
        self.page.press("#question", "Enter")
        self.wait_for_answer(question)

    def wait_for_answer(self, question: str) -> None:
        """Wait for the answer of each model on show, and for what its words count."""
        self.wait_for(
            """question => state.image.entry?.question === question
              && views().every(view => view.original?.words)""",
            question,
        )

    def wait_for(self, script: str, argument: Any = None) -> None:
        """Wait until a script is true; Playwright's own way is what the page's policy forbids."""
        deadline = time.monotonic() + 30
        while not self.value(script, argument):
            if time.monotonic() > deadline:
                raise TimeoutError(f"never true: {script}; errors: {self.errors}")
            self.page.wait_for_timeout(20)

    def value(self, script: str, argument: Any = None) -> Any:
        """Evaluate a script in the page."""
        return self.page.evaluate(script, argument)

    def reply(self, view: int = 0) -> Any:
        """Return what the server answered to the question on show."""
        return self.value("view => VIEWS[view].reply", view)

    def place_of(self, row: float, column: float, view: int = 0) -> tuple[float, float]:
        """Return where a place in the map's rows and columns lies on the screen, in pixels."""
        self.page.locator("canvas[role=application]").nth(view).scroll_into_view_if_needed()
        x, y = self.value(
            """([view, row, column]) => {
              const box = VIEWS[view].canvas.getBoundingClientRect();
              const { rows, columns } = VIEWS[view].attention, seen = VIEWS[view].original.seen;
              const along = (from, to, share) => from + share * (to - from);
              return [box.left + box.width * along(seen[0], seen[2], column / columns),
                      box.top + box.height * along(seen[1], seen[3], row / rows)];
            }""",
            [view, row, column],
        )
        return float(x), float(y)

    def forgive(self, status: int) -> None:
        """Forget the browser's complaints of refusals with a status that were asked for."""
        self.errors = [error for error in self.errors if f"{REFUSAL} {status}" not in error]

    def faults(self) -> list[str]:
        """Return what axe-core finds serious or critical, and whether the page is too wide."""
        found = Axe().run(self.page).response["violations"]
        grave = [
            f"{rule['id']}: {node['target']} {node['html'][:120]}"
            for rule in found
            if rule["impact"] in ("serious", "critical")
            for node in rule["nodes"]
        ]
        wide = self.value("document.documentElement.scrollWidth - innerWidth")
        return [*grave, *([f"{wide} px too wide"] if wide > 0 else [])]

    def picture(self, name: str) -> None:
        """Save what is seen, in the folder that ASKATTEND_SCREENSHOTS names, if it does."""
        if folder := os.environ.get("ASKATTEND_SCREENSHOTS"):
            self.page.screenshot(path=f"{folder}/{name}.png", full_page=True)


@contextmanager
def visit(browser: Browser, url: str, **options: Any) -> Iterator[Visit]:
    """Open an address in a new browser profile; all but the service is refused.

    At the end it must be that no script failed and nothing else was asked for.
    """
    context = browser.new_context(accept_downloads=True, **{"locale": "en-GB", **options})
    seen = Visit(context.new_page())
    seen.page.set_default_timeout(30_000)

    def guard(route: Route) -> None:
        if route.request.url.startswith((url, "data:", "blob:")):
            route.continue_()
        else:
            seen.refused.append(route.request.url)
            route.abort()

    def console(message: ConsoleMessage) -> None:
        # The warning is of tests that read the canvas.
        if message.type in ("error", "warning") and "willReadFrequently" not in message.text:
            seen.errors.append(f"{message.text} {message.location}")

    context.route("**/*", guard)
    seen.page.on("console", console)
    seen.page.on("pageerror", lambda error: seen.errors.append(str(error)))
    seen.page.goto(url)
    seen.wait_for("state.runs.length > 0 && VIEWS[0].run !== null")
    yield seen
    context.close()
    assert (seen.errors, seen.refused) == ([], [])


@contextmanager
def serving(runs: Sequence[Path], log: Path, *options: str) -> Iterator[str]:
    """Serve runs from a process of their own; the address is ready to be asked."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/"
    words = [sys.executable, "-m", "askattend", "serve", *map(str, runs), "--port", str(port)]
    with log.open("w") as output:
        server = subprocess.Popen([*words, *options], stdout=output, stderr=output)
        try:
            _wait_until_ready(server, url, log)
            yield url
        finally:
            server.terminate()
            server.wait(timeout=30)


def _wait_until_ready(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}readyz", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"the service did not start:\n{log.read_text()}")
