"""A small trained run of each kind, served, and a browser to look at the page with."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from page.browser import Visit, chromium, open_browser, serving, visit

SCENES = "scenes:images=60,seed=3,size=96,objects=3,clutter=0"
QUESTION = "how many shapes are there?"
OTHER = "is there a circle?"
NETWORKS = ("saaa", "san", "question-only")
Open = Callable[..., AbstractContextManager[Visit]]


@dataclass(frozen=True)
class Trained:
    """Runs by the names of their networks, and pictures of what they were trained on."""

    runs: dict[str, Path]
    images: list[Path]


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Runs of SAAA, SAN and a network that does not attend, on the same generated scenes."""
    from askattend.cli import main  # once the hook is installed

    folder = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASKATTEND_CACHE", str(folder / "cache"))
        for network in NETWORKS:
            main(_train_command(network, folder / network))
    images = sorted((folder / "cache").rglob("*.png"))
    return Trained({network: folder / network for network in NETWORKS}, images)


def _train_command(network: str, out: Path) -> list[str]:
    sizes = {"saaa": (4, 2), "san": (4, 0), "question-only": (0, 2)}[network]
    options = [
        *("--model.embedding-dim", "8", "--model.question-dim", "16"),
        *("--model.attention-dim", "16", "--extract.image-size", "96")[: sizes[0]],
        *("--model.hidden-dim", "16")[: sizes[1]],
        *(("--extract.strides", "16") if sizes[0] else ()),
        *("--train.epochs", "3", "--train.min-steps", "4", "--train.batch-size", "16"),
    ]
    return ["train", network, "--data", SCENES, "--out", str(out), *options]


@pytest.fixture(scope="session")
def service(scenes: Trained, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service with the three runs."""
    log = tmp_path_factory.mktemp("service") / "log.txt"
    with serving(list(scenes.runs.values()), log) as url:
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
