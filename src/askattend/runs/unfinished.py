"""Trainings that were stopped: the command that goes on with each, and the errors that name it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from askattend.environment.hub import is_model_folder
from askattend.errors import AskAttendError, RunError
from askattend.files import decode_json, read_whole

# What a search leaves before there is a run.
SEARCH = "search.json"
# Written when training ends.
_SUMMARY = "metrics.json"


class _Search(msgspec.Struct, frozen=True):
    """Fields of a search's file that tell how it was begun."""

    budget: float
    candidates: tuple[dict[str, Any], ...]
    origins: tuple[int, ...]


def going_on(folder: Path, network: object) -> str:
    """Write the command that goes on with a training that was stopped: the run knows the rest."""
    return shlex.join(["askattend", "train", str(network), "--out", str(folder), "--resume"])


def no_weights(folder: Path, config: Mapping[str, Any], *, trained: bool) -> RunError:
    """Make the error for a run that cannot answer.

    Args:
        folder: the run folder.
        config: its settings.
        trained: False for an imported network, which no training goes on with.
    """
    if not trained or (folder / _SUMMARY).exists():
        file = folder / "best.safetensors"
        return RunError("missing", where=file, remedy="Copy the whole run folder.")
    return RunError(
        "its training was stopped before there were weights to answer with",
        where=folder,
        remedy=f"Go on with: {going_on(folder, config.get('network'))}",
    )


def no_run(folder: Path) -> RunError:
    """Make the error for a folder that is no run, or none yet."""
    if not folder.is_dir():
        remedy = "Make one with: askattend train … --out FOLDER."
        problem = "is no folder" if folder.exists() else "no such folder"
        return RunError(problem, where=folder, remedy=remedy)
    try:
        found = decode_json(read_whole(folder / SEARCH), _Search)
        starts = found.candidates[: max(found.origins) + 1]
        names = {str(each.get("network")) for each in starts}
        data = str(starts[0].get("data", ""))
    except (OSError, ValueError, IndexError, msgspec.MsgspecError, AskAttendError):
        remedy = "Make one with: askattend train … --out FOLDER."
        if is_model_folder(folder):
            remedy = f"It is a model of transformers': askattend evaluate {folder} takes it."
        return RunError("not a run folder (no config.toml)", where=folder, remedy=remedy)
    network = names.pop() if len(names) == 1 else "any"
    words = ["askattend", "train", network, "--data", data, "--out", str(folder)]
    words += ["--search", f"{found.budget:.0f}s", "--resume"]
    return RunError(
        "holds a search that was stopped, and no run yet",
        where=folder,
        remedy=f"Go on with: {shlex.join(words)}, and what other options it was begun with.",
    )
