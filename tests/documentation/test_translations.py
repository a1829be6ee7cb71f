"""Pages in Chinese say what the English ones say: the same parts, code, links and numbers."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import pytest

from documentation.pages import FENCE, blocks, read

PAIRS = (("README.md", "README.zh-CN.md"), ("docs/quick-start.md", "docs/zh-CN/quick-start.md"))
LANGUAGES = {translated: english for english, translated in PAIRS}
NUMBER = re.compile(r"\d[\d.,]*\d|\d")


def headings(page: str) -> list[int]:
    """Return the level of each heading, in order."""
    return [len(marks) for marks in re.findall(r"^(#+) ", FENCE.sub("", read(page)), re.MULTILINE)]


def targets(page: str) -> list[str]:
    """Return where links and pictures lead, from the root; a translation counts as its page."""
    found = re.findall(r"\]\(([^)]+)\)|<(https?:[^>]+)>", FENCE.sub("", read(page)))
    return [_from_root(page, link or address) for link, address in found]


def _from_root(page: str, link: str) -> str:
    if link.startswith("http"):
        return link
    parts: list[str] = []
    for part in (PurePosixPath(page).parent / link).parts:
        parts = parts[:-1] if part == ".." else [*parts, part]
    path = "/".join(parts)
    return LANGUAGES.get(path, path)


def numbers(page: str) -> list[str]:
    text = re.sub(r"\]\([^)]+\)|<https?:[^>]+>", "", FENCE.sub("", read(page)))
    return sorted(NUMBER.findall(text))


def code(page: str) -> list[str]:
    text = re.sub(r"\[`[^`]+`\]", "", FENCE.sub("", read(page)))
    return sorted(re.sub(r"\s+", " ", span) for span in re.findall(r"`([^`]+)`", text))


def rows(page: str) -> list[int]:
    """Return the number of columns of each row of a table."""
    return [line.count(" | ") for line in read(page).splitlines() if line.startswith("|")]


@pytest.mark.parametrize(("english", "chinese"), PAIRS)
def test_both_say_the_same(english: str, chinese: str) -> None:
    every = ("", "console", "text", "python", "csv", "json")
    assert blocks(english, *every) == blocks(chinese, *every) != []
    assert headings(english) == headings(chinese)
    assert sorted(targets(english)) == sorted(targets(chinese))
    assert numbers(english) == numbers(chinese)
    assert code(english) == code(chinese)
    assert rows(english) == rows(chinese)


@pytest.mark.parametrize(("english", "chinese"), PAIRS)
def test_paragraphs_are_as_many(english: str, chinese: str) -> None:
    counts = [len(re.split(r"\n\s*\n", read(page).strip())) for page in (english, chinese)]
    assert counts[0] == counts[1]


def test_what_is_compared_tells_pages_apart() -> None:
    first, second = (english for english, _ in PAIRS)
    for told in (headings, targets, numbers, code):
        assert told(first) != told(second) != []


def test_the_readme_fits_on_a_screen() -> None:
    for page in PAIRS[0]:
        assert len(read(page).splitlines()) <= 60
