"""Every source of questions by name: ``easy-vqa``, ``scenes``, ``daquar:DIR``, ``table:FILE``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from askattend.data.daquar import read_daquar
from askattend.data.easy_vqa import read_easy_vqa
from askattend.data.questions import QASet
from askattend.data.rows import EXTENSIONS
from askattend.data.scenes import canonical_recipe, read_scenes
from askattend.data.table import read_table
from askattend.errors import DataError, nearest


@dataclass(frozen=True)
class Reader:
    """How a source is read.

    Attributes:
        read: from the path after the colon; from nothing where `place` is None; from the recipe,
            as text, where there is one.
        place: what the path names (``"DIR"``, ``"FILE"``), or None for a source without one.
        example: of the whole source.
        canonical: for a source that follows a recipe in place of a path: the one way to write a
            recipe. It may be left out.
    """

    read: Callable[..., QASet]
    place: str | None = None
    example: str = ""
    canonical: Callable[[str], str] | None = None

    def written(self, name: str) -> str:
        """How the source is written."""
        if self.place is None:
            return name
        return f"{name}[:{self.place}]" if self.canonical else f"{name}:{self.place}"


READERS: Mapping[str, Reader] = {
    "easy-vqa": Reader(read_easy_vqa, example="easy-vqa"),
    "scenes": Reader(
        read_scenes, "KEY=VALUE,…", "scenes:images=500,seed=7", canonical=canonical_recipe
    ),
    "daquar": Reader(read_daquar, "DIR", "daquar:data/daquar"),
    "table": Reader(read_table, "FILE", "table:questions.csv"),
}


def read_source(source: str) -> QASet:
    """Reads a question set by its name and, after a colon, its place.

    Args:
        source: ``"easy-vqa"`` (arrives with pip), ``"scenes"`` or ``"scenes:KEY=VALUE,…"``
            (generated; see `askattend.data.scenes.Recipe`), ``"daquar:DIR"`` (the original files)
            or ``"table:FILE"`` (your own questions: .csv, .tsv, .jsonl, .ndjson or .json).
            A leading ``~`` is your home folder.

    Raises:
        DataError: the source is unknown, lacks its place, or cannot be read.
        ConfigError: a recipe's key is unknown or its value out of range.
    """
    name, colon, place = source.partition(":")
    reader = READERS.get(name)
    if reader is None:
        raise DataError("unknown source of questions", where=f"'{source}'", remedy=_hint(source))
    if reader.place is None:
        if colon:
            raise DataError("takes no place", where=f"'{source}'", remedy=f"Write {name} alone.")
        return reader.read()
    if reader.canonical:
        return reader.read(place)
    if not place:
        raise DataError(
            f"lacks its {reader.place}",
            where=f"'{source}'",
            remedy=f"Write {name}:{reader.place}, for example {reader.example}.",
        )
    return reader.read(Path(place).expanduser())


def absolute_source(source: str) -> str:
    """The same source from any working directory and in any version.

    Its place as an absolute path; a recipe with every key, so that defaults may change.

    Raises:
        ConfigError, DataError: the recipe is wrong.
    """
    name, colon, place = source.partition(":")
    reader = READERS.get(name)
    if reader is not None and reader.canonical:
        return f"{name}:{reader.canonical(place)}"
    if not place or reader is None:
        return source
    return f"{name}{colon}{Path(place).expanduser().resolve()}"


def _hint(source: str) -> str:
    if ":" not in source and Path(source).suffix.lower() in EXTENSIONS:
        return f"For a table, write table:{source}."
    written = ", ".join(reader.written(name) for name, reader in READERS.items())
    return f"{nearest(source.partition(':')[0], READERS)} Sources are written {written}."
