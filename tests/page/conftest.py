"""A small trained run of each kind, served, and a browser to look at the page with."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from commands import SMALL
from page.browser import Visit, chromium, open_browser, serving, visit

SCENES = "scenes:images=60,seed=3,size=96,objects=3,clutter=0"
QUESTION = "how many shapes are there?"
OTHER = "is there a circle?"
Open = Callable[..., AbstractContextManager[Visit]]


@pytest.fixture(scope="session")
def page_runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Runs of SAAA, SAN and a network that does not attend, on the same generated scenes."""
    from askattend.cli import main  # once the hook is installed

    folder = tmp_path_factory.mktemp("page")
    features = ["--extract.image-size", "96", "--extract.strides", "16"]
    for network in ("saaa", "san", "question-only"):
        hidden = ["--model.hidden-dim", "16"] if network != "san" else []
        attention = [] if network == "question-only" else list(SMALL[4:6])
        words = ["train", network, "--data", SCENES, "--out", str(folder / network)]
        seen = features if network != "question-only" else []
        main([*words, *SMALL[:4], *attention, *SMALL[8:], *hidden, *seen])
    return {name: folder / name for name in ("saaa", "san", "question-only")}


@pytest.fixture(scope="session")
def images() -> list[Path]:
    """Pictures of the generated scenes."""
    from askattend.data.scenes.images import image_folder  # once the hook is installed
    from askattend.data.scenes.recipe import Recipe

    del Recipe
    raise NotImplementedError(image_folder)


@pytest.fixture(scope="session")
def service(page_runs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service with the three runs."""
    log = tmp_path_factory.mktemp("service") / "log.txt"
    with serving(list(page_runs.values()), log) as url:
        yield url


# Of a module, since other tests cannot run an event loop while Playwright's is running.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium; where there is none, skips outside CI and fails in it."""
    executable = chromium()
    if executable is None:
        reason = "no Chromium on this machine (Debian's package is chromium)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with open_browser(executable) as opened:
        yield opened


@pytest.fixture
def look(browser: Browser, service: str) -> Open:
    """Open the page: a context manager that takes the browser's options."""
    return partial(visit, browser, service)
