"""Sources by name, and the hints for those who misspell them."""

from __future__ import annotations

from pathlib import Path

import pytest

from askattend.data.readers.registry import READERS, read_source
from askattend.errors import DataError


def test_a_table_is_read_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").touch()
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


def test_every_example_is_written_as_its_syntax_says() -> None:
    for name, reader in READERS.items():
        assert reader.example.startswith(name)
        assert (":" in reader.example) == (reader.place is not None)


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
