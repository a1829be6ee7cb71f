"""Folders of evaluations: one a data set and split, below ``RUN/evaluations``.

Those of a packed run lie beside the pack: it is unpacked into a cache, where nobody looks.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath

from askattend.data.readers.registry import READERS, absolute_source
from askattend.environment.hub import is_foreign, is_named
from askattend.environment.origin import mark_of
from askattend.environment.packing import is_unpacked, run_folder
from askattend.errors import AskAttendError, RunError
from askattend.scoring.results import METRICS, PREDICTIONS, RESULTS
from askattend.settings import read_toml

EVALUATIONS, REPORT = "evaluations", "report.html"
# All that a manifest of such a folder lists.
EVALUATION_FILES = (RESULTS, PREDICTIONS, METRICS, REPORT)
_CONFIG = "config.toml"
# Sources that are somebody's own, and so called by their file or their name.
_NAMED_BY_PLACE = ("table", "parquet", "arrow", "hf")
# A name's length, so that a path stays one that any file system takes.
_LONGEST = 60


def evaluation_folder(run: Path, split: str, data: str | None = None) -> Path:
    """Name the folder of a run's evaluation: the same for the same data set and split.

    ``RUN/evaluations/test`` is of the data that the run was trained on, with its split's name;
    another data set's has the set's name before it, with a digest of where it lies.

    Args:
        run: the run folder, or a packed run.
        split: the split's name.
        data: the question source; by default the run's own.
    """
    return evaluations_home(run) / (
        split if is_own_data(run, data) else f"{_set_name(data)}-{split}"
    )


def evaluations_home(run: Path) -> Path:
    """Name the folder that holds those of a run's evaluations.

    ``shelves-evaluations`` beside ``shelves.zip``; in the working directory, where only the folder
    is known that a pack was unpacked into, or the run has a name alone.
    """
    if run.is_file():
        return run.with_name(f"{run.stem}-{EVALUATIONS}")
    elsewhere = is_unpacked(run) or is_named(run)
    return Path(f"{run.name}-{EVALUATIONS}") if elsewhere else run / EVALUATIONS


def evaluations_of(run: Path) -> list[Path]:
    """List the folders of a run's evaluations, by name."""
    return sorted(file.parent for file in evaluations_home(run).glob(f"*/{METRICS}"))


def require_own_evaluation(run: Path, folder: Path, mark: str) -> None:
    """Refuse an evaluation that was copied from another run's folder.

    Args:
        run: the run folder.
        folder: the evaluation's.
        mark: of the run that it names, see `mark_of`; ``""`` where it names none.

    Raises:
        RunError: it is another run's, or the run's own origin is unreadable.
    """
    own = mark_of(run, read_toml(run / _CONFIG)) if mark and (run / _CONFIG).is_file() else ""
    if own and own != mark:
        remedy = "Remove this folder, or evaluate the run again into another one."
        raise RunError("is the evaluation of another run", where=folder, remedy=remedy)


def source_name(source: str) -> str:
    """Name a source as a title does: its file, or its kind, with what tells it from its like.

    >>> source_name("table:/photos/birds.csv"), source_name("daquar:/data/daquar")
    ('birds.csv', 'daquar (all answers)')
    """
    kind, _, place = source.partition(":")
    try:
        reader = READERS.find(kind)
        if reader is not None and reader.canonical:
            told = _recipe(reader.canonical(place), reader.canonical(""))
        elif reader is not None and place:
            place, options = reader.split_options(place)
            told = list(_protocol(options, reader.options))
        else:
            told = []
    except AskAttendError:  # told where the source is read
        told = []
    name = PurePath(place).name if kind in _NAMED_BY_PLACE and place else kind
    return f"{name} ({', '.join(told)})" if told else name


def _recipe(written: str, usual: str) -> list[str]:
    """List what of a recipe is not as usual."""
    return [part for part in written.split(",") if part not in usual.split(",")]


def _protocol(options: Mapping[str, str], known: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield the protocol that options choose: ``"single answers"``; the first one in any case."""
    choices = {key: values for key, values in known.items() if values}
    for number, (key, values) in enumerate(choices.items()):
        chosen = options.get(key, values[0])
        if number == 0 or chosen != values[0]:
            yield f"{chosen} {key}"


def is_own_data(run: Path, data: str | None) -> bool:
    """Tell whether a source, by default the run's, is what the run was trained on."""
    if data is None:
        return True
    try:
        if is_foreign(run):
            return False
        return absolute_source(own_source(run)) == absolute_source(data)
    except AskAttendError:  # told where the run or the data are read
        return False


def own_source(run: Path) -> str:
    """Name the source that a run was trained on; ``""`` where its settings name none."""
    return str(read_toml(run_folder(run) / _CONFIG).get("data", ""))


def _set_name(data: str | None) -> str:
    """Make a name of a source: that of its file or folder, and a digest where it has a place."""
    absolute = absolute_source(data or "")
    kind, _, place = absolute.partition(":")
    # A recipe is no path; its digest tells it from others.
    stem = PurePath(place.partition(",")[0]).stem if place.startswith("/") else ""
    name = re.sub(r"[^\w.-]+", "-", stem).strip("-.")[:_LONGEST] or kind
    if not place:
        return name
    # Two tables may have one name; without a digest the later one would replace the earlier.
    return f"{name}-{hashlib.blake2b(absolute.encode(errors='replace'), digest_size=3).hexdigest()}"
