"""Version, commit and date: what they are, and that they are where they belong."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

import askattend
from askattend.environment.provenance import Provenance, commit
from commands import Call

ROOT = Path(askattend.__file__).parents[2]


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert askattend.__version__ == project["version"]


@pytest.mark.parametrize("word", ["--version", "-V", "version"])
def test_the_command_tells_it(call: Call, word: str) -> None:
    status, out, _ = call(word)
    assert status == 0
    assert re.fullmatch(rf"askattend {re.escape(askattend.__version__)}( \(commit .+\))?\n", out)


def test_a_checkout_tells_its_commit() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    git = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    head = subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    assert (commit() or "").removesuffix("+changes") == head


def test_the_date_may_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert Provenance.now().date == "2023-11-14T22:13:20Z"
    assert Provenance.now() == Provenance.now()
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    assert Provenance.now().date > "2023-11-15"


def test_it_is_written_in_a_line() -> None:
    made = Provenance("1.2", "0123456789abcdef+changes", "2026-01-31T12:00:00Z")
    assert str(made) == "askattend 1.2, commit 0123456789+changes, 2026-01-31"
    assert str(Provenance("1.2", None, "2026-01-31T12:00:00Z")) == "askattend 1.2, 2026-01-31"
