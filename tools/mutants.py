"""Break the code line by line and count what the tests notice; fails below nine of ten.

Usage: python tools/mutants.py [PATTERN …], such as 'askattend.metrics.shares*'

mutmut does the work: pyproject.toml says what it mutates, and its folder mutants/ keeps what it has
found out, so that a second call tries again only what has changed. `mutmut show NAME` shows one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

from mutmut.stats import status_by_exit_code

FOLDER = Path(__file__).resolve().parents[1] / "mutants"
LEAST = 0.9
# The tests failed, never ended, brought Python down, or could not even be collected.
KILLED = {"killed", "timeout", "segfault", "check was interrupted by user"}


def main(patterns: list[str]) -> int:
    """Run mutmut and print the share of mutants killed in each module; 1 where it is too low."""
    mutmut = [sys.executable, "-m", "mutmut", "run", *patterns]
    if status := subprocess.run(mutmut, cwd=FOLDER.parent).returncode:
        return status
    total: Counter[str] = Counter()
    for file in sorted(FOLDER.rglob("*.py.meta")):
        found = outcomes(file)
        if found.total():
            print(f"{file.relative_to(FOLDER).with_suffix('')}: {describe(found)}")
        total += found
    print(f"together: {describe(total)}; python -m mutmut results names those that live")
    return int(total["killed"] < LEAST * total.total())


def outcomes(file: Path) -> Counter[str]:
    """Count a module's mutants by what became of them."""
    statuses = json.loads(file.read_bytes())["exit_code_by_key"].values()
    told = (status_by_exit_code[status] for status in statuses if status is not None)
    return Counter("killed" if each in KILLED else "lives" for each in told)


def describe(found: Counter[str]) -> str:
    """Say how many were killed."""
    if not found.total():
        return "no mutant was tried"
    share = found["killed"] / found.total()
    return f"{found['killed']:,} of {found.total():,} killed, {share:.1%}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
