"""Evaluations that runs have, to be compared; and what to do where one lacks its own."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from askattend.data.readers.registry import read_source
from askattend.data.splits import canonical_split
from askattend.environment.hub import DEMO, is_model_folder, is_named
from askattend.environment.packing import is_packed, run_folder
from askattend.errors import AskAttendError, RunError, name_few
from askattend.scoring.evaluation_folders import (
    EVALUATIONS,
    evaluation_folder,
    evaluations_home,
    evaluations_of,
    is_own_data,
    own_source,
)
from askattend.scoring.results import METRICS, PREDICTIONS


def find_evaluation(run: Path, split: str | None, data: str | None = None) -> Path:
    """Find the folder of a run's evaluation.

    Args:
        run: the run folder, a packed run, or an evaluation's own folder.
        split: by default test, or else the only one that the run was evaluated on.
        data: the question source; where the run was not evaluated on it by that name, the
            evaluation on its own data is found.

    Raises:
        RunError: there is none; names those that there are, and what helps.
    """
    found = _locate(run, split, data)
    if found is None:
        raise _Missing((run,), split, data).error((run,))
    return found


def require_evaluations(paths: Sequence[Path], split: str | None, data: str | None = None) -> None:
    """Make sure that all runs among some paths have an evaluation; see `find_evaluation`.

    Raises:
        RunError: some have none; names all of these, and what helps all.
    """
    runs = _runs_among(paths)
    if missing := [run for run in runs if _locate(run, split, data) is None]:
        raise _Missing(runs, split, data).error(missing)


def how_to_share(paths: Sequence[Path], data: str | None = None) -> str:
    """Tell how runs that were found on different splits can be compared on the same one."""
    runs = _runs_among(paths)
    if len(runs) < len({*paths}):  # a file answers one split alone
        return "Evaluate both on the same questions."
    return _Missing(runs, None, data).remedy(())


def _runs_among(paths: Sequence[Path]) -> tuple[Path, ...]:
    """Leave out files of results, and what is not there: others tell; name each run once."""
    return tuple(dict.fromkeys(path for path in paths if is_run(path)))


def is_run(path: Path) -> bool:
    """Tell a run, or a model evaluated as one, from a results file and what is not there."""
    return path.is_dir() or is_packed(path) or is_named(path)


def _locate(run: Path, split: str | None, data: str | None) -> Path | None:
    if split is None and _is_evaluation(run):
        return run
    wanted = canonical_split(split or "test")
    if _is_evaluation(run) and run.name == wanted:
        return run
    # What a pack was evaluated on before it was packed lies in it.
    inside = _inside(run)
    names = [evaluation_folder(run, wanted, data), evaluation_folder(run, wanted)]
    for folder in (*names, *(inside / folder.name for folder in names)):
        if (folder / METRICS).is_file():
            return folder
    others = known_evaluations(run)
    if is_named(run) or is_model_folder(run):  # of a model, no data set is its own
        others = [each for each in others if each.name.endswith(f"-{wanted}")] or others
        split = None if all(each.name.endswith(f"-{wanted}") for each in others) else split
    return others[0] if split is None and len(others) == 1 else None


def _inside(run: Path) -> Path:
    """Name the folder of evaluations within a run; those of the hub's lie here alone."""
    is_of_the_hub = is_named(run) and run.as_posix() != DEMO
    return evaluations_home(run) if is_of_the_hub else run_folder(run) / EVALUATIONS


def _is_evaluation(folder: Path) -> bool:
    return (folder / METRICS).is_file() and (folder / PREDICTIONS).is_file()


def known_evaluations(run: Path) -> list[Path]:
    """List a run's evaluations, packed ones too; an evaluation's own folder is its only one."""
    if _is_evaluation(run):
        return [run]
    inside = _inside(run).glob(f"*/{METRICS}")
    return sorted({*evaluations_of(run), *(file.parent for file in inside)})


@dataclass(frozen=True)
class _Missing:
    """Runs that are to be compared on a split, which some were not evaluated on.

    Attributes:
        runs: all of them.
        split: as it was asked for.
        data: the question source to compare them on; by default each run's own.
    """

    runs: tuple[Path, ...]
    split: str | None
    data: str | None

    @property
    def wanted(self) -> str:
        return canonical_split(self.split or "test")

    def error(self, missing: Sequence[Path]) -> RunError:
        return RunError(
            f"not evaluated on '{self.wanted}' yet",
            where=", ".join(map(str, missing)),
            remedy=self.remedy(missing),
        )

    def remedy(self, missing: Sequence[Path]) -> str:
        """Name what there is, and what can work: a split that all share, or commands for one."""
        shared = [split for split in self._others() if not self._without(split)]
        there_are = [] if shared and len(missing) > 1 else self._there_are(missing)
        parts = [*there_are, *self._lacking(missing)]
        commands = self._commands(self.wanted)
        if shared:
            whose = "all were" if len(self.runs) > 1 else "it was"
            parts.append(f"Add --split {shlex.quote(shared[0])}: {whose} evaluated on it.")
            return " ".join([*parts, *([f"Or run: {commands}"] if commands else [])])
        for split in (self.wanted, *self._others()):
            if commands := self._commands(split):
                then = "" if split == self.wanted else f", then add --split {shlex.quote(split)}"
                return " ".join([*parts, f"Run: {commands}{then}"])
        return " ".join([*parts, "No split is common to all: evaluate them on the same --data."])

    def _there_are(self, missing: Sequence[Path]) -> list[str]:
        names = {run: name_few(each.name for each in known_evaluations(run)) for run in missing}
        one = len(missing) == 1
        return [f"{'It' if one else run} was on: {name}." for run, name in names.items() if name]

    def _lacking(self, missing: Sequence[Path]) -> list[str]:
        runs = [run for run in self._without(self.wanted) if not _is_evaluation(run)]
        without = [run for run in runs if not self._can_have(run, self.wanted)]
        if not without:
            return []
        whose = (
            "Its data"
            if len(missing) == 1 and without == [*missing]
            else f"The data of {name_few(map(str, without))}"
        )
        return [f"{whose if self.data is None else 'The data'} have no '{self.wanted}'."]

    def _others(self) -> list[str]:
        """List other splits, the best to compare on first: what was learned from comes last."""
        names = {folder.name for run in self.runs for folder in known_evaluations(run)} | {"valid"}
        if self.data is not None:
            prefix = evaluation_folder(self.runs[0], "", self.data).name
            names |= {name.removeprefix(prefix) for name in names}
        names -= {self.wanted}
        return sorted(names, key=lambda name: (name == "train", name != "valid", name))

    def _without(self, split: str) -> list[Path]:
        return [run for run in self.runs if _locate(run, split, self.data) is None]

    def _commands(self, split: str) -> str:
        """Write what evaluates all runs on a split; "" where the data of one are without it."""
        without = self._without(split)
        if not all(self._can_have(run, split) for run in without):
            return ""
        data = "" if self.data is None else f" --data {shlex.quote(self.data)}"
        rest = f"--split {shlex.quote(split)}{data}"
        return " && ".join(f"askattend evaluate {shlex.quote(str(run))} {rest}" for run in without)

    def _can_have(self, run: Path, split: str) -> bool:
        """Tell whether a run can be evaluated on a split; True where its data are not at hand."""
        if _is_evaluation(run) or (is_named(run) and run.as_posix() != DEMO and self.data is None):
            return False
        # A run's own data without a split of that name are divided.
        if split == "valid" and is_own_data(run, self.data):
            return True
        try:
            questions = read_source(self.data or own_source(run))
        except AskAttendError:
            return split in (self.wanted, "train", "valid", "test")
        return split in questions.splits or split in questions.subsets
