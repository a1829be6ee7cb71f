"""Docstrings begin with a verb or with their subject."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = [
    file.relative_to(ROOT).as_posix()
    for folder in ("src/askattend", "benchmarks")
    for file in sorted((ROOT / folder).rglob("*.py"))
]
# Words that a docstring leaves its subject out after: "Whether it is quick", "Of its images".
WITHOUT_SUBJECT = {"As", "Of", "That", "What", "Whether", "Which", "Who"}


def docstrings(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of each docstring: of modules, classes, functions and fields."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            for statement in node.body:
                match statement:
                    case ast.Expr(ast.Constant(str(text))):
                        yield statement.lineno, text


def without_subject(source: str) -> list[str]:
    return [
        f"line {line}: {text.splitlines()[0]}"
        for line, text in docstrings(source)
        if text.split()[0].rstrip(",:;.") in WITHOUT_SUBJECT
    ]


@pytest.mark.parametrize("file", FILES)
def test_docstrings_name_their_subject(file: str) -> None:
    assert not without_subject((ROOT / file).read_text(encoding="utf-8"))


def test_docstrings_of_all_kinds_are_seen() -> None:
    source = '''"""What a module holds."""

class Shape:
    """Of a batch."""

    side: int = 14
    """Which side it is."""

    def area(self) -> int:
        """That of the grid."""
        text = "As a value it may begin like this."
        return self.side**2

async def wait() -> None:
    """Whether it waits."""

def half() -> None:
    """Ask: the word stands within another; Whatever, too."""
'''
    found = [line.partition(":")[0] for line in without_subject(source)]
    assert sorted(found, key=lambda line: int(line.split()[1])) == [
        f"line {number}" for number in (1, 4, 7, 10, 15)
    ]
