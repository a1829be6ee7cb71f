"""The origin of a run: the program that began it, and a digest of the questions it learns from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from askattend.environment.provenance import Provenance
from askattend.errors import RunError
from askattend.files import atomic_write, digest
from askattend.files.manifest import decode_unchanged, is_expected

# A file of its own: all others of a run are the same bytes whenever it is made.
ORIGIN = "origin.json"


class Origin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A run's beginning.

    Attributes:
        begun: the program, and when.
        questions: digest of its training and validation questions; None of an imported network.
    """

    begun: Provenance
    questions: str | None = None

    def save(self, folder: Path) -> None:
        """Write it into a run folder that has none yet: a resumed run keeps its own."""
        if not (folder / ORIGIN).exists():
            atomic_write(folder / ORIGIN, msgspec.json.format(msgspec.json.encode(self)))


def read_origin(folder: Path) -> Origin | None:
    """Read the origin of a run; None where its folder does not tell it.

    Raises:
        RunError: the file is unreadable.
    """
    file = folder / ORIGIN
    if not is_expected(file):
        return None
    origin: Origin = decode_unchanged(file, Origin, RunError, remedy="Copy the whole run folder.")
    return origin


def mark_of(folder: Path, config: Mapping[str, Any]) -> str:
    """Compute what tells a run from any other, wherever its folder is, or ``""`` if nothing does.

    Args:
        folder: of the run, or of a copy.
        config: its settings.

    Raises:
        RunError: its origin is unreadable.
    """
    origin = read_origin(folder)
    if origin is None:
        return ""
    seed = config.get("train", {}).get("seed")
    return digest(msgspec.json.encode([config.get("network"), seed, origin]))
