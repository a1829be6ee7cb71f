"""The page that lists all evaluations of a run, and the check that none replaces another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from askattend.data.readers.registry import absolute_source
from askattend.environment.home import expanded
from askattend.errors import ConfigError, RunError
from askattend.evaluation.evaluate import Metrics, read_metrics
from askattend.files import atomic_write
from askattend.files.manifest import find_change
from askattend.models import network_named
from askattend.report.page import environment
from askattend.runs.run_folder import Run
from askattend.scoring.evaluation_folders import (
    REPORT,
    evaluations_home,
    evaluations_of,
    require_own_evaluation,
    source_name,
)
from askattend.scoring.results import METRICS


@dataclass(frozen=True)
class Entry:
    """An evaluation of the list.

    Attributes:
        metrics: its figures.
        name: of its data set.
        link: to its page, from the list.
        floor: accuracy of the strongest floor, if there is one.
    """

    metrics: Metrics
    name: str
    link: str
    floor: float | None


def write_index(run: Path, *, network: str | None = None) -> None:
    """Write a list of a run's evaluations with links to their pages; see `index_of`.

    Args:
        run: the run folder, or a packed run; or what else was evaluated.
        network: the name of what answered; by default that of the run's network.

    Raises:
        RunError: the metrics of one are unreadable.
        OSError: it cannot be written.
    """
    network = network or network_named(Run.load(run).config["network"]).name.upper()
    entries = [_entry(run, folder) for folder in evaluations_of(run)]
    page = (
        environment()
        .get_template("index.html")
        .render(title=f"Evaluations of {run.resolve().name}", network=network, entries=entries)
    )
    # A lone surrogate, which a path may hold, has no place in UTF-8.
    atomic_write(index_of(run), page.encode("utf-8", errors="replace"))


def index_of(run: Path) -> Path:
    """Name the list of a run's evaluations: ``RUN/report.html``; of a pack, in their folder."""
    home = evaluations_home(run)
    return (run if home.is_relative_to(run) else home) / REPORT


def check_holder(folder: Path, source: str, split: str, mark: str) -> None:
    """Refuse a folder that holds another data set's or run's evaluation, or anything but one.

    Args:
        folder: where an evaluation is to go.
        source: of its questions.
        split: of them.
        mark: of the run, see `mark_of`.

    Raises:
        ConfigError: files of the folder would be lost.
    """
    file, remedy = folder / METRICS, "Name another folder with --out, or remove this one."
    if not file.exists():
        if (folder / REPORT).exists():  # an evaluation's is written after its metrics
            problem = f"holds a {REPORT}, and no evaluation that it is of"
            raise ConfigError(problem, where=folder, remedy=remedy)
        return
    try:
        metrics = read_metrics(file)
    except RunError:
        change = find_change(file)
        problem = "is no evaluation's" if change is None else change.problem
        raise ConfigError(f"its {METRICS} {problem}", where=folder, remedy=remedy) from None
    same = absolute_source(expanded(metrics.source)) == absolute_source(source)
    if not same or metrics.split != split:
        problem = f"holds the evaluation of {metrics.source}, {metrics.split}"
        raise ConfigError(problem, where=folder, remedy=remedy)
    if metrics.run != mark:
        raise ConfigError("holds another run's evaluation", where=folder, remedy=remedy)


def _entry(run: Path, folder: Path) -> Entry:
    metrics = read_metrics(folder / METRICS)
    require_own_evaluation(run, folder, metrics.run)
    floors = [floor.accuracy for floor in (metrics.floors or {}).values()]
    link = quote((folder / REPORT).relative_to(index_of(run).parent).as_posix())
    return Entry(metrics, source_name(metrics.source), link, max(floors, default=None))
