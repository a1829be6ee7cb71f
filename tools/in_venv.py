"""Run commands inside the project's own .venv, making it first if need be.

Usage: python3 tools/in_venv.py [--oldest | --demo] 'COMMAND' ['COMMAND' ...]

With --oldest it is another one, .venv-oldest, of the oldest versions that pyproject.toml allows.
With --demo it is .venv-demo, which has no developers' tools, unless .venv is there already.
Needs nothing but Python. What is installed is remembered by a digest of the files that say what to
install, so a second call installs nothing. A lock makes a second call wait for the first.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OLDEST_PYTHON = (3, 11)
STAMP = "installed"  # a file in an environment that is complete: the digest of what it has


@dataclass(frozen=True)
class Environment:
    """A virtual environment.

    Attributes:
        name: of its folder.
        constraints: the file that pins what is installed.
        needed: what is installed, as pip names it, and further options.
    """

    name: str
    constraints: str
    needed: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return ROOT / self.name


NEWEST = Environment(".venv", "constraints.txt", ("-e", ".[dev]"))
# What users install, and what the tests of that need: some other tools need newer versions of it.
EXTRAS = "cluster,demo,excel,export,gradio,hdf5,hub,parquet,serve,words"
TOOLS = (
    "beartype",
    "docutils",
    "hatchling",
    "httpx2",
    "hypothesis",
    "pandas",
    "pytest",
    "pytest-xdist",
)
# Wheels alone: what has none for this Python is no version that anybody could install.
OLDEST = Environment(
    ".venv-oldest",
    "constraints-oldest.txt",
    ("--only-binary", ":all:", "-e", f".[{EXTRAS}]", *TOOLS),
)
DEMO = Environment(".venv-demo", "constraints.txt", ("-e", ".[demo]"))


def main(words: list[str]) -> int:
    """Run each command in turn; the status of the first that fails."""
    if sys.version_info < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        print(f"askattend needs Python {oldest} or newer, not {sys.version}")
        return 2
    venv, commands = chosen(words)
    with (ROOT / f"{venv.name}.lock").open("w") as lock:
        _wait_for(lock)
        install(venv)
        path = f"{venv.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path}
        for command in commands:
            print(f"$ {command}", flush=True)
            started = time.monotonic()
            status = subprocess.run(shlex.split(command), cwd=ROOT, env=environment).returncode
            print(f"  ({time.monotonic() - started:.0f} s)", flush=True)
            if status:
                return status
    return 0


def chosen(words: list[str]) -> tuple[Environment, list[str]]:
    """Split the command line into the environment that it asks for, and the commands."""
    if words[:1] == ["--oldest"]:
        return OLDEST, words[1:]
    if words[:1] == ["--demo"]:
        return NEWEST if _is_complete(NEWEST) else DEMO, words[1:]
    return NEWEST, words


def _wait_for(lock: object) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # type: ignore[arg-type]
    except BlockingIOError:
        print("another make is at work in this folder: waiting for it", flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)  # type: ignore[arg-type]


def install(venv: Environment) -> None:
    """Make the environment and install the project with what its tests or its demo need."""
    if _is_complete(venv):
        return
    folder = venv.folder
    stamp = folder / STAMP
    print(f"setting up {folder} (once; a few minutes)", flush=True)
    ours = folder / "made-by-make"
    if ours.exists() or stamp.exists() or not folder.exists():
        # --clear: what an interrupted call left half-made is not worth mending
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        ours.touch()
    else:
        print(f"{folder} is there: the project is installed into it", flush=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    options = ["--no-warn-script-location", "--disable-pip-version-check", "-c", venv.constraints]
    subprocess.run([*pip, *options, *venv.needed], cwd=ROOT, check=True)
    stamp.write_text(_digest(venv))


def _is_complete(venv: Environment) -> bool:
    """Tell if all is installed that the files wish for as they are now."""
    stamp = venv.folder / STAMP
    return stamp.exists() and stamp.read_text() == _digest(venv)


def _digest(venv: Environment) -> str:
    files = (ROOT / name for name in ("pyproject.toml", venv.constraints))
    content = b"".join(file.read_bytes() for file in files)
    return hashlib.sha256(content + str(ROOT).encode()).hexdigest()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except subprocess.CalledProcessError as error:
        print(f"setting up failed: {error}", file=sys.stderr)
        sys.exit(error.returncode or 1)
    except KeyboardInterrupt:
        sys.exit(130)
