"""Going on with a run: what must be as it was, and what a longer training does to its schedule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from askattend.data.questions import digest_of_questions
from askattend.data.splits import Splits
from askattend.environment.origin import read_origin
from askattend.errors import RunError
from askattend.runs.run_folder import CONFIG, Run, read_config
from askattend.training.config import TrainConfig
from askattend.training.history import read_progress
from askattend.training.step import learning_rate

# How long and where to train may change when a run is resumed.
_FREE_NAMES = (
    *("epochs", "patience", "device", "cuda_graphs", "checkpoint_minutes"),
    "accumulate",
)
_FREE = {("train", name) for name in _FREE_NAMES}


def digest(splits: Splits) -> str:
    """Compute a digest of the questions that are learnt from, and validated on."""
    return digest_of_questions(splits.train, splits.valid)


def require_as_begun(folder: Path, tables: Mapping[str, Any], splits: Splits) -> None:
    """Refuse to resume a run whose folder was begun with other questions or settings.

    The questions' digest decides, not where they lie: a folder may have been moved.

    Args:
        folder: of the run; nothing is refused where it has none.
        tables: the settings that it is now to have.
        splits: the questions now.

    Raises:
        RunError: names what differs, with both values where they are settings.
    """
    if not (folder / CONFIG).exists():
        return
    differences = [
        (key, f"{key} is {now!r}, and was {then!r}")
        for key, now, then in _settings(tables, read_config(folder))
        if now != then
    ]
    origin = read_origin(folder)
    if origin is not None and origin.questions == digest(splits):
        differences = [(key, told) for key, told in differences if key != "data"]
    elif origin is not None:
        differences.append(("questions", "the questions differ"))
    _refuse(folder, [told for _, told in differences])


def require_same(run: Run) -> None:
    """Refuse to resume a run when what was prepared is not what its folder was begun with.

    Raises:
        RunError: names what differs.
    """
    if not (run.folder / CONFIG).exists():
        return
    begun = Run.load(run.folder)
    parts = ("floors", "words", "answers", "features", "vectors", "attention")
    differences = [part for part in parts if getattr(run, part) != getattr(begun, part)]
    _refuse(run.folder, [f"the {part} differ" for part in differences])


def _refuse(folder: Path, differences: Sequence[str]) -> None:
    if differences:
        raise RunError(
            f"cannot go on: {'; '.join(differences)}",
            where=folder,
            remedy="Resume with the same data and settings, or choose another --out.",
        )


def _settings(
    tables: Mapping[str, Any], begun: Mapping[str, Any]
) -> Iterator[tuple[str, Any, Any]]:
    """Yield each setting that must stay as it was: its name, its value now and then."""
    for key in ("network", "data", "seeds", "recipe"):
        yield key, tables.get(key), begun.get(key)
    for section in ("model", "vocab", "train"):
        now, then = tables.get(section, {}), begun.get(section, {})
        for key in sorted({*now, *then}):
            if (section, key) not in _FREE:
                yield f"{section}.{key}", now.get(key), then.get(key)


_CHANGED_AT_FIRST = (
    "the learning rate's schedule, laid over {} epochs, is laid over {} now, within the first epoch"
)


def changed_schedule(run: Run, config: TrainConfig) -> str | None:
    """Say what another number of epochs does to a learning rate that depends on it.

    A cosine, and a warm-up, are laid over all steps: begun for few and gone on with for many, the
    training is neither a short one nor a long one.

    Args:
        run: the run, with the settings that it is now to have.
        config: the same settings of its training.

    Returns:
        None where nothing of the schedule changes, or nothing has been learnt yet.
    """
    if not (run.folder / CONFIG).exists() or (config.final_lr_fraction == 1 and not config.warmup):
        return None
    planned = read_config(run.folder).get("train", {}).get("epochs")
    progress = read_progress(run)
    history = progress.history
    if planned == config.epochs or history.finished(epochs=config.epochs, patience=config.patience):
        return None
    if not history.epochs:
        return None if progress.within is None else _CHANGED_AT_FIRST.format(planned, config.epochs)
    last = history.epochs[-1]
    steps = last.step // last.epoch
    total = config.epochs * steps
    goes_on, ends = (learning_rate(config, at, total) for at in (last.step, total - 1))
    return (
        f"the learning rate's schedule, laid over {planned} epochs, is laid over {config.epochs} "
        f"now: it was {last.learning_rate:.2g} at the end of epoch {last.epoch}, goes on from "
        f"{goes_on:.2g}, and ends at {ends:.2g}. This is not the training of "
        f"{config.epochs} epochs that it would be from the start: for that, choose another --out"
    )
