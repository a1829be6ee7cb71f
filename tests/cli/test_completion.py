"""Completion scripts."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from askattend.cli import COMMANDS
from commands import Call

LINES = {
    "askattend tr": {"train", "trace"},
    "askattend train s": {"saaa", "san"},
    "askattend train saaa --model.gl": {"--model.glimpses"},
    "askattend train san --recipe ": {"auto", "small", "medium", "large", "paper"},
    "askattend ask --over": {"--overlay"},
    "askattend ask --verb": {"--verbose"},
    "askattend train san --qui": {"--quiet"},
    "askattend import h": {"hdf5"},
}


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes(tmp_path: Path, call: Call) -> None:
    status, script, _ = call("completion", "bash")
    assert status == 0
    (tmp_path / "askattend").write_text(script)
    empty = "''"  # a word of which nothing is typed yet
    completed = [
        f"COMP_WORDS=({line}{empty if line.endswith(' ') else ''})\n"
        "COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 )); COMPREPLY=(); _tyro_askattend\n"
        'echo "${COMPREPLY[@]}"\n'
        for line in LINES
    ]
    source = "\n".join((f"source {tmp_path / 'askattend'}", *completed))
    done = subprocess.run(["bash", "-c", source], capture_output=True, text=True, check=True)
    found = [set(line.split()) for line in done.stdout.splitlines()]
    assert found == list(LINES.values())


@pytest.mark.parametrize(
    ("shell", "sign"), [("zsh", "#compdef askattend"), ("fish", "complete --no-files")]
)
def test_other_shells(shell: str, sign: str, call: Call) -> None:
    status, script, _ = call("completion", shell)
    assert status == 0
    assert sign in script
    for name in COMMANDS:
        assert name in script


def test_a_shell_that_is_not_known(call: Call) -> None:
    status, _, err = call("completion", "csh")
    assert status == 2
    assert "csh" in err
