"""Memory of a search: all that it has tried, in a file from which an interrupted one goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from askattend.environment.home import expanded, shortened
from askattend.errors import RunError
from askattend.experiment.config import Config, config_from
from askattend.experiment.search.halving import Rung
from askattend.experiment.search.space import differences
from askattend.files import atomic_write
from askattend.files.manifest import decode_unchanged
from askattend.runs.run_folder import begin_run
from askattend.runs.unfinished import SEARCH

STATE = SEARCH
TOO_SLOW = "would take too long"


class Result(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A candidate, trained on one fold.

    Attributes:
        candidate: its number.
        fold: on which it was validated.
        epochs: that it was to be trained for.
        accuracy: the best epoch's on validation, from 0 to 1; None if it was given up.
        loss: the same epoch's.
        epoch_seconds: mean time of an epoch.
        seconds: in all.
        at: seconds of the budget that were spent when it was done.
        why: the reason for which it was given up.
    """

    candidate: int
    fold: int
    epochs: int
    accuracy: float | None
    loss: float | None
    epoch_seconds: float
    seconds: float
    at: float
    why: str = ""


class Trials(msgspec.Struct, forbid_unknown_fields=True):
    """All that a search has to remember.

    Attributes:
        budget: in seconds.
        folds: that there are.
        candidates: their settings, as TOML tables. The first are those that it starts from: a
            recipe, or that of each of several networks.
        origins: the candidate that each was drawn from; the first ones' own number.
        drawn: how often settings were drawn, those that were there already included.
        results: in order.
        began: seconds of the budget that were spent before the first candidate.
        spent: seconds of the budget.
        questions: digest of the questions that they were tried on, and validated.
    """

    budget: float
    folds: int
    candidates: list[dict[str, Any]]
    origins: list[int]
    drawn: int = 0
    results: list[Result] = []
    began: float = 0.0
    spent: float = 0.0
    questions: str = ""

    def config(self, candidate: int) -> Config[Any]:
        """Make the settings of a candidate."""
        return _config(self.candidates[candidate])

    @property
    def starts(self) -> int:
        """Number of candidates that were there before any was drawn."""
        return max(self.origins) + 1

    def changes(self, candidate: int) -> str:
        """Describe what differs from the settings that a candidate was drawn from."""
        origin = self.origins[candidate]
        if candidate == origin:
            several = self.starts > 1
            return f"recipe of {self.candidates[candidate]['network']}" if several else "recipe"
        return differences(self.config(candidate), self.config(origin))

    def epochs(self, candidate: int, rung: Rung) -> int:
        """Compute a candidate's epochs on a rung."""
        epochs: int = self.candidates[candidate]["train"]["epochs"]
        return max(round(epochs * rung.share), 1)

    def on(self, candidate: int, rung: Rung) -> list[Result]:
        """List a candidate's results with the effort of a rung, from the first fold on."""
        epochs = self.epochs(candidate, rung)
        by_fold = {
            r.fold: r
            for r in self.results
            if (r.candidate, r.epochs) == (candidate, epochs) and r.accuracy is not None
        }
        return [by_fold[fold] for fold in range(rung.folds) if fold in by_fold]

    def given_up(self, candidate: int) -> bool:
        """Return True for a candidate that is not to be tried again."""
        return any(r.accuracy is None for r in self.results if r.candidate == candidate)

    def extend(self, seconds: float) -> None:
        """Take another budget; what took too long for a smaller one may be tried again."""
        if seconds > self.budget:
            self.results = [result for result in self.results if result.why != TOO_SLOW]
        self.budget = seconds

    def save(self, folder: Path) -> None:
        """Write all of it."""
        begin_run(folder)
        told = msgspec.structs.replace(self, candidates=shortened(self.candidates))
        atomic_write(folder / STATE, msgspec.json.format(msgspec.json.encode(told)))

    @classmethod
    def load(cls, folder: Path) -> Trials:
        """Read what an interrupted search has tried.

        Raises:
            RunError: the file is unreadable.
        """
        file = folder / STATE
        told: Trials = decode_unchanged(file, cls, RunError, remedy="Delete it to search anew.")
        return msgspec.structs.replace(told, candidates=expanded(told.candidates))


def _config(tables: dict[str, Any]) -> Config[Any]:
    return config_from(tables, str(tables["network"]), where=STATE)
