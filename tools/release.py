"""Build what a release is made of, and try it: `make release`.

Usage: python tools/release.py [--out build/dist] [--no-install]

A wheel and a source archive are built and their metadata checked (as an index would, the page
made of README included); then the wheel is installed in a clean environment, and its demo asked
from there.
With --no-install nothing is fetched: that last part is left out. Nothing is uploaded.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DRAWING, QUESTION, ANSWER = ROOT / "docs" / "drawing.png", "what color is the shape?", "blue"


def main(words: Sequence[str] | None = None) -> int:
    """Build, check, install, ask; the status is 1 where one of them fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "dist")
    parser.add_argument("--no-install", action="store_true")
    options = parser.parse_args(words)
    try:
        files = build(options.out)
        check(files)
        if not options.no_install:
            install_and_ask(next(file for file in files if file.suffix == ".whl"))
    except subprocess.CalledProcessError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    print("\n".join(map(str, files)))
    return 0


def build(out: Path) -> list[Path]:
    """Build wheel and source archive into an empty folder, without a network."""
    shutil.rmtree(out, ignore_errors=True)
    _run([sys.executable, "-m", "hatchling", "build", "-d", str(out.resolve())], cwd=ROOT)
    return sorted(out.iterdir())


def check(files: Sequence[Path]) -> None:
    """Check metadata and description as the package index does."""
    _run([sys.executable, "-m", "twine", "check", "--strict", *map(str, files)], cwd=ROOT)


def install_and_ask(wheel: Path) -> None:
    """Install the wheel where nothing else is, and ask its demo."""
    with tempfile.TemporaryDirectory() as folder:
        _run([sys.executable, "-m", "venv", folder], cwd=ROOT)
        python = Path(folder) / "bin" / "python"
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "-c", "constraints.txt", str(wheel.resolve())], cwd=ROOT)
        ask([str(python), "-I", "-m", "askattend"], Path(folder))


def ask(program: Sequence[str], folder: Path, environment: Mapping[str, str] = os.environ) -> None:
    """Ask the demo about a drawing, from a folder with nothing of the project in it.

    Raises:
        CalledProcessError: it does not answer, or not what there is to see.
    """
    words = [*program, "ask", "demo", str(DRAWING), QUESTION, "--json"]
    cache = {"ASKATTEND_CACHE": str(folder / "askattend-cache")}
    done = subprocess.run(
        words, cwd=folder, env={**environment, **cache}, check=True, stdout=subprocess.PIPE
    )
    (answer,) = json.loads(done.stdout)
    print(f"{QUESTION} {answer['answer']} ({answer['probability']:.1%})")
    if answer["answer"] != ANSWER:
        raise subprocess.CalledProcessError(1, words)


def _run(words: Sequence[str], cwd: Path) -> None:
    print("$", " ".join(words), flush=True)
    subprocess.run(words, cwd=cwd, check=True)


if __name__ == "__main__":
    sys.exit(main())
