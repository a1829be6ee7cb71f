"""Shells at a terminal, and what Tab makes of a line in them."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

# What a shell writes when it waits for a line.
READY = "READY>"
TAB, ALL, REPORT = "\t", "\x14", "\x0f"  # the latter are Ctrl-T and Ctrl-O
SECONDS = 30

BASH = r"""
PS1='READY>'
source completion
bind 'set bell-style none'
bind '"\C-t": insert-completions'
bind -x '"\C-o": printf %s "$READLINE_LINE" > line.new; mv line.new line; READLINE_LINE='
"""
ZSH = r"""
PROMPT='READY>'
unsetopt beep
fpath=($PWD/functions $fpath)
autoload -Uz compinit && compinit -u -D
# What completion adds is written down; -O, -A and -D ask it for lists alone.
compadd() {
  if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then
    builtin compadd "$@"
    return
  fi
  local -a hits
  builtin compadd -A hits "$@"
  print -rl -- $hits >> added
  builtin compadd "$@"
}
report() {
  print -rn -- "$BUFFER" > line.new
  [[ -f added ]] && { print -n "\n"; cat added } >> line.new
  rm -f added; mv line.new line; BUFFER=
}
zle -N report
bindkey '^O' report
bindkey '^I' complete-word
"""


def require(shell: str) -> str:
    """Return a shell's path; where it is absent, skip outside CI and fail in it."""
    found = shutil.which(shell)
    if found is None:
        reason = f"no {shell} on this machine (Debian's package is {shell})"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def in_bash(script: str, lines: Sequence[str], folder: Path, key: str = TAB) -> list[str]:
    """Return what a key makes of each line: Tab, or the one that inserts all completions."""
    shell = require("bash")
    (folder / "completion").write_text(script, encoding="utf-8")
    (folder / "start").write_text(BASH)
    with typing([shell, "--noprofile", "--rcfile", "start", "-i"], folder) as typed:
        return [typed(line + key) for line in lines]


def in_zsh(script: str, lines: Sequence[str], folder: Path) -> list[tuple[str, list[str]]]:
    """Return, for each line, what Tab makes of it, and what it offers."""
    shell = require("zsh")
    (folder / "functions").mkdir()
    (folder / "functions" / "_askattend").write_text(script, encoding="utf-8")
    (folder / ".zshrc").write_text(ZSH)
    with typing([shell, "-d", "-i"], folder, ZDOTDIR=str(folder)) as typed:
        reports = [typed(line + TAB).split("\n") for line in lines]
    return [(line, [word for word in offered if word]) for line, *offered in reports]


def in_fish(script: str, lines: Sequence[str], folder: Path) -> list[list[str]]:
    """Return what is offered for each line."""
    shell = require("fish")
    (folder / "askattend.fish").write_text(script, encoding="utf-8")
    asked = "\n".join(f"complete --do-complete {_quoted(line)}; echo @" for line in lines)
    done = subprocess.run(
        [shell, "--no-config", "--command", f"source askattend.fish\n{asked}"],
        cwd=folder,
        env={**os.environ, "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    *parts, last = done.stdout.split("@\n")
    assert last == ""
    return [[line.partition("\t")[0] for line in part.splitlines()] for part in parts]


@contextmanager
def typing(command: Sequence[str], folder: Path, **more: str) -> Iterator[Callable[[str], str]]:
    """Start a shell at a terminal of its own; yield what types keys in it, and returns the line."""
    ours, its = pty.openpty()
    environment: Mapping[str, str] = {**os.environ, "TERM": "xterm", "HOME": str(folder), **more}
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
    )
    os.close(its)
    try:
        _wait_for(lambda seen: READY in seen, ours)
        yield lambda keys: _typed(keys, ours, folder / "line")
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _typed(keys: str, terminal: int, report: Path) -> str:
    report.unlink(missing_ok=True)
    os.write(terminal, f"{keys}{REPORT}".encode())
    _wait_for(lambda seen: report.exists(), terminal)
    return report.read_text(encoding="utf-8")


def _wait_for(happened: Callable[[str], bool], terminal: int) -> None:
    """Read what a terminal shows, lest it fill up, until something has happened."""
    seen, deadline = "", time.monotonic() + SECONDS
    while not happened(seen):
        assert time.monotonic() < deadline, seen
        if select.select([terminal], [], [], 0.02)[0]:
            seen += os.read(terminal, 65536).decode(errors="replace")


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
