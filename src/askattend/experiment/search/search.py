"""A search within a budget: candidates, the best of them, and a run of its settings."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from askattend.data.questions import digest_of_questions
from askattend.data.splits import Splits
from askattend.devices import pick_device
from askattend.environment.console import print_line
from askattend.errors import RunError
from askattend.experiment.attention import kept_attention, try_out, with_kept
from askattend.experiment.config import Config, config_from
from askattend.experiment.preparing import by_recipe, read_splits, with_full_paths
from askattend.experiment.search.budget import Budget, duration_text
from askattend.experiment.search.features import stores_for
from askattend.experiment.search.folds import folds_for
from askattend.experiment.search.halving import RECIPE, Halving, Rung, rungs_for
from askattend.experiment.search.moved import as_moved
from askattend.experiment.search.picture import search_png
from askattend.experiment.search.standings import (
    csv_bytes,
    live_standings,
    standings,
    standings_table,
)
from askattend.experiment.search.trainer import FoldTrainer
from askattend.experiment.search.trials import STATE, Trials
from askattend.experiment.train import alone_in, check_folder, train
from askattend.files import atomic_write, remove_tree
from askattend.runs.run_folder import ATTENTION, CONFIG, Run, read_config

OnTop = Callable[[Config[Any]], Config[Any]]


def search(
    config: Config[Any],
    out: Path,
    *,
    seconds: float,
    console: Console,
    also: Sequence[Config[Any]] = (),
    folds: int | None = None,
    resume: bool = False,
    on_top: OnTop | None = None,
    keep: OnTop | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Run:
    """Search for settings within a budget of time, and train a run with the best.

    The run is as any other; beside it stand search.csv, search.png and search.json, from which an
    interrupted search goes on. The test split is not looked at.

    Args:
        config: settings to start from, their recipe included: the first candidate.
        out: the run folder.
        seconds: the budget, features and the last training included.
        console: where notes and the table go.
        also: the same for further networks, on the same data.
        folds: to validate on; by default 3 by image below 2,000 questions, else the training's own
            splits.
        resume: go on where a search of this folder was interrupted; at most a trial is lost.
        on_top: puts on top of a recipe's settings what somebody asked for; see `train`.
        keep: puts on top of any settings what is to stay; by default the same.
        clock: tells the time in seconds.

    Raises:
        AskAttendError: whatever of data, features or settings does not fit; the budget is too
            small for one run, or nothing is held back to choose by.
    """
    out = out.absolute()
    _check_folder(out, resume=resume)
    if (out / CONFIG).exists():  # nothing but the last training is left to do
        begun = read_config(out)
        tables = as_moved(begun, begun, with_full_paths(config).tables())
        chosen = config_from(tables, str(tables["network"]), where=str(out / CONFIG))
        return train(chosen, out, resume=True, console=console)
    budget = Budget.start(seconds, before=_spent(out), clock=clock)
    starts = [with_full_paths(each) for each in (config, *also)]
    pick_device(config.train.device)
    splits = read_splits(starts[0], console)
    parts = folds_for(splits, folds)
    code = kept_attention(starts, out)
    recipes = [with_kept(code, by_recipe(s, out, splits, on_top, console)) for s in starts]
    _say(budget, splits, parts, console)
    work = out.with_name(f".{out.name}-search")
    stays = keep or on_top or (lambda settings: settings)
    with _working_in(work):
        if code is not None:
            atomic_write(work / ATTENTION, code.source.encode())
        for each in recipes:  # before the long work with images
            try_out(code if each.attention else None, each, console)
        trials = _trials(recipes, parts, budget, out)
        stores = stores_for(recipes, (splits, *parts), out.parent, budget, console)
        trials.began = trials.began or budget.spent
        rungs = rungs_for(len(parts))
        with live_standings(trials, rungs, console) as show:
            trainer = FoldTrainer(
                trials,
                parts,
                budget,
                questions=len(splits.train),
                out=out,
                work=work,
                keep=lambda drawn: with_kept(code, stays(drawn)),
                stores=stores,
                show=show,
            )
            winner = Halving(trainer, rungs, budget, trials.began).search()
    winner = held_against_recipe(trials, rungs[-1], winner)
    _report(trials, rungs, winner, budget, out, console)
    return train(trials.config(winner), out, console=console)


def _check_folder(out: Path, *, resume: bool) -> None:
    check_folder(out, resume=resume)
    if resume and (out / CONFIG).exists() and not (out / STATE).exists():
        raise RunError(
            "holds a run, not a search",
            where=out,
            remedy="Leave out --search to go on with the run, or choose another --out.",
        )
    if (out / STATE).exists() and not resume:
        raise RunError(
            "holds a search already", where=out, remedy="Add --resume, or choose another --out."
        )


def _spent(out: Path) -> float:
    return Trials.load(out).spent if (out / STATE).exists() else 0.0


def _say(budget: Budget, splits: Splits, parts: Sequence[Splits], console: Console) -> None:
    where = "the validation split"
    if len(parts) > 1:
        count = len(parts[0].train) + len(parts[0].valid)
        where = f"{len(parts)} folds by image of {count:,} questions"
    print_line(
        console,
        f"search: {duration_text(budget.left)}, validated on {where}; the last training is on "
        f"{len(splits.train):,} questions",
    )


def _trials(
    recipes: Sequence[Config[Any]], parts: Sequence[Splits], budget: Budget, out: Path
) -> Trials:
    """Begin, or go on with what was tried.

    Raises:
        RunError: the search that was interrupted started from other settings.
    """
    tables = [recipe.tables() for recipe in recipes]
    asked = digest_of_questions(
        *(questions for part in parts for questions in (part.train, part.valid))
    )
    if not (out / STATE).exists():
        origins = list(range(len(tables)))
        return Trials(budget.seconds, len(parts), tables, origins=origins, questions=asked)
    trials = Trials.load(out)
    if trials.starts == len(tables):
        starts = trials.candidates[: trials.starts]
        trials.candidates = [
            as_moved(each, starts[origin], tables[origin])
            for each, origin in zip(trials.candidates, trials.origins, strict=True)
        ]
    begun = trials.candidates[: trials.starts], trials.folds, trials.questions
    if begun != (tables, len(parts), asked):
        raise RunError(
            "cannot go on: the search was begun with other data or settings",
            where=out / STATE,
            remedy="Resume with the same options, or choose another --out.",
        )
    trials.extend(budget.seconds)
    return trials


@contextmanager
def _working_in(work: Path) -> Iterator[None]:
    """Keep a second search out, and leave nothing of the trials' folder."""
    with alone_in(work):
        try:
            yield
        finally:
            remove_tree(work)


def held_against_recipe(trials: Trials, top: Rung, winner: int) -> int:
    """Return the recipe where the winner is no better on the folds of the top rung that both have.

    The time may end before the winner has all of them: what there is counts all the same.
    """
    ours, recipe = (
        {r.fold: r.accuracy for r in trials.on(candidate, top) if r.accuracy is not None}
        for candidate in (winner, RECIPE)
    )
    both = ours.keys() & recipe.keys()
    better = sum(ours[fold] for fold in both) > sum(recipe[fold] for fold in both)
    return winner if better or not both else RECIPE


def _report(
    trials: Trials,
    rungs: Sequence[Rung],
    winner: int,
    budget: Budget,
    out: Path,
    console: Console,
) -> None:
    """Write table and picture, and say what was chosen."""
    atomic_write(out / "search.csv", csv_bytes(trials, rungs))
    atomic_write(out / "search.png", search_png(trials, rungs, winner))
    found = standings(trials, rungs)
    partly = "" if all(s.complete for s in found) else "…: not on all folds of the rung"
    console.print(standings_table(trials, rungs, partly))
    tried = len({s.candidate for s in found})
    line = f"chosen of {tried} candidates in {duration_text(budget.spent)}: {winner}"
    reached = {s.rung: s for s in reversed(found) if s.candidate == winner and s.complete}
    of_recipe = {s.rung: s for s in found if s.candidate == RECIPE and s.complete}
    top = max(reached.keys() & of_recipe.keys(), default=None)
    if winner == RECIPE:
        line += f" ({trials.changes(winner)}), as nothing tried beat it"
    elif top is not None:
        ours, recipe = reached[top].accuracy, of_recipe[top].accuracy
        line += f" ({trials.changes(winner)}), {ours:.2%} beside the recipe's {recipe:.2%}"
    print_line(console, line)
    if tried == 1:
        print_line(console, "note: the budget was too little to compare the recipe with anything")
