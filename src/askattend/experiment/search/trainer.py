"""Training candidates on folds, and how long that takes."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from rich.console import Console

from askattend.data.splits import Splits
from askattend.errors import ConfigError, RunError
from askattend.experiment.config import Config
from askattend.experiment.preparing import batches_for, prepare
from askattend.experiment.search.budget import Budget, duration_text
from askattend.experiment.search.halving import RECIPE, Rung
from askattend.experiment.search.space import FINER, vary
from askattend.experiment.search.trials import TOO_SLOW, Result, Trials
from askattend.features.extraction import ExtractConfig
from askattend.training.history import Epoch, TrainingHistory
from askattend.training.loop import fit

# Drawn so often in a row without anything new, there is nothing new.
MOST_DRAWS = 100
# Other processes make one epoch slower than the next: no candidate is given up before so many.
SURE = 3
TOLERANCE = 1.1


class _TooSlow(Exception):
    """A trial that would take too long."""


@dataclass(frozen=True)
class FoldTrainer:
    """Trains candidates, each in the same folder, which is nothing but a place to work.

    Attributes:
        trials: what is known; grows, and is saved after each trial.
        folds: questions to train and to validate on.
        budget: of the whole search.
        questions: that the last training learns from.
        out: where the trials are saved.
        work: the folder to train in, beside `out`.
        keep: puts on top of settings what the user asked for, so that it stays.
        stores: settings of an extraction → the store that holds what it makes of all images.
        show: called as trials go on: a line on the one at work, and its result once it is done.
    """

    trials: Trials
    folds: Sequence[Splits]
    budget: Budget
    questions: int
    out: Path
    work: Path
    keep: Callable[[Config[Any]], Config[Any]]
    stores: Mapping[ExtractConfig, Path]
    show: Callable[[str, Result | None], None] = lambda line, result: None

    def candidates(self) -> Iterator[int]:
        """Yield the starts, then what was drawn from them in turn."""
        yield from range(len(self.trials.candidates))
        while self._draw():
            yield len(self.trials.candidates) - 1

    def known(self, candidate: int, rung: Rung) -> int:
        """Count the folds, from the first on, that a candidate was measured on."""
        return len(self.trials.on(candidate, rung))

    def merit(self, candidate: int, rung: Rung) -> tuple[float, float]:
        """Return the mean accuracy over a rung's folds, and the negative mean loss."""
        results = self.trials.on(candidate, rung)
        accuracy = fmean(r.accuracy for r in results if r.accuracy is not None)
        return accuracy, -fmean(r.loss for r in results if r.loss is not None)

    def expected(self, candidate: int, rung: Rung) -> float:
        """Estimate from an epoch's time, the candidate's own or the recipe's."""
        if self.trials.given_up(candidate):
            return math.inf
        return self._epoch_seconds(candidate) * self.trials.epochs(candidate, rung)

    def final(self, candidate: int) -> float:
        """Estimate from an epoch's time, as many questions longer as the last training has more."""
        return self._epoch_seconds(candidate) * self._last_epochs(candidate)

    def measure(self, candidate: int, rung: Rung, fold: int, seconds: float) -> bool:
        """Train on a fold, and save what it came to.

        Raises:
            ConfigError: not even the recipe can be trained within the budget.
            RunError: the recipe's loss is not finite; another candidate is given up for that.
        """
        began, history, why = self.budget.spent, TrainingHistory(), ""

        def after_epoch(now: TrainingHistory) -> None:
            nonlocal history
            history = now
            self._watch(candidate, rung, fold, history, self.budget.spent - began, seconds)

        try:
            self._fit(candidate, self.trials.epochs(candidate, rung), fold, after_epoch)
        except _TooSlow as error:
            why = str(error)
        except (RunError, torch.cuda.OutOfMemoryError) as error:
            if candidate == RECIPE:
                raise
            why = str(error)
        self._note(candidate, rung, fold, history, began, why)
        return not why

    def _draw(self) -> bool:
        """Add a candidate that is not there yet; False where there is none."""
        trials = self.trials
        for _ in range(MOST_DRAWS):
            origin = trials.drawn % trials.starts
            start = trials.config(origin)
            finer = replace(start.extract, strides=FINER) in self.stores
            drawn = vary(start, seed=f"{start.train.seed} {trials.drawn}", finer=finer)
            trials.drawn += 1
            tables = replace(self.keep(drawn), recipe=start.recipe).tables()
            if tables not in trials.candidates:
                trials.candidates.append(tables)
                trials.origins.append(origin)
                return True
        return False

    def _fit(
        self, candidate: int, epochs: int, fold: int, after: Callable[[TrainingHistory], None]
    ) -> None:
        config, splits = self.trials.config(candidate), self.folds[fold]
        store = config.features or self.stores.get(config.extract)  # no backbone to be loaded
        config = replace(config, train=replace(config.train, epochs=epochs), features=store)
        quiet = Console(quiet=True, file=io.StringIO(), force_interactive=False)
        run, features = prepare(config, self.work, splits, quiet)
        run.save()
        learnt, held_back = batches_for(run, features, splits, config)
        fit(run, learnt, held_back, config.train, console=quiet, after_epoch=after)

    def _watch(
        self,
        candidate: int,
        rung: Rung,
        fold: int,
        history: TrainingHistory,
        elapsed: float,
        seconds: float,
    ) -> None:
        """Show how a trial goes on; end it where it would take too long."""
        done, epochs = len(history.epochs), self.trials.epochs(candidate, rung)
        self.show(f"{candidate}: fold {fold + 1}, epoch {done} of {epochs}", None)
        if candidate == RECIPE and not self.trials.results:
            self._require_time(history.epochs)
            return
        left = epochs - done
        estimate = elapsed + (_mean_seconds(history.epochs) * left if done >= SURE else 0.0)
        if left and estimate > seconds * TOLERANCE:
            raise _TooSlow(TOO_SLOW)

    def _require_time(self, epochs: Sequence[Epoch]) -> None:
        """Refuse a budget in which not even the recipe can be trained.

        Raises:
            ConfigError: says how long that takes.
        """
        needed = _mean_seconds(epochs) * self._last_epochs(RECIPE)
        # The first epoch is slower than others: alone, it must be far from fitting.
        if needed > self.budget.left * (TOLERANCE if len(epochs) > 1 else 3):
            whole = duration_text(self.budget.spent + needed)
            raise ConfigError(
                f"too little for a single run, which takes {whole} with all that goes before it",
                where=f"--search {duration_text(self.budget.seconds)}",
                remedy="Give at least five times as much, or train without --search.",
            )

    def _note(
        self,
        candidate: int,
        rung: Rung,
        fold: int,
        history: TrainingHistory,
        began: float,
        why: str,
    ) -> None:
        best, spent = (None if why else history.best), self.budget.spent
        result = Result(
            candidate=candidate,
            fold=fold,
            epochs=self.trials.epochs(candidate, rung),
            accuracy=None if best is None else best.valid_accuracy,
            loss=None if best is None else best.valid_loss,
            epoch_seconds=_mean_seconds(history.epochs),
            seconds=spent - began,
            at=spent,
            why=why,
        )
        self.trials.results.append(result)
        self.trials.spent = spent
        self.trials.save(self.out)
        self.show("", result)

    def _last_epochs(self, candidate: int) -> float:
        """Count the epochs of the last training, in those of a fold, which may have fewer steps."""
        train = self.trials.candidates[candidate]["train"]
        last, fold = (
            max(math.ceil(count / train["batch_size"]), train["min_steps"])
            for count in (self.questions, len(self.folds[0].train))
        )
        config = self.trials.config(candidate)
        networks = config.seeds if config.seeds > 1 else 0
        # Where there are teachers, what they alone answer is learnt, too.
        own = 1 + (train["distil_crossed"] if networks or train["distil_floor"] else 0)
        return float(train["epochs"] * last / fold * (networks + own))

    def _epoch_seconds(self, candidate: int) -> float:
        """Compute the time of an epoch from what was measured last; 0 before anything was."""
        for number in (candidate, RECIPE):
            times = [r.epoch_seconds for r in self.trials.results if r.candidate == number]
            if times := [time for time in times if time > 0]:
                return fmean(times[-2:])
        return 0.0


def _mean_seconds(epochs: Sequence[Epoch]) -> float:
    return fmean(epoch.seconds for epoch in epochs) if epochs else 0.0
