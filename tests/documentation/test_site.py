"""The site is built without a warning, and all of its links lead somewhere."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

import askattend
from askattend.cli import COMMANDS
from documentation.conftest import Site
from documentation.pages import FENCE, PAGES, read
from tools import check_site

# With the notebooks' tests in one process, which builds it.
pytestmark = pytest.mark.xdist_group("site")
TAG = re.compile(r"<[^>]+>")
INLINE = re.compile(r"(.?)\$([^$\n]+)\$(.?)")


def equations(page: str) -> list[str]:
    """Return the equations of a page as they are written there: blocks, then those in lines."""
    text = read(page)
    blocks = [code for language, code in FENCE.findall(text) if language == "math"]
    lines = re.sub(r"`[^`]*`", "", FENCE.sub("", text))
    return blocks + [equation for _, equation, _ in INLINE.findall(lines)]


def test_the_papers_equations_are_written_as_such() -> None:
    assert sum(r"\begin{aligned}" in code for code in equations("docs/from-paper-to-code.md")) >= 2


@pytest.mark.parametrize("page", PAGES)
def test_equations_are_read_alike_by_code_hosts(page: str) -> None:
    """In a line, Markdown comes before LaTeX there: it would take signs away, and see emphasis."""
    lines = re.sub(r"`[^`]*`", "", FENCE.sub("", read(page)))
    for before, equation, after in INLINE.findall(lines):
        assert re.fullmatch(r"[\s(]?", before), equation
        assert re.fullmatch(r"[\s.,:;)?!-]?", after), equation
        assert not re.search(r"\\[^a-zA-Z]|[\s)}]_|[*|<>]", equation), equation


@pytest.mark.slow
def test_links_lead_somewhere(site: Site) -> None:
    assert list(check_site.broken(site.pages)) == []
    assert len(check_site.elsewhere(site.pages)) > 5
    pages = {page.removeprefix("docs/") for page in PAGES if page.startswith("docs/")}
    assert all((site.pages / page).with_suffix(".html").exists() for page in pages)


@pytest.mark.slow
def test_nothing_is_fetched_from_elsewhere(site: Site) -> None:
    for file in site.pages.rglob("*.html"):
        text = file.read_text(encoding="utf-8")
        assert 'src="http' not in text
        assert '<link rel="stylesheet" type="text/css" href="http' not in text


@pytest.mark.slow
def test_every_command_and_public_name_has_its_place(site: Site) -> None:
    places = check_site.read(site.pages / "commands.html").places
    assert {f"askattend-{name}" for name in COMMANDS} <= places
    places = check_site.read(site.pages / "python-reference.html").places
    assert {f"askattend.{name}" for name in askattend.__all__} <= places


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if equations(page)])
def test_equations_are_typeset(page: str, site: Site) -> None:
    """As many as the page has, of MathML; nowhere a dollar or a command of LaTeX is left."""
    built = (site.pages / page.removeprefix("docs/")).with_suffix(".html")
    text = built.read_text(encoding="utf-8")
    article = text[text.index("<article") : text.index("</article>")]
    assert len(re.findall("<math ", article)) == len(equations(page))
    without_code = re.sub(r"<(pre|code)\b.*?</\1>", "", article, flags=re.DOTALL)
    assert not re.search(r"\$|\\[a-z]", html.unescape(TAG.sub("", without_code)))


@pytest.mark.slow
def test_notebooks_are_pages_with_what_they_print(site: Site) -> None:
    assert len(site.runs) == 3
    for name, run in site.runs.items():
        built = (site.pages / "notebooks" / name).with_suffix(".html")
        text = html.unescape(TAG.sub("", built.read_text(encoding="utf-8")))
        outputs = [output for cell in run.cells for output in cell.get("outputs", ())]
        printed = [output.text for output in outputs if output.get("name") == "stdout"]
        assert printed
        for line in "".join(printed).splitlines():
            assert line.strip() in text
        drawn = sum("image/png" in output.get("data", {}) for output in outputs)
        assert built.read_text(encoding="utf-8").count('.png"') >= drawn


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
