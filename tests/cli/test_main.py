"""The command itself: help, unknown commands, readers who leave."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from askattend.__main__ import main as started
from askattend.cli import COMMANDS, main
from askattend.files import system_calls
from cli.conftest import Mistake
from commands import Call


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("frobnicate", "unknown command 'frobnicate'"),
        ("evalute RUN", "Did you mean 'evaluate'?"),
    ],
)
def test_mistakes(mistake: Mistake, command: str, message: str) -> None:
    mistake(command, message)


@pytest.mark.parametrize("command", ["", *COMMANDS, "train saaa"])
def test_help(call: Call, command: str) -> None:
    status, out, _ = call(*command.split(), "--help")
    assert status == 0
    assert "usage: askattend" in out


def test_a_reader_may_leave_early(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as nobody:
        monkeypatch.setattr("sys.stdout", nobody)
        with pytest.raises(SystemExit) as stop:
            main(["--help"])
        monkeypatch.undo()
    assert stop.value.code == 1


def test_a_full_disk_behind_standard_output() -> None:
    """By a command that needs no PyTorch: whatever is printed goes the same way."""
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "askattend", "--help"], stdout=full, stderr=subprocess.PIPE
        )
    assert done.returncode == 2
    told = b"standard output: No space left on device. Free some space there, and give"
    assert done.stderr.startswith(b"askattend: " + told)
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize(
    ("code", "remedy"), [(errno.ENOSPC, "Free some space"), (errno.EROFS, "Change its permissions")]
)
def test_a_disk_that_takes_nothing_is_named(
    code: int, remedy: str, run: Path, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(handle: int, data: memoryview) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(system_calls, "write", fail)
    status, _, err = call("pack", run, tmp_path / "run.zip")
    assert status == 2
    assert err.startswith(f"askattend: {tmp_path / 'run.zip'}: {os.strerror(code)}. {remedy}")
    assert not list(tmp_path.iterdir())


def test_the_installed_command() -> None:
    (script,) = entry_points(group="console_scripts", name="askattend")
    assert script.load() is started
    done = subprocess.run(
        [Path(sys.executable).with_name("askattend"), "evalute"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "askattend: unknown command 'evalute'. Did you mean 'evaluate'?\n"


def test_a_device_that_is_not_there(trained: Path, call: Call) -> None:
    folder, image = trained / "runs" / "saaa", trained / "square 0.png"
    for command in (("evaluate", folder), ("ask", folder, image, "is it red?")):
        status, _, err = call(*command, "--device", "abacus")
        assert (status, "cannot compute on 'abacus'" in err) == (2, True)
