"""Sources by name, and the hints for those who misspell them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from askattend.data.readers.registry import (
    READERS,
    absolute_source,
    read_source,
    source_lines,
    source_syntaxes,
)
from askattend.errors import ConfigError, DataError


def test_a_table_is_read_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(b"\xff\xd8\xff")
    (tmp_path / "q.csv").write_text("image,question,answer\na.png,what,red\n")
    qaset = read_source(f"table:{tmp_path / 'q.csv'}")
    assert qaset.source == f"table:{tmp_path / 'q.csv'}"
    assert [q.text for q in qaset] == ["what"]
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read_source("table:~/q.csv") == qaset


def test_daquar_is_read_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "qa.894.raw.train.format_triple").write_text("what ?\nsofa\nimage1\n")
    assert read_source(f"daquar:{tmp_path}").splits == {"train": 1}


def test_easy_vqa_is_read_by_its_name() -> None:
    pytest.importorskip("easy_vqa")
    assert read_source("easy-vqa").source == "easy-vqa"


def test_every_reader_says_what_it_is_and_how_it_is_written() -> None:
    assert len(READERS.names()) >= 12
    for name in READERS.names():
        reader = READERS.find(name)
        assert reader is not None
        assert reader.syntax(name).startswith(name)
        assert (":" in reader.syntax(name)) == (reader.place is not None) == bool(reader.example)
        assert reader.about
        # In 80 columns, as it is listed.
        assert len(f"  {'scenes[:KEY=VALUE,…]'}  {reader.about}") <= 80


def test_readers_are_imported_only_when_they_are_used(tmp_path: Path) -> None:
    (tmp_path / "qa.894.raw.train.format_triple").write_text("what ?\nsofa\nimage1\n")
    code = (
        "import sys; from askattend.data.readers.registry import read_source\n"
        f"read_source('daquar:{tmp_path}')\n"
        "found = [n for n in sys.modules if n.startswith('askattend.data.')]\n"
        "assert 'askattend.data.readers.daquar' in found\n"
        "for name in ('readers.vqa', 'readers.gqa', 'readers.table', 'scenes.generate'):\n"
        "    assert f'askattend.data.{name}' not in found, name\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


# --- a reader of another package --------------------------------------------------------------

LINES = """
from pathlib import Path

from askattend.data.questions import QASet, Question
from askattend.data.readers.reader import Reader


def read_lines(folder: Path) -> QASet:
    rows = [line.split("|") for line in (folder / "questions.txt").read_text().splitlines()]
    questions = tuple(
        Question(number, image, text, ((answer, 1),), "train")
        for number, (image, text, answer) in enumerate(rows)
    )
    return QASet(f"lines:{folder}", questions, {row[0]: folder / row[0] for row in rows})


LINES = Reader("questions divided by bars", read_lines, "DIR", "data/lines", suffixes=(".lines",))
"""


@pytest.fixture
def lines_package(install_package: Callable[..., Path], tmp_path: Path) -> Path:
    """A package with a reader ``lines``; returns a folder that it can read."""
    install_package(
        "askattend_lines",
        LINES,
        group="askattend.readers",
        name="lines",
        value="askattend_lines:LINES",
    )
    (tmp_path / "questions.txt").write_text("a.png|what is it?|cat\nb.png|which?|red\n")
    return tmp_path


def test_another_package_adds_a_reader(lines_package: Path) -> None:
    qaset = read_source(f"lines:{lines_package}")
    assert [q.text for q in qaset] == ["what is it?", "which?"]
    assert absolute_source("lines:somewhere") == f"lines:{Path('somewhere').resolve()}"


def test_help_and_hints_know_the_readers_of_other_packages(lines_package: Path) -> None:
    assert source_lines()[-1].split(maxsplit=1) == ["lines:DIR", "questions divided by bars"]
    for source, message in (
        ("line:x", r"Did you mean 'lines'\? .*, table:FILE, lines:DIR\."),
        ("lines", r"'lines': lacks its DIR\. Write lines:DIR, for example lines:data/lines\."),
        ("my.lines", r"For a lines, write lines:my\.lines\."),
    ):
        with pytest.raises(DataError, match=message):
            read_source(source)


def test_a_broken_reader_is_named_when_it_is_used(install_package: Callable[..., Path]) -> None:
    install_package(
        "broken_lines", "1 / 0", group="askattend.readers", name="lines", value="broken_lines:X"
    )
    with pytest.raises(ConfigError, match=r"'lines' \(entry point of broken_lines 1\.0, "):
        read_source("lines:x")
    assert "lines" not in source_syntaxes()
    assert absolute_source("vqa:/somewhere") == "vqa:/somewhere"


# --- mistakes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("daqaur:data", r"'daqaur:data': unknown source of questions\. Did you mean 'daquar'\?"),
        (
            "easyvqa",
            r"Did you mean 'easy-vqa'\? .*scenes\[:KEY=VALUE,…\], daquar:DIR, .*, vqa:DIR, .*, "
            r"table:FILE\.",
        ),
        ("x", r"Choose from: easy-vqa, scenes, daquar, .*, table\. Sources are written "),
        ("", "unknown source"),
        ("my/q.CSV", r"For a table, write table:my/q\.CSV\."),
        ("daquar", r"'daquar': lacks its DIR\. Write daquar:DIR, for example daquar:data/daquar"),
        ("table:", r"'table:': lacks its FILE\. Write table:FILE, for example table:questions"),
        ("easy-vqa:here", r"takes no place\. Write easy-vqa alone\."),
    ],
)
def test_mistakes_are_answered_with_a_hint(source: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_source(source)


def test_an_option_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"image is named twice\. Leave one out"):
        read_source(f"table:{tmp_path}/q.csv,image=a,image=b")
    with pytest.raises(DataError, match="answers is named twice"):
        read_source(f"daquar:{tmp_path}/d,answers=all,answers=single")
