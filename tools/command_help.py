"""The commands' reference of the documentation site, made of the command line's own help texts.

A Sphinx extension: the directive ``command-help`` is a section a command, and a form of it,
with its usage, examples and options. What is read is the text that ``askattend COMMAND --help``
prints, so that the page says what a terminal says, whoever lays it out.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from docutils import nodes
from docutils.parsers.rst import Directive

from askattend.cli import COMMANDS, main

if TYPE_CHECKING:
    from sphinx.application import Sphinx

# Wide enough that no line of help is broken, whatever its frame.
WIDTH = 2000
FORMS = {
    "train": ("saaa", "san"),
    "trace": ("saaa", "--run RUN"),
    "import": ("pytorch-vqa", "hdf5"),
}
# An option's name and value stand apart from what it does by this much at least.
GAP = re.compile(r" {2,}")


@dataclass(frozen=True)
class Frame:
    """A frame of a help text, such as "options".

    Attributes:
        title: its own.
        about: a line below it, if there is one.
        rows: each option with its value, and what it does.
    """

    title: str
    about: str
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Help:
    """A help text, taken apart.

    Attributes:
        usage: its first line, without "usage:".
        about: what the command does.
        examples: commands to copy.
        frames: its options.
    """

    usage: str
    about: str
    examples: tuple[str, ...]
    frames: tuple[Frame, ...]


def printed(*words: str) -> str:
    """Return what ``askattend WORDS --help`` prints where lines have no end."""
    before = {name: os.environ.get(name) for name in ("COLUMNS", "NO_COLOR")}
    os.environ |= {"COLUMNS": str(WIDTH), "NO_COLOR": "1"}
    output = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    try:
        with contextlib.redirect_stdout(output), contextlib.suppress(SystemExit):
            main([*words, "--help"])
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    output.seek(0)
    return output.read()


def taken_apart(text: str) -> Help:
    """Take a help text apart."""
    head, *framed = re.split(r"^╭─+ ?", text, flags=re.MULTILINE)
    usage, _, rest = head.partition("\n")
    about, _, examples = rest.partition("\nExamples:\n")
    return Help(
        usage.removeprefix("usage: "),
        about.strip(),
        tuple(line.strip() for line in examples.splitlines() if line.strip()),
        tuple(frame for each in framed if (frame := _frame(each)).rows),
    )


def _frame(text: str) -> Frame:
    title, *lines = text.splitlines()
    inner = [line[1:].rstrip(" │")[1:] for line in lines if line.startswith("│")]
    # What stands above a rule is about all that is below it.
    rules = [n for n, line in enumerate(inner) if line and set(line) <= {"─"}]
    about, inner = (inner[: rules[0]], inner[rules[0] + 1 :]) if rules else ([], inner)
    rows = tuple(row for row in _rows(inner) if not row[0].startswith("-h,"))
    return Frame(title.rstrip("─╮ "), " ".join(about).strip(), rows)


def _rows(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Yield an option and what it does; a line that is indented goes on with the one before."""
    term, told = "", [""]
    # Forms of a command are a list below a word that says that one of them is required.
    for line in (re.sub(r"^ *• ", "", line) for line in lines if line != "(required)"):
        if line.startswith(" ") or not line:
            told.append(line.strip())
            continue
        if term:
            yield term, "\n".join(told).strip()
        term, *more = GAP.split(line, maxsplit=1)
        told = more or [""]
    if term:
        yield term, "\n".join(told).strip()


def pages() -> Iterator[tuple[str, ...]]:
    """Yield the words of each page of help: a command, then its forms."""
    for name in COMMANDS:
        yield (name,)
        yield from ((name, *form.split()) for form in FORMS.get(name, ()))


class CommandHelp(Directive):  # type: ignore[misc]
    """Sections of all commands, in the order of ``askattend --help``."""

    def run(self) -> list[nodes.Node]:
        """Make a section a page of help."""
        return [self._section(words) for words in pages()]

    def _section(self, words: tuple[str, ...]) -> nodes.section:
        title, found = " ".join(("askattend", *words)), taken_apart(printed(*words))
        section = nodes.section(
            ids=[nodes.make_id(title)], names=[nodes.fully_normalize_name(title)]
        )
        section += nodes.title(title, title)
        self.state.document.note_explicit_target(section)
        section += nodes.literal_block(found.usage, found.usage, language="text")
        section += _told(found.about)
        if found.examples:
            text = "\n".join(found.examples)
            section += nodes.literal_block(text, text, language="console")
        for frame in found.frames:
            section += nodes.rubric(frame.title, frame.title)
            section += _told(frame.about) if frame.about else []
            section += _definitions(frame)
        return section


def _definitions(frame: Frame) -> nodes.definition_list:
    items = nodes.definition_list()
    for name, told in frame.rows:
        term = nodes.term("", "", nodes.literal(name, name))
        items += nodes.definition_list_item("", term, nodes.definition("", *_told(told)))
    return items


def _told(text: str) -> list[nodes.Node]:
    """Make paragraphs of a text, lists of lines with dashes, and blocks of indented lines."""
    made: list[nodes.Node] = []
    for block in re.split(r"\n\s*\n", text):
        lines = block.splitlines()
        if all(line.startswith("  ") for line in lines) and lines:
            made.append(nodes.literal_block(block, block, language="text"))
            continue
        flowing, dashes = [line for line in lines if not _dash(line)], list(filter(_dash, lines))
        made.append(nodes.paragraph("", "", *_inline(" ".join(map(str.strip, flowing)))))
        if dashes:
            entries = [nodes.paragraph("", "", *_inline(line.strip("- "))) for line in dashes]
            made.append(nodes.bullet_list("", *(nodes.list_item("", each) for each in entries)))
    return made


def _dash(line: str) -> bool:
    return line.lstrip().startswith("- ")


def _inline(text: str) -> list[nodes.Node]:
    """Make code of what stands between backticks."""
    parts = text.split("`")
    return [
        (nodes.literal if n % 2 else nodes.Text)(*_twice(part, n)) for n, part in enumerate(parts)
    ]


def _twice(part: str, n: int) -> tuple[str, ...]:
    return (part, part) if n % 2 else (part,)


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx of the directive."""
    app.add_directive("command-help", CommandHelp)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
