"""Text that would steer a terminal is shown, whoever wrote it; rich's own sequences pass."""

from __future__ import annotations

import io
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from askattend.environment.console import notes_console, print_line
from askattend.environment.terminal import VisibleStream, visible, visible_json

ESCAPE = "\x1b[2J\x1b]0;title\x07"


def steers(text: str) -> bool:
    """Tell by Unicode's own tables whether anything but tabs and line ends is no text."""
    return any(
        (ord(char) < 32 and char not in "\t\n") or 127 <= ord(char) < 160 or char in "\u202e\u2066"
        for char in text
    )


@given(st.text())
def test_nothing_is_left_that_steers(text: str) -> None:
    assert not steers(visible(text))
    if not steers(text) and not set(text) & set("\u202a\u202b\u202c\u202d\u2067\u2068\u2069"):
        assert visible(text) == text


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_json_stays_the_same_json(value: object) -> None:
    text = visible_json(json.dumps(value, ensure_ascii=False, indent=2))
    assert not steers(text)
    assert json.loads(text) == value


def test_a_stream_shows_what_is_printed() -> None:
    below = io.StringIO()
    stream = VisibleStream(below)
    print(ESCAPE, "é\tred", file=stream)
    stream.writelines(["a\r", "b"])
    assert below.getvalue() == "\\x1b[2J\\x1b]0;title\\x07 é\tred\na\\rb"
    assert not stream.isatty()
    coloured = VisibleStream(below, colours=True)
    coloured.write("\x1b[31mred\x1b[0m\x1b[2J")
    assert below.getvalue().endswith("\x1b[31mred\x1b[0m\\x1b[2J")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Take standard error for a terminal; not by a fixture, after which pytest takes it back."""
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", VisibleStream(shown))
    monkeypatch.setenv("TERM", "xterm-256color")
    return shown


def test_notes_are_text_and_no_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    console = notes_console()
    assert console.is_interactive
    print_line(console, f"note: [bold]{ESCAPE}[/red] :smile:")
    table = Table(ESCAPE)
    table.add_row(f"[red]{ESCAPE}")
    console.print(table)
    text = terminal.getvalue()
    assert "[bold]\\x1b[2J\\x1b]0;title\\x07[/red] :smile:" in text
    assert "[red]\\x1b[2J" in text
    assert "\x1b[2J" not in text
    assert "\x1b]" not in text


def test_a_bar_still_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    with Progress(console=notes_console()) as bar:
        bar.add_task(f"{ESCAPE} working", total=2)
        bar.refresh()
    text = terminal.getvalue()
    assert "\x1b[?25l" in text  # the cursor, which rich hides
    assert "\x1b[2J" not in text
    assert "\\x1b[2J" in text


def test_a_line_on_anybody_s_console() -> None:
    below = io.StringIO()
    print_line(Console(file=below, width=20), f"{ESCAPE}[/x] a long line of words :smile:")
    assert below.getvalue() == "\\x1b[2J\\x1b]0;title\\x07[/x] a long line of words :smile:\n"
