"""The pages of the documentation, and the commands that they show."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = tuple(
    sorted(
        page.relative_to(ROOT).as_posix()
        for page in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
    )
)
FENCE = re.compile(r"^```([\w{}-]*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OURS = re.compile(r"(?:^|\s|-m )askattend (?=[a-z])")


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, *languages: str) -> list[str]:
    """Return the fenced blocks in any of some languages."""
    return [code for language, code in FENCE.findall(read(page)) if language in languages]


def commands(page: str) -> Iterator[list[str]]:
    """Yield the words of each command of ours: in blocks, and in the text where it is code."""
    lines = [
        line
        for block in blocks(page, "", "console", "sh", "bash")
        for line in re.sub(r"\\\n\s*| +# .*", " ", block).splitlines()
    ]
    text = FENCE.sub("", read(page))
    spans = re.findall(r"`([^`]+)`", text)
    for line in (*lines, *(re.sub(r"\s+", " ", span) for span in spans)):
        started = OURS.search(line)
        if started and not line.lstrip().startswith("#"):
            yield _words(line[started.end() :])


def _words(line: str) -> list[str]:
    lexer = shlex.shlex(line.replace("\\|", "|"), posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError:  # a quote that is closed behind it, as in "bash -c '…'"
        words = line.split()
    ends = [n for n, word in enumerate(words) if word in ("|", "&&", ">", "2>")]
    return words[: ends[0]] if ends else words
