"""Going on with a run: what must be as it was, and what a longer training does to its schedule."""

from __future__ import annotations

from collections.abc import Iterator
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


def require_same(run: Run, splits: Splits) -> None:
    """Refuse to resume a run whose folder was begun with other data or settings.

    Raises:
        RunError: names what differs, with both values where they are settings.
    """
    if not (run.folder / CONFIG).exists():
        return
    begun = Run.load(run.folder)
    differences = [
        f"{key} is {now!r}, and was {then!r}"
        for key, now, then in _settings(run, begun)
        if now != then
    ]
    for part in ("floors", "words", "answers", "features", "vectors", "attention"):
        if getattr(run, part) != getattr(begun, part):
            differences.append(f"the {part} differ")
    # Words and floors may be the same though a question, or its image, is another.
    origin = read_origin(run.folder)
    if origin is not None and origin.questions != digest(splits):
        differences.append("the questions differ")
    if differences:
        raise RunError(
            f"cannot go on: {'; '.join(differences)}",
            where=run.folder,
            remedy="Resume with the same data and settings, or choose another --out.",
        )


def _settings(run: Run, begun: Run) -> Iterator[tuple[str, Any, Any]]:
    """Yield each setting that must stay as it was: its name, its value now and then."""
    for key in ("network", "data", "seeds", "recipe"):
        yield key, run.config.get(key), begun.config.get(key)
    for section in ("model", "vocab", "train"):
        now, then = run.config.get(section, {}), begun.config.get(section, {})
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
