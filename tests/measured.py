"""Evaluations of runs as they lie in their folders, without the work of evaluating."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from accepted import accept_evaluation


def write_evaluation(run: Path, name: str = "test", /, **changes: Any) -> None:
    """Write the figures of an evaluation of a run: 40 questions, 9 in 10 right, one floor.

    Args:
        run: the run folder.
        name: of the evaluation, and of its split unless `changes` name another.
        changes: what of the figures is to be otherwise.
    """
    from askattend.environment.origin import mark_of  # once the hook is installed
    from askattend.evaluation.evaluate import Metrics
    from askattend.metrics.floor_comparison import FloorComparison
    from askattend.settings import read_toml

    floor = FloorComparison("first words", 0.5, (0.4, 0.6), 0.4, (0.3, 0.5), beaten=True)
    figures: dict[str, Any] = {
        "source": "table:/somebody/squares.csv",
        **{"split": name, "questions": 40, "metric": "exact match"},
        **{"accuracy": 0.9, "interval": (0.8, 0.96), "floors": {"prefix": floor}},
        "run": mark_of(run, read_toml(run / "config.toml")),
    }
    folder = run / "evaluations" / name
    folder.mkdir(parents=True)
    metrics = Metrics(**figures | changes)
    (folder / "metrics.json").write_bytes(msgspec.json.encode(metrics.flat()))
    accept_evaluation(folder)
