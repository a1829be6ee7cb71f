"""Small trained runs, served, and a browser to look at the page with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from page.browser import Visit, required_browser, serving, visit

QUESTION = "What colour is it?"
OTHER = "is it red?"
MAP = "canvas[role=application]"
Open = Callable[..., AbstractContextManager[Visit]]


@pytest.fixture(scope="session")
def picture(trained: Path) -> Path:
    """An image that can be asked about."""
    return trained / "square 10.png"


@pytest.fixture(scope="session")
def service(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service with a run of SAAA and one of SAN."""
    log = tmp_path_factory.mktemp("service") / "log.txt"
    with serving([trained / "runs" / "saaa", trained / "runs" / "san"], log) as url:
        yield url


# Of a module, since other tests cannot run an event loop while Playwright's is running.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    with required_browser() as opened:
        yield opened


@pytest.fixture
def look(browser: Browser, service: str) -> Open:
    """Open the page: a context manager that takes the browser's options."""
    return partial(visit, browser, service)
