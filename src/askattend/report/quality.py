"""The quality of a run in a few figures, as a page tells it beside the answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from askattend.data.splits import USUAL_SPLITS
from askattend.environment.packing import run_folder
from askattend.environment.verbosity import print_details
from askattend.errors import RunError
from askattend.evaluation.evaluate import Metrics, read_metrics
from askattend.report.details import portable
from askattend.scoring.evaluated_runs import known_evaluations
from askattend.scoring.evaluation_folders import own_source, require_own_evaluation
from askattend.scoring.results import METRICS
from askattend.training.summary import TrainingSummary, read_summary

Interval = tuple[float, float]
# The first that was measured is told.
_ORDER = tuple(reversed(USUAL_SPLITS))


class FloorQuality(msgspec.Struct, frozen=True):
    """Accuracy of a floor, and its interval where that is known; 0 to 1."""

    name: str
    accuracy: float
    interval: Interval | None = None


class Quality(msgspec.Struct, frozen=True):
    """Accuracy of a run on a split, beside its floors there.

    Attributes:
        data: the questions, without the folders that they lie in.
        split: which of them.
        questions: how many.
        metric: what counts as right.
        accuracy: of the run, 0 to 1.
        interval: of that, 95 %, by images; None where only the training measured it.
        floors: what guessing reaches without the network.
    """

    data: str
    split: str
    questions: int
    metric: str
    accuracy: float
    interval: Interval | None
    floors: tuple[FloorQuality, ...]


def quality_of(run: Path) -> Quality | None:
    """Find a run's figures: of its test split, or else of what it was evaluated on.

    A run that was never evaluated has those on the validation questions of its training; one that
    was trained elsewhere has none. An evaluation that cannot be read, or is another run's, is
    passed over: a page is no worse than without it.

    Args:
        run: a run folder, a packed run, or a name such as ``"demo"``.
    """
    folder = run_folder(run)
    for metrics in _evaluations(run, folder):
        if (found := _of_evaluation(metrics)) is not None:
            return found
    summary = read_summary(folder)
    return None if summary is None else _of_training(summary, own_source(folder))


def _evaluations(run: Path, folder: Path) -> Iterator[Metrics]:
    """Yield the figures of every evaluation, those on the run's own data first."""
    places = known_evaluations(run)
    rank = {name: number for number, name in enumerate(_ORDER)}
    for place in sorted(places, key=lambda place: (rank.get(place.name, len(rank)), place.name)):
        try:
            metrics = read_metrics(place / METRICS)
            require_own_evaluation(folder, place, metrics.run)
        except RunError as error:
            print_details(f"not told on the page: {error}")
        else:
            yield metrics


def _of_evaluation(metrics: Metrics) -> Quality | None:
    """Return the figures of an evaluation; None where the split has no answers."""
    if metrics.accuracy is None or metrics.metric is None:
        return None
    floors = (metrics.floors or {}).values()
    return Quality(
        portable(metrics.source),
        metrics.split,
        metrics.questions,
        metrics.metric,
        metrics.accuracy,
        metrics.interval,
        tuple(FloorQuality(floor.name, floor.accuracy, floor.interval) for floor in floors),
    )


def _of_training(summary: TrainingSummary, source: str) -> Quality:
    floors = msgspec.convert(list(summary.floors.values()), tuple[FloorQuality, ...])
    return Quality(
        portable(source),
        "valid",
        summary.data.valid.questions,
        summary.metric,
        summary.valid_accuracy,
        None,
        floors,
    )
