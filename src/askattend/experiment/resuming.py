"""Whether a run can go on: only with the network, words, answers and features it began with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from askattend.errors import RunError
from askattend.runs.run_folder import CONFIG, Run

# How long and where to train may change on the way.
_FREE = {("train", name) for name in ("epochs", "patience", "device", "cuda_graphs")}


def check_same(run: Run) -> None:
    """Refuse to go on with a run whose folder was begun with other data or settings.

    Raises:
        RunError: names what differs, with both values where they are settings.
    """
    if not (run.folder / CONFIG).exists():
        return
    begun = Run.load(run.folder)
    differences = [
        f"{key} is {ours!r}, and was {theirs!r}"
        for key, ours, theirs in _settings(run, begun)
        if ours != theirs
    ]
    for part in ("floors", "words", "answers", "features"):
        if getattr(run, part) != getattr(begun, part):
            differences.append(f"the {part} differ")
    if differences:
        raise RunError(
            f"cannot go on: {'; '.join(differences)}",
            where=run.folder,
            remedy="Resume with the same data and settings, or choose another --out.",
        )


def _settings(run: Run, begun: Run) -> Iterator[tuple[str, Any, Any]]:
    """Each setting that must stay as it was: its name, its value now and then."""
    for key in ("network", "data"):
        yield key, run.config.get(key), begun.config.get(key)
    for section in ("model", "vocab", "train"):
        now, then = run.config.get(section, {}), begun.config.get(section, {})
        for key in sorted({*now, *then}):
            if (section, key) not in _FREE:
                yield f"{section}.{key}", now.get(key), then.get(key)
