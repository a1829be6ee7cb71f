"""Run commands inside the project's own .venv, making it first if need be.

Usage: python3 tools/in_venv.py 'COMMAND' ['COMMAND' ...]

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
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
OLDEST = (3, 11)


def main(commands: list[str]) -> int:
    """Run each command in turn; the status of the first that fails."""
    if sys.version_info < OLDEST:
        print(f"askattend needs Python {'.'.join(map(str, OLDEST))} or newer, not {sys.version}")
        return 2
    with (ROOT / ".venv.lock").open("w") as lock:
        _wait_for(lock)
        install()
        environment = {**os.environ, "PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ['PATH']}"}
        for command in commands:
            print(f"$ {command}", flush=True)
            started = time.monotonic()
            status = subprocess.run(shlex.split(command), cwd=ROOT, env=environment).returncode
            print(f"  ({time.monotonic() - started:.0f} s)", flush=True)
            if status:
                return status
    return 0


def _wait_for(lock: object) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # type: ignore[arg-type]
    except BlockingIOError:
        print("another make is at work in this folder: waiting for it", flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)  # type: ignore[arg-type]


def install() -> None:
    """Make the environment and install the project with what its tests and demo need."""
    wanted = hashlib.sha256(
        b"".join((ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt"))
        + str(ROOT).encode()
    ).hexdigest()
    stamp = VENV / "installed"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print(f"setting up {VENV} (once; a few minutes)", flush=True)
    ours = VENV / "made-by-make"
    if ours.exists() or stamp.exists() or not VENV.exists():
        # --clear: what an interrupted call left half-made is not worth mending
        subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True)
        ours.touch()
    else:
        print(f"{VENV} is there: the project is installed into it", flush=True)
    pip = [VENV / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-warn-script-location"]
    subprocess.run(
        [*pip, "--disable-pip-version-check", "-c", "constraints.txt", "-e", ".[dev]"],
        cwd=ROOT,
        check=True,
    )
    stamp.write_text(wanted)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except subprocess.CalledProcessError as error:
        print(f"setting up failed: {error}", file=sys.stderr)
        sys.exit(error.returncode or 1)
    except KeyboardInterrupt:
        sys.exit(130)
