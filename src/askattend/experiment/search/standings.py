"""How candidates stand: a row for each rung that one was measured on, as table and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from askattend.environment.console import print_line
from askattend.experiment.search.budget import duration_text
from askattend.experiment.search.halving import Rung
from askattend.experiment.search.space import searched, setting
from askattend.experiment.search.trials import Result, Trials

MOST_ROWS = 12


@dataclass(frozen=True)
class Standing:
    """A candidate on a rung.

    Attributes:
        candidate: its number; 0 is the recipe.
        rung: from 0, the lowest.
        accuracies: a fold each, from 0 to 1.
        loss: mean over the folds.
        seconds: spent on it here.
        at: seconds of the budget that were spent when it was done.
        complete: on all folds of the rung.
    """

    candidate: int
    rung: int
    accuracies: tuple[float, ...]
    loss: float
    seconds: float
    at: float
    complete: bool

    @property
    def accuracy(self) -> float:
        """The mean over the folds."""
        return fmean(self.accuracies)


def standings(trials: Trials, rungs: Sequence[Rung]) -> list[Standing]:
    """List every candidate on every rung that it was measured on: the top rung first, the best
    first.
    """
    found = [
        _standing(candidate, number, rung, results)
        for candidate in range(len(trials.candidates))
        for number, rung in enumerate(rungs)
        if (results := trials.on(candidate, rung))
        # One fold is what the rung below asked for: the next begins with the second.
        and not 1 == len(results) < rung.folds
    ]
    return sorted(found, key=lambda s: (-s.rung, not s.complete, -s.accuracy, s.loss))


def _standing(candidate: int, number: int, rung: Rung, results: Sequence[Result]) -> Standing:
    return Standing(
        candidate,
        number,
        tuple(r.accuracy for r in results if r.accuracy is not None),
        fmean(r.loss for r in results if r.loss is not None),
        sum(r.seconds for r in results),
        max(r.at for r in results),
        len(results) == rung.folds,
    )


def csv_bytes(trials: Trials, rungs: Sequence[Rung]) -> bytes:
    """Write every trial with all settings that were searched; one given up has no accuracy."""
    settings = [*dict.fromkeys(at for k in _all(trials) for at in searched(trials.config(k)))]
    folds = [f"fold_{fold + 1}" for fold in range(trials.folds)]
    names = ["candidate", "network", "changes", "rung", "epochs_trained", "accuracy", *folds]
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*names, "seconds", "given_up", *(name for _, name in settings)])
    for s in standings(trials, rungs):
        accuracies = [f"{a:.6f}" for a in s.accuracies] + [""] * (len(folds) - len(s.accuracies))
        epochs = trials.epochs(s.candidate, rungs[s.rung])
        scores = [s.rung + 1, epochs, f"{s.accuracy:.6f}", *accuracies, f"{s.seconds:.1f}", ""]
        table.writerow([*_named(trials, s.candidate), *scores, *_values(trials, s, settings)])
    for r in (r for r in trials.results if r.accuracy is None):
        scores = ["", r.epochs, "", *[""] * len(folds), f"{r.seconds:.1f}", r.why]
        table.writerow([*_named(trials, r.candidate), *scores, *_values(trials, r, settings)])
    return text.getvalue().encode()


def _all(trials: Trials) -> range:
    return range(len(trials.candidates))


def _named(trials: Trials, candidate: int) -> list[Any]:
    return [candidate, trials.candidates[candidate]["network"], trials.changes(candidate)]


def _values(
    trials: Trials, of: Standing | Result, settings: Sequence[tuple[str, str]]
) -> list[Any]:
    config = trials.config(of.candidate)
    return [setting(config, section, name) for section, name in settings]


def standings_table(trials: Trials, rungs: Sequence[Rung], caption: str = "") -> Table:
    """Make a table of the best candidates, each on the highest rung that it has reached."""
    table = Table(caption=caption or None, caption_justify="left", title_justify="left")
    for name in ("", "network", "differs in", *(f"rung {n + 1}" for n in range(len(rungs)))):
        table.add_column(name, justify="right" if name[:4] in ("", "rung") else "left")
    by_candidate: dict[int, dict[int, Standing]] = {}
    for s in standings(trials, rungs):
        by_candidate.setdefault(s.candidate, {})[s.rung] = s
    for candidate, reached in list(by_candidate.items())[:MOST_ROWS]:
        cells = [_cell(reached.get(number)) for number in range(len(rungs))]
        number, network, changes = map(str, _named(trials, candidate))
        table.add_row(number, network, changes, *cells, style="bold" if candidate == 0 else None)
    return table


def _cell(standing: Standing | None) -> str:
    if standing is None:
        return ""
    return f"{standing.accuracy:.1%}" + ("" if standing.complete else " …")


@contextmanager
def live_standings(trials: Trials, rungs: Sequence[Rung], console: Console) -> Iterator[Any]:
    """Show a table that follows the trials; where nobody would see it move, a line a trial.

    Yields:
        what is called with a line on the trial at work, or with the result of one.
    """

    def line(text: str, result: Result | None) -> None:
        if result is not None:
            print_line(console, _line(trials, result))

    if not console.is_interactive:
        yield line
        return
    at_work = ""

    def follow(text: str, result: Result | None) -> None:
        nonlocal at_work
        at_work = text

    def table() -> Table:
        return standings_table(trials, rungs, at_work)

    with Live(get_renderable=table, console=console, refresh_per_second=1, transient=True):
        yield follow


def _line(trials: Trials, result: Result) -> str:
    score = f"given up ({result.why})" if result.accuracy is None else f"{result.accuracy:7.2%}"
    return (
        f"trial {result.candidate:>3}  {score}  fold {result.fold + 1}  {result.epochs} epochs  "
        f"{duration_text(result.seconds)}  {trials.changes(result.candidate)}"
    )
