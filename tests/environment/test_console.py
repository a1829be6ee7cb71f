"""Notes that nobody can read stop no work."""

from __future__ import annotations

import io
import sys

import pytest
from rich.progress import Progress

from askattend.environment.console import notes_console


class Broken(io.StringIO):
    """A stream on a full disk, or of a terminal that is gone."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")

    def flush(self) -> None:
        raise BrokenPipeError(32, "Broken pipe")


def test_notes_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    notes_console().print("a [note]")
    notes_console(quiet=True).print("nothing")
    assert capsys.readouterr() == ("", "a [note]\n")


def test_a_stream_that_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Broken())
    console = notes_console()
    console.print("lost")
    with Progress(console=console) as bar:
        bar.advance(bar.add_task("work", total=2))
    monkeypatch.setattr(sys, "stderr", None)
    notes_console().print("lost")
