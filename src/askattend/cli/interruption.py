"""Interrupted commands: what they leave, and the command that goes on from there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from askattend.errors import AskAttendError, Interrupted
from askattend.experiment.search.trials import STATE, Trials
from askattend.experiment.teachers import TEACHERS
from askattend.features.unfinished import count_kept
from askattend.runs.run_folder import CONFIG, Run
from askattend.training.history import Progress, read_progress

FEATURES = "the features of images so far"


@contextmanager
def going_on_with(argv: list[str], kept: Callable[[], str]) -> Iterator[None]:
    """Say, where somebody presses Ctrl-C, what is kept and that `argv` goes on from there."""
    try:
        yield
    except Interrupted:
        raise
    except KeyboardInterrupt:
        raise Interrupted(kept(), argv) from None


def kept_images(store: Path) -> str:
    """Describe what an interrupted extraction leaves in a store."""
    count = count_kept(store)
    return f"{count:,} {'image' if count == 1 else 'images'} in {store}"


@contextmanager
def resumable_training(argv: list[str], out: Path) -> Iterator[None]:
    """Say, where somebody stops a training or a search, how far it came and what resumes it.

    Args:
        argv: the words after ``train``.
        out: the run folder.
    """
    try:
        yield
    except KeyboardInterrupt:
        if not (out / CONFIG).exists() and not (out / STATE).exists():
            # Not yet a run, so that --resume would be no more than the same command.
            raise Interrupted(f"{FEATURES}, no weights yet", ["train", *argv]) from None
        more = [] if "--resume" in argv else ["--resume"]
        raise Interrupted(describe_kept(out), ["train", *argv, *more]) from None


def describe_kept(out: Path) -> str:
    """Describe what an interrupted training, or search, leaves in its folder."""
    try:
        if not (out / CONFIG).exists():
            return f"{len(Trials.load(out).results):,} trials in {out / STATE}"
        return f"{_progress(Run.load(out))} in {out}"
    except AskAttendError:  # going on will tell what is wrong with it
        return str(out)


def _progress(run: Run) -> str:
    progress = read_progress(run)
    if not progress.history.epochs and progress.within is None:
        # Its teachers' folders are numbered, and their settings are the run's but for the seed.
        numbered = (each for each in (run.folder / TEACHERS).glob("*") if each.name.isdigit())
        teachers = sorted(numbered, key=lambda folder: int(folder.name))
        if teachers:
            of_last = read_progress(replace(run, folder=teachers[-1]))
            return f"{_steps(of_last)} of network {len(teachers)} of its teachers"
    return _steps(progress)


def _steps(progress: Progress) -> str:
    epochs, within = len(progress.history.epochs), progress.within
    done = f"{epochs:,} {'epoch' if epochs == 1 else 'epochs'}"
    return done if within is None else f"{done} and {within.step:,} steps of the next"
