"""Mistakes that a command must answer with one message."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from commands import Call

Mistake = Callable[[str, str], None]


@pytest.fixture(autouse=True)
def _float32_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what only processors with bfloat16 have explain and trace say."""
    monkeypatch.setattr("askattend.cli.trace.notes_on_float32", lambda *given: [])
    monkeypatch.setattr("askattend.explaining.explain.computed_in_float32", lambda *given: [])


@pytest.fixture
def mistake(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Call) -> Mistake:
    """Assert that a command exits with status 2 and says so, and leaves nothing behind."""
    monkeypatch.chdir(tmp_path)
    places = {
        "RUN": trained / "runs" / "saaa",
        "IMAGE": trained / "square 2.png",
        "TABLE": trained / "squares.csv",
    }

    def check(command: str, message: str) -> None:
        status, _, err = call(*(places.get(word, word) for word in command.split()))
        assert status == 2
        assert message in err
        assert not (tmp_path / "x").exists()

    return check
