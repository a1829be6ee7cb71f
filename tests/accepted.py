"""Files of a run changed on purpose: a test's own, which looks beyond the manifest."""

from __future__ import annotations

from pathlib import Path


def accept_run(folder: Path) -> None:
    """Take a run's files for what they are to be, as ``askattend verify RUN --accept`` does."""
    from askattend.files.writing import accept  # once the hook is installed
    from askattend.runs.run_folder import RUN_FILES

    accept(folder, RUN_FILES)


def accept_evaluation(folder: Path) -> None:
    """Take an evaluation's files for what they are to be."""
    from askattend.files.writing import accept  # once the hook is installed
    from askattend.scoring.evaluation_folders import EVALUATION_FILES

    accept(folder, EVALUATION_FILES)
