"""The site is built without a warning, and all of its links lead somewhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import askattend
from askattend.cli import COMMANDS
from documentation.pages import PAGES, ROOT
from tools import check_site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = ["-b", "html", "-W", "--keep-going", "-q"]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *command, ROOT / "docs", folder / "html"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return folder / "html"


@pytest.mark.slow
def test_links_lead_somewhere(site: Path) -> None:
    assert list(check_site.broken(site)) == []
    assert len(check_site.elsewhere(site)) > 5
    pages = {page.removeprefix("docs/") for page in PAGES if page.startswith("docs/")}
    assert all((site / page).with_suffix(".html").exists() for page in pages)


@pytest.mark.slow
def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    for file in site.rglob("*.html"):
        text = file.read_text(encoding="utf-8")
        assert 'src="http' not in text
        assert '<link rel="stylesheet" type="text/css" href="http' not in text


@pytest.mark.slow
def test_every_command_and_public_name_has_its_place(site: Path) -> None:
    places = check_site.read(site / "commands.html").places
    assert {f"askattend-{name}" for name in COMMANDS} <= places
    places = check_site.read(site / "python-reference.html").places
    assert {f"askattend.{name}" for name in askattend.__all__} <= places


def test_links_that_lead_nowhere_are_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check_site.main([str(tmp_path)]) == 1
    page = '<a href="{}">a</a><h1 id="here">h</h1><img src="gone.png"><a href="https://a.org">b</a>'
    (tmp_path / "index.html").write_text(page.format("other.html#there"))
    (tmp_path / "other.html").write_text('<p id="there"></p><a href="index.html#nowhere">c</a>')
    found = ["index.html: gone.png", "other.html: index.html#nowhere"]
    check_site.read.cache_clear()
    assert list(check_site.broken(tmp_path)) == found
    assert check_site.main([str(tmp_path), "--external"]) == 1
    told = capsys.readouterr().out.splitlines()
    assert told == [
        "https://a.org",
        *found,
        "2 links lead nowhere; 1 addresses elsewhere were not asked",
    ]
