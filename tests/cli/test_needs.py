"""Commands in which something is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from askattend.cli import COMMANDS
from askattend.cli.needs import NEEDS
from commands import Call


def test_every_command_is_known() -> None:
    assert NEEDS.keys() == COMMANDS.keys()


@pytest.mark.parametrize(
    ("words", "missing"),
    [
        ("train", "NETWORK (saaa, san, …), --data SOURCE, --out RUN"),
        ("train saaa", "--data SOURCE, --out RUN"),
        ("evaluate", "RUN"),
        ("compare x", "another RUN"),
        ("ask x", "IMAGE, QUESTION"),
        ("score x", "--data SOURCE"),
        ("trace", "NETWORK (saaa, san, …), or --run RUN --image FILE --question TEXT"),
        ("import hdf5 x", "--out FOLDER"),
        ("completion", "bash, zsh or fish"),
    ],
)
def test_all_that_is_missing_is_named_at_once(words: str, missing: str, call: Call) -> None:
    status, out, err = call(*words.split())
    command = words.split()[0]
    assert (status, out) == (2, "")
    expected = f"askattend {words}: missing: {missing}. Examples: askattend {command} --help.\n"
    assert err == f"askattend: {expected}"


def test_nothing_slow_is_imported_for_it() -> None:
    code = """
import sys
from askattend.cli import main
try:
    main(["train"])
except SystemExit as stop:
    print(stop.code, [name for name in ("torch", "tyro", "numpy", "rich") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "2 []\n"
