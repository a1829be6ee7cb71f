"""The program that made a file: its version, its commit, and the date."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import msgspec

PACKAGE = Path(__file__).parents[1]
# A wheel is built with the commit in this file; in a checkout git is asked.
COMMIT = PACKAGE / "commit.txt"


class Provenance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The program that made a file, and when.

    Attributes:
        version: of askattend.
        commit: of its source, followed by ``+changes`` where a checkout had changes that are not
            committed; None where it is not known.
        date: of making, UTC: ``"2026-01-31T12:00:00Z"``.
    """

    version: str
    commit: str | None
    date: str

    @classmethod
    def now(cls) -> Provenance:
        """Describe what is made by this program at this moment.

        The environment's SOURCE_DATE_EPOCH (reproducible-builds.org), in seconds, replaces the
        clock, for whoever compares files byte by byte.
        """
        epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
        moment = datetime.fromtimestamp(int(epoch), UTC) if epoch.isdigit() else datetime.now(UTC)
        return cls(version(), commit(), f"{moment:%Y-%m-%dT%H:%M:%SZ}")

    def __str__(self) -> str:
        commit = "" if self.commit is None else f", commit {short(self.commit)}"
        return f"askattend {self.version}{commit}, {self.date.partition('T')[0]}"


def version() -> str:
    """Return the version of the installed package; ``"0+unknown"`` where it is not installed."""
    try:
        return distribution("askattend").version
    except PackageNotFoundError:
        return "0+unknown"


@cache
def commit() -> str | None:
    """Return the commit of this program's source; None where nothing tells it."""
    if COMMIT.is_file():
        return COMMIT.read_text(encoding="ascii").strip() or None
    return _checked_out() or _installed_from()


def short(commit: str) -> str:
    """Abbreviate a commit as git does, keeping that there were changes.

    >>> short("3423be8d0c1e4f1b" + "+changes")
    '3423be8d0c+changes'
    """
    digits, plus, more = commit.partition("+")
    return f"{digits[:10]}{plus}{more}"


def _checked_out() -> str | None:
    """Ask git, where the package lies in a checkout of its own."""
    root = PACKAGE.parents[1]
    if root / "src" / "askattend" != PACKAGE or not (root / ".git").exists():
        return None
    try:
        head = _git(root, "rev-parse", "HEAD")
        changed = _git(root, "status", "--porcelain", "--untracked-files=no", "--", "src")
    except (OSError, subprocess.SubprocessError):  # no git, or somebody else's checkout
        return None
    return f"{head}+changes" if changed else head


def _git(root: Path, *words: str) -> str:
    command = ["git", "-C", str(root), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()


def _installed_from() -> str | None:
    """Read what pip notes of an installation from a repository (PEP 610)."""
    try:
        told = json.loads(distribution("askattend").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, json.JSONDecodeError):
        return None
    found = told.get("vcs_info", {}).get("commit_id")
    return found if isinstance(found, str) else None
