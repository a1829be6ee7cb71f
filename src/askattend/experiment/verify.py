"""``askattend verify``: every file of a run, store, evaluation or results, by its digest."""

from __future__ import annotations

import shlex
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import msgspec

from askattend.bulk.parts import damaged_parts
from askattend.bulk.plan import PLAN
from askattend.environment.origin import read_origin
from askattend.environment.packing import damaged_members, is_packed, run_folder
from askattend.errors import AskAttendError, ConfigError, UntrustedCodeError
from askattend.evaluation.evaluate import read_metrics
from askattend.experiment.teachers import TEACHERS
from askattend.features.store import damaged_shards
from askattend.features.store_index import INDEX, STORE_FILES
from askattend.files.manifest import MANIFEST, OlderFolderWarning, find_change, read_manifest
from askattend.files.writing import accept
from askattend.report.card import CARD
from askattend.runs.image_likeness import load_likeness
from askattend.runs.linear_floors import LINEAR_FLOORS, load_linear_floors
from askattend.runs.run_folder import CONFIG, RUN_FILES, WEIGHTS, WORDS, Run
from askattend.runs.unfinished import SEARCH
from askattend.scoring.evaluation_folders import (
    EVALUATION_FILES,
    EVALUATIONS,
    require_own_evaluation,
)
from askattend.scoring.results import METRICS, PREDICTIONS
from askattend.training.summary import read_summary

# One of them is enough to know a run by, or a search that is to become one.
_OF_RUNS = (CONFIG, WORDS, *WEIGHTS.values(), SEARCH)
Kind = Literal["run", "packed run", "store", "evaluation", "results"]


class Damage(msgspec.Struct, frozen=True):
    """A file that is not as it was written: what is wrong with it, and what to do."""

    file: str
    problem: str
    remedy: str

    @classmethod
    def of(cls, error: AskAttendError, file: Path) -> Damage:
        """Take an error, about a file unless it says which."""
        return cls(str(error.where or file), error.problem, error.remedy)


class Verification(msgspec.Struct, frozen=True):
    """Outcome of a verification.

    Attributes:
        path: what was verified.
        kind: what it is.
        files: how many were compared with their digests.
        damaged: those that are not as they were written.
        notes: what could not be compared, and whatever else is worth knowing.
    """

    path: str
    kind: Kind
    files: int
    damaged: tuple[Damage, ...]
    notes: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """True where no file is damaged."""
        return not self.damaged


@dataclass
class _Findings:
    """Findings of a verification so far."""

    files: int = 0
    damaged: list[Damage] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def verify(path: Path) -> Verification:
    """Compare every file with the digest that it was written with; nothing is changed.

    Args:
        path: a run folder or a packed run, a feature store, an evaluation's folder, or a folder of
            results of `predict`.

    Raises:
        ConfigError: it is none of these.
    """
    kind, found = kind_of(path), _Findings()
    checks: dict[Kind, Callable[[Path, _Findings], None]] = {
        "run": _verify_run,
        "packed run": _verify_packed,
        "store": _verify_store,
        "evaluation": lambda folder, to: _verify_listed(folder, EVALUATION_FILES, to),
        "results": _verify_results,
    }
    assert checks.keys() == set(get_args(Kind))
    checks[kind](path, found)
    return Verification(str(path), kind, found.files, tuple(found.damaged), tuple(found.notes))


def accept_changes(path: Path) -> Verification:
    """Take the files of a run, an evaluation or a store's index for what they are to be.

    Returns:
        what `verify` then finds: a file that cannot be read, or features that are not those of
        their index, are damaged still.

    Raises:
        ConfigError: it is something else.
    """
    kind = kind_of(path)
    if kind == "run":
        for folder in (path, *_teachers(path)):
            accept(folder, RUN_FILES)
        for folder in _evaluations(path):
            accept(folder, EVALUATION_FILES)
    elif kind == "evaluation":
        accept(path, EVALUATION_FILES)
    elif kind == "store":
        accept(path, STORE_FILES)
    else:
        remedy = "Pack the run again." if kind == "packed run" else "Answer its images again."
        raise ConfigError(f"changes of {kind} cannot be accepted", where=path, remedy=remedy)
    return verify(path)


def kind_of(path: Path) -> Kind:
    """Tell what a path holds.

    Raises:
        ConfigError: it is nothing that has digests.
    """
    marks: tuple[tuple[Kind, bool], ...] = (
        ("packed run", is_packed(path)),
        ("run", any((path / name).is_file() for name in _OF_RUNS)),
        ("results", (path / PLAN).is_file() and any(path.glob("part-*"))),
        ("store", (path / INDEX).is_file() or (path / PLAN).is_file()),
        ("evaluation", (path / METRICS).is_file() or (path / PREDICTIONS).is_file()),
    )
    for kind, there in marks:
        if there:
            return kind
    raise ConfigError(
        "is no run, packed run, feature store, evaluation or folder of results"
        if path.exists()
        else "no such file or folder",
        where=path,
        remedy="Check the path.",
    )


def _verify_listed(folder: Path, names: Iterable[str], found: _Findings) -> None:
    """Compare the files of a folder with its manifest."""
    there = [name for name in names if (folder / name).is_file()]
    try:
        manifest = read_manifest(folder)
    except ValueError as error:
        command = f"askattend verify {shlex.quote(str(folder))} --accept"
        remedy = f"Copy the whole folder again; if it is whole otherwise, run: {command}"
        found.damaged.append(Damage(str(folder / MANIFEST), str(error), remedy))
        return
    if manifest is None:
        command = f"askattend verify {shlex.quote(str(folder))} --accept"
        note = f"{folder} has no {MANIFEST}, so that its {len(there)} files are not compared"
        found.notes.append(f"{note}; if they are whole, give it one: {command}")
        return
    if manifest.writing:
        some = ", ".join(manifest.writing)
        found.notes.append(f"{folder}: something was stopped while it wrote {some}")
    for name in sorted({*manifest.files, *manifest.writing, *there}):
        found.files += 1
        change = find_change(folder / name)
        if change is None:
            continue
        if name == CARD:  # whose licence, for one, is its owner's to name
            found.notes.append(f"{folder / name} was edited")
        else:
            found.damaged.append(Damage(str(folder / name), change.problem, change.remedy))


def _verify_run(folder: Path, found: _Findings) -> None:
    for each in (folder, *_teachers(folder)):
        _verify_listed(each, RUN_FILES, found)
    for each in _evaluations(folder):
        _verify_listed(each, EVALUATION_FILES, found)
        _try(lambda each=each: _require_own(folder, each), each, found)  # type: ignore[misc]
    if (
        not found.damaged and (folder / CONFIG).is_file()
    ):  # else there would be two messages of one cause
        _try(lambda: _load(folder), folder, found)


def _verify_packed(file: Path, found: _Findings) -> None:
    for members, error in damaged_members(file):
        found.files += members
        if error is not None:
            found.damaged.append(Damage.of(error, file))
    if not found.damaged:
        members = found.files
        _try(lambda: _verify_run(run_folder(file), found), file, found)
        found.files = members  # the same, compared once more


def _verify_store(folder: Path, found: _Findings) -> None:
    _verify_listed(folder, STORE_FILES, found)
    if found.damaged:
        return
    if not (folder / INDEX).is_file():
        found.notes.append(f"{folder}: its extraction was not finished; extract into it again")
        return

    def compare() -> None:
        for shards, error in damaged_shards(folder):
            found.files += shards
            if isinstance(error, AskAttendError):
                found.damaged.append(Damage.of(error, folder))
            elif error is not None:
                found.notes.append(error)

    _try(compare, folder, found)


def _verify_results(folder: Path, found: _Findings) -> None:
    for parts, error in damaged_parts(folder):
        found.files += parts
        if isinstance(error, AskAttendError):
            found.damaged.append(Damage.of(error, folder))
        elif error is not None:
            found.notes.append(error)


def _require_own(run: Path, folder: Path) -> None:
    if (folder / METRICS).is_file():
        require_own_evaluation(run, folder, read_metrics(folder / METRICS).run)


def require_own_evaluations(run: Path) -> None:
    """Refuse a run in whose folder lies another run's evaluation.

    Raises:
        RunError: names the evaluation's folder, or a file of it that is unreadable.
    """
    for folder in _evaluations(run):
        _require_own(run, folder)


def _load(folder: Path) -> None:
    """Load all of a run: what is not compared may still be damaged."""
    run = Run.load(folder)
    read_summary(folder)
    read_origin(folder)
    run.load_calibration()
    load_likeness(folder, run.features.region_dim)
    if (folder / WEIGHTS["best"]).exists():
        run.load_model()
    if (folder / LINEAR_FLOORS).exists():
        load_linear_floors(folder)
    run.progress_state()


def _try(check: Callable[[], None], where: Path, found: _Findings) -> None:
    """Take an error for damage, unless what it is about was found damaged before."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OlderFolderWarning)
            check()
    except UntrustedCodeError:
        found.notes.append(f"{where} was not loaded: it brings code that nobody here has agreed to")
    except AskAttendError as error:
        damage = Damage.of(error, where)
        if damage.file not in {each.file for each in found.damaged}:
            found.damaged.append(damage)


def _teachers(run: Path) -> Iterator[Path]:
    return (file.parent for file in sorted((run / TEACHERS).glob(f"*/{CONFIG}")))


def _evaluations(run: Path) -> Iterator[Path]:
    folders = sorted(folder for folder in (run / EVALUATIONS).glob("*") if folder.is_dir())
    return (
        f for f in folders if any((f / name).exists() for name in (*EVALUATION_FILES, MANIFEST))
    )
