"""The pages' snippets run, in order, and print what the pages say."""

from __future__ import annotations

import contextlib
import doctest
import io
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from askattend.models import SAAAConfig, SANConfig, networks
from askattend.models.symbols import record

ROOT = Path(__file__).resolve().parents[1]
COLOURS = {"#dbe9f6", "#dff0df", "#fde6cc", "#ececec"}  # of the figures' boxes
PAGES = ("docs/from-paper-to-code.md", "docs/your-own-attention.md")

FENCE = re.compile(r"^```(\w*)(?: (\S+\.py))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Snippet(NamedTuple):
    """A ```python block; a ```text block right after it is what it prints ("..." is anything).

    What the reader is to save has the file's name behind ```python.
    """

    code: str
    line: int
    output: str | None
    file: str | None


def snippets(markdown: str) -> Iterator[Snippet]:
    blocks = list(FENCE.finditer(markdown))
    for block, following in zip(blocks, [*blocks[1:], None], strict=True):
        if block[1] == "python":
            printed = None
            if following and following[1] == "text":
                between = markdown[block.end() : following.start()]
                printed = following[3] if not between.strip() else None
            yield Snippet(block[3], markdown[: block.start(3)].count("\n"), printed, block[2])


def run(markdown: str, page: str) -> None:
    """Run every snippet in one namespace; a traceback names the page's own line."""
    namespace: dict[str, Any] = {"__name__": "__page__"}
    for snippet in snippets(markdown):
        if snippet.file is not None:
            Path(snippet.file).write_text(snippet.code, encoding="utf-8")
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile("\n" * snippet.line + snippet.code, page, "exec"), namespace)
        if snippet.output is not None:
            same = doctest.OutputChecker().check_output(
                snippet.output, printed.getvalue(), doctest.ELLIPSIS
            )
            assert same, f"{page}:{snippet.line} prints\n{printed.getvalue()}"


@pytest.mark.parametrize("page", PAGES)
def test_page(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    markdown = (ROOT / page).read_text(encoding="utf-8")
    assert any(snippets(markdown))
    monkeypatch.chdir(tmp_path)
    run(markdown, page)


def test_the_runner_runs() -> None:
    page = """
```python
x = 2
```
prose
```python
print(x, "and more")
```

```text
2 and ...
```
```console
exit 1
```
"""
    first, second = snippets(page)
    assert (first.code, first.line, first.output) == ("x = 2\n", 2, None)
    assert (second.line, second.output) == (6, "2 and ...\n")
    run(page, "page.md")
    with pytest.raises(AssertionError, match=r"page\.md:6 prints"):
        run(page.replace("2 and", "3 and"), "page.md")
    with pytest.raises(ZeroDivisionError) as caught:
        run(page.replace("x = 2", "x = 1 / 0"), "page.md")
    assert (str(caught.traceback[-1].path), caught.traceback[-1].lineno) == ("page.md", 2)


def cited(places: str) -> set[str]:
    """The equations of a table's first cell: ``"10-14"``, ``"15, 19"``, or a section."""
    found = set()
    for place in places.split(", "):
        first, _, last = place.partition("-")
        found |= (
            {str(n) for n in range(int(first), int(last or first) + 1)}
            if first.isdigit()
            else {place}
        )
    return found


@pytest.mark.parametrize("network", ["saaa", "san"])
def test_tables_cite_what_the_steps_cite(network: str) -> None:
    """Page and trace name the same equation, or section, for each step that the table lists."""
    page = (ROOT / "docs/from-paper-to-code.md").read_text(encoding="utf-8")
    _, saaa, san = re.split(r"^## ", page, flags=re.MULTILINE)
    rows = re.findall(
        r"^\| ([\d§][^|]*) \| .* \| ([^|]*`[^|]*) \| [^|]* \|$",
        {"saaa": saaa, "san": san}[network],
        re.MULTILINE,
    )
    table = [(cited(place), set(re.findall(r"`([^`]+)`", steps))) for place, steps in rows]
    model = networks()[network](words=9, answers=4, region_dim=3).eval()
    with record() as steps:
        model(torch.rand(1, 4, 3), torch.tensor([[2, 3]]), torch.tensor([2]))
    names = {step.what.name.replace("{k}", "k"): step.what.equation for step in steps.steps}
    listed = names.keys() & {name for _, named in table for name in named}
    assert len(listed) >= 8
    for name in listed:
        assert any(names[name] in places for places, named in table if name in named), name


def test_links_lead_somewhere() -> None:
    for page in (*ROOT.glob("*.md"), *sorted((ROOT / "docs").rglob("*.md"))):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


GLOSSARY = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")


def glossary_rows() -> list[list[str]]:
    """The cells of each row, heads and rules left out."""
    rows = [line.strip("|").split(" | ") for line in GLOSSARY.splitlines() if line.startswith("|")]
    return [
        [cell.strip() for cell in row]
        for row, following in zip(rows, [*rows[1:], None], strict=True)
        if not set(row[0]) <= set("-|") and not (following and set(following[0]) <= set("-|"))
    ]


def test_the_glossary_has_a_name_of_the_code_in_each_row() -> None:
    rows = glossary_rows()
    assert 30 <= len(rows) <= 40
    names = [re.findall(r"`([^`]+)`", row[-1]) for row in rows]
    assert all(len(found) == 1 for found in names), names
    for (name,) in names:
        module, colon, attributes = name.partition(":")
        if colon:
            value: Any = import_module(f"askattend.{module}")
            for attribute in attributes.split("."):
                # A field of a dataclass has no value on the class.
                fields = getattr(value, "__annotations__", {})
                assert attribute in fields or hasattr(value, attribute), name
                value = getattr(value, attribute, None)


def test_the_glossary_names_every_tensor_of_both_networks() -> None:
    """Each step of either network by its name, and the paper's symbol in the same row."""
    tensors = {re.findall(r"`([^`]+)`", row[-1])[0]: row[:2] for row in glossary_rows()}
    tensors = {name: symbols for name, symbols in tensors.items() if ":" not in name}
    found = set()
    for network in ("saaa", "san"):
        model = networks()[network](words=9, answers=4, region_dim=3).eval()
        with record() as steps:
            model(torch.rand(1, 4, 3), torch.tensor([[2, 3]]), torch.tensor([2]))
        found |= {step.what.name.partition(".")[0] for step in steps.steps}
    assert set(tensors) == found


# The glossary's rows explain words themselves.
NAMES = sorted({file.name for file in (ROOT / "docs").glob("*.md")} - {"glossary.md"})
WORDS = ("region", "glimpse", "hop", "floor", "ceiling", "store")


def prose(page: Path) -> str:
    """A page without code and addresses, which stay as so many blanks."""
    text = page.read_text(encoding="utf-8")
    for left_out in (r"```.*?```", r"`[^`]*`", r"\]\([^)]*\)", r"!\[[^]]*\]"):
        text = re.sub(left_out, lambda found: " " * len(found[0]), text, flags=re.DOTALL)
    return text


@pytest.mark.parametrize("page", ["README.md", *NAMES])
def test_words_of_our_own_are_explained_where_they_first_appear(page: str) -> None:
    """There they are in italics, as what is explained is."""
    text = prose(ROOT / page if page == "README.md" else ROOT / "docs" / page)
    for word in WORDS:
        found = re.search(rf"(?<![\w-]){word}s?(?![\w-])", text, re.IGNORECASE)
        assert found is None or text[found.start() - 1] == "*" == text[found.end()], found


def test_pictures_are_there_and_small() -> None:
    suffixes = (".png", ".jpg", ".svg")
    pictures = [file for file in (ROOT / "docs").iterdir() if file.suffix in suffixes]
    pages = "".join(page.read_text(encoding="utf-8") for page in ROOT.glob("**/*.md"))
    for picture in pictures:
        assert picture.stat().st_size < 300_000
        assert f"{picture.name})" in pages
    assert {"maps.jpg", "report.png", "saaa.svg", "san.svg"} <= {file.name for file in pictures}


def test_figures_name_the_sizes_of_the_settings(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, ROOT / "tools" / "network_figures.py", "--out", tmp_path], check=True
    )
    for name, sizes in (
        ("saaa", (SAAAConfig().question_dim, SAAAConfig().attention_dim)),
        ("san", (SANConfig().question_dim, SANConfig().attention_dim)),
    ):
        files = (tmp_path / f"{name}.svg", ROOT / "docs" / f"{name}.svg")
        drawn, kept = (file.read_text(encoding="utf-8") for file in files)
        texts = re.findall(r">([^<>]+)</text>", drawn)
        assert texts == re.findall(r">([^<>]+)</text>", kept)
        assert all(any(str(size) in text for text in texts) for size in sizes)


@pytest.mark.parametrize("file", sorted((ROOT / "docs").glob("*.svg")), ids=lambda file: file.name)
def test_no_line_of_a_figure_runs_through_a_box(file: Path) -> None:
    drawn = file.read_text(encoding="utf-8")
    paths = re.findall(r'<path d="([^"]*)" (?:clip-path="[^"]*" )?style="fill: (#?\w+)', drawn)
    shapes = [(np.array(re.findall(r"-?[\d.]+", d), float).reshape(-1, 2), c) for d, c in paths]
    boxes = [(p.min(0), p.max(0)) for p, colour in shapes if colour in COLOURS]
    lines = [points for points, colour in shapes if colour == "none"]
    assert len(boxes) > 8
    assert len(lines) >= len(boxes) - 2
    for line in lines:
        for ends in pairwise(line):
            along = np.linspace(*ends, 100)
            for low, high in boxes:
                assert not ((low + 1 < along) & (along < high - 1)).all(axis=1).any()
