"""Runs whose training has not ended, which is told whoever uses them; nothing slow is imported."""

from __future__ import annotations

from askattend.runs.run_folder import Run
from askattend.runs.unfinished import going_on
from askattend.training.history import read_progress
from askattend.training.summary import read_summary


def stopped_note(run: Run) -> tuple[str, ...]:
    """Make a note on a run whose training has not come to its end; nothing of any other.

    Raises:
        RunError: its last weights are unreadable.
    """
    table = run.config.get("train", {})
    epochs, patience = table.get("epochs", 0), table.get("patience", 0)
    ended = read_summary(run.folder)
    # Of most runs this tells enough; the last weights are large, and read as a whole to be checked.
    if not epochs or (ended is not None and (ended.epochs >= epochs or patience)):
        return ()
    if run.progress_state() is None:
        return ()
    history = read_progress(run).history
    if history.finished(epochs=epochs, patience=patience):
        return ()
    how_far = f"{len(history.epochs):,} of {epochs:,} epochs"
    command = going_on(run.folder, run.config.get("network"))
    return (f"its training has not ended ({how_far}). If it was stopped, go on with: {command}",)
