"""Compare any number of runs: those that differ in nothing but their seed count as one method."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import msgspec

from askattend.data.readers.registry import read_source
from askattend.environment.packing import run_folder
from askattend.errors import AskAttendError, ConfigError
from askattend.scoring.compared_floors import (
    ComparedFloor,
    floors_of_evaluations,
    floors_of_source,
)
from askattend.scoring.comparison import check_comparable, check_dialect
from askattend.scoring.paired_scores import Difference, PairedScores
from askattend.scoring.systems import System, load_systems
from askattend.settings import read_toml

CONFIG, ATTENTION, FEATURES = "config.toml", "attention.py", "features.json"
# Where and how often a run was written makes it no other method.
_NO_METHOD = ("seed", "device", "cuda_graphs", "checkpoint_minutes")


class Method(msgspec.Struct, frozen=True):
    """Runs of one method, with a seed each.

    Attributes:
        name: what is its own: settings in which methods differ, or its run's folder.
        runs: run folders, or results files.
        accuracies: of each, 0 to 1.
        mean: of these.
        deviation: their sample standard deviation; None of a single one.
        difference: its answers, averaged over seeds, less the first method's, on the same
            questions; None of the first.
        permutation_p: two-sided p-value of that difference; see `paired_permutation`.
        wups: mean WUPS at ``"0.9"`` and ``"0.0"`` over its runs, where answers are sets and the
            human ones are known.
    """

    name: str
    runs: tuple[str, ...]
    accuracies: tuple[float, ...]
    mean: float
    deviation: float | None
    difference: Difference | None = None
    permutation_p: float | None = None
    wups: dict[str, float] | None = None


class Methods(msgspec.Struct, frozen=True):
    """Several methods on the same questions, as ``askattend compare --json`` prints them.

    Attributes:
        split: the split that all answered.
        metric: what accuracy is, by name.
        questions: how many there are.
        methods: in the order in which they were named.
        notes: what was decided on the user's behalf, to be printed.
        source: of the questions, whose protocol it names.
        by_image: True where intervals and p are over images, else over questions.
        floors: what guessing reaches on the same questions; empty where that is not known.
    """

    split: str
    metric: str
    questions: int
    methods: tuple[Method, ...]
    notes: tuple[str, ...] = ()
    source: str = ""
    by_image: bool = True
    floors: tuple[ComparedFloor, ...] = ()


def compare_many(
    paths: Sequence[Path],
    *,
    data: str | None = None,
    split: str | None = None,
    dialect: str | None = None,
) -> Methods:
    """Compare runs, or results files; see `compare_paths`, whose errors it raises.

    Raises:
        ConfigError: fewer than two are named, or one twice.
    """
    if len({path.resolve() for path in paths}) < max(len(paths), 2):
        remedy = "Name two different ones at least."
        raise ConfigError("nothing to compare, or one run twice", where="compare", remedy=remedy)
    check_dialect(dialect, data)
    read = cache(read_source)
    systems = load_systems(paths, data=data, split=split, dialect=dialect, read=read)
    for other in systems[1:]:
        check_comparable(systems[0], other)
    groups = _group(paths, systems)
    first = groups[0][1]
    methods = tuple(_method(name, members, first) for name, members in groups)
    first_system = systems[0]
    floors, why_not = floors_of_evaluations(systems), tuple[str, ...]()
    if data is not None:
        floors, why_not = floors_of_source(read(data), first_system, dialect)
    notes = dict.fromkeys((*(note for system in systems for note in system.notes), *why_not))
    scored = [one for one in first_system.answers if one.score is not None]
    return Methods(
        first_system.split,
        first_system.metric,
        len(scored),
        methods,
        tuple(notes),
        first_system.source,
        all(one.image is not None for one in scored),
        floors,
    )


def _method(name: str, systems: Sequence[System], first: Sequence[System]) -> Method:
    accuracies = tuple(mean(_scores(system).values()) for system in systems)
    own = Method(
        name,
        tuple(system.name for system in systems),
        accuracies,
        mean(accuracies),
        stdev(accuracies) if len(accuracies) > 1 else None,
        wups=_mean_wups(systems),
    )
    if systems is first:
        return own
    paired = _paired(first, systems)
    difference, p = paired.difference(), paired.permutation_p()
    return msgspec.structs.replace(own, difference=difference, permutation_p=p)


def _mean_wups(systems: Sequence[System]) -> dict[str, float] | None:
    scored = [[one for one in system.answers if one.score is not None] for system in systems]
    if any(one.wups is None for answers in scored for one in answers):
        return None
    return {
        "0.9": mean(mean(one.wups or 0.0 for one in answers) for answers in scored),
        "0.0": mean(mean(system.wups_at_0.values()) for system in systems),
    }


def _paired(first: Sequence[System], second: Sequence[System]) -> PairedScores:
    """Pair two methods' scores on each question, each averaged over its seeds."""
    ones, others = ([_scores(system) for system in some] for some in (first, second))
    answers = [one for one in first[0].answers if one.score is not None]
    by_image = all(one.image is not None for one in answers)
    return PairedScores(
        [mean(scores[one.question_id] for scores in ones) for one in answers],
        [mean(scores[one.question_id] for scores in others) for one in answers],
        [one.image if by_image else one.question_id for one in answers],
        by_image,
    )


def _scores(system: System) -> dict[Any, float]:
    return {one.question_id: one.score for one in system.answers if one.score is not None}


def _group(paths: Sequence[Path], systems: Sequence[System]) -> list[tuple[str, list[System]]]:
    """Put together what has the same settings but for the seed; a results file stands alone."""
    settings = [_settings(path) for path in paths]
    groups: list[tuple[dict[str, Any] | None, list[System]]] = []
    for own, system in zip(settings, systems, strict=True):
        members = next((each for its, each in groups if own is not None and its == own), None)
        if members is None:
            groups.append((own, [system]))
        else:
            members.append(system)
    names = [_name(own, groups, members) for own, members in groups]
    whole = [_name(own, groups, members, most=None) for own, members in groups]
    # Alike in the settings that are told first: all are told.
    names = [
        name if names.count(name) == 1 else full for name, full in zip(names, whole, strict=True)
    ]
    # Where they differ in what is not told, the first run's folder tells them apart.
    return [
        (name if names.count(name) == 1 else f"{name} ({members[0].name})", members)
        for name, (_, members) in zip(names, groups, strict=True)
    ]


def _settings(path: Path) -> dict[str, Any] | None:
    """Read a run's settings, flat, without those that make no other method; None of a file."""
    try:
        folder = run_folder(path)
        tables = read_toml(folder / CONFIG)
    except AskAttendError:
        return None
    flat: dict[str, Any] = {}
    for key, value in tables.items():
        if isinstance(value, dict):
            flat |= {f"{key}.{name}": each for name, each in value.items()}
        else:
            flat[key] = value
    for name in (*(f"train.{name}" for name in _NO_METHOD), "layout", "features"):
        flat.pop(name, None)
    flat["features"] = _short_digest(folder / FEATURES)  # what made them, not where they lie
    if flat.get("attention"):
        # Its name stays when its code is changed.
        flat["attention"] = f"{flat['attention']} ({_short_digest(folder / ATTENTION)})"
    return flat


def _short_digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:8] if file.is_file() else "missing"


def _name(
    own: dict[str, Any] | None,
    groups: Sequence[tuple[dict[str, Any] | None, list[System]]],
    members: Sequence[System],
    most: int | None = 4,
) -> str:
    """Name a method by its network and the settings that another one has otherwise.

    Args:
        own: its settings; None of a results file.
        groups: all methods.
        members: its runs.
        most: how many settings are told; None for all of them, with the recipe.
    """
    all_settings = [its for its, _ in groups if its is not None]
    if own is None or len(all_settings) == 1:
        return members[0].name
    peers = [its for its in all_settings if its.get("network") == own.get("network")]
    shared = [key for key in _differing(all_settings) if all(key in its for its in all_settings)]
    # Networks have widths of their own, by their papers; their names say it.
    between = [key for key in shared if not key.startswith("model.")]
    keys = dict.fromkeys((*_differing(peers), *between))
    told = [_told(key, own.get(key)) for key in keys if key != "recipe" or most is None]
    more = ["…"] if most is not None and len(told) > most else []
    return ", ".join([str(own.get("network")), *told[:most], *more])


def _differing(settings: Sequence[dict[str, Any]]) -> list[str]:
    """List the settings, but for the network, that are not the same in all."""
    keys = sorted({key for its in settings for key in its} - {"network"})
    return [key for key in keys if len({repr(its.get(key)) for its in settings}) > 1]


def _told(key: str, value: Any) -> str:
    """Write a setting in words: what a run has not is no value."""
    if value is None:
        return "built-in attention" if key == "attention" else f"no {key}"
    return f"{key} {str(value).lower() if isinstance(value, bool) else value}"
