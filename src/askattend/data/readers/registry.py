"""Every source of questions by name: ``easy-vqa``, ``scenes``, ``vqa:DIR``, ``table:FILE``, …"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from askattend.data.questions import QASet
from askattend.data.readers.clevr import read_clevr
from askattend.data.readers.coco_qa import read_coco_qa
from askattend.data.readers.daquar import read_daquar
from askattend.data.readers.easy_vqa import read_easy_vqa
from askattend.data.readers.gqa import read_gqa
from askattend.data.readers.rows import EXTENSIONS
from askattend.data.readers.scenes import canonical_recipe, read_scenes
from askattend.data.readers.table import read_table
from askattend.data.readers.vqa import read_vqa
from askattend.errors import DataError, did_you_mean


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
    "daquar-37": Reader(partial(read_daquar, classes=37), "DIR", "daquar-37:data/daquar"),
    "coco-qa": Reader(read_coco_qa, "DIR", "coco-qa:data/cocoqa"),
    "vqa": Reader(read_vqa, "DIR", "vqa:data/vqa"),
    "vqa-v1": Reader(partial(read_vqa, family="v1"), "DIR", "vqa-v1:data/vqa"),
    "vqa-abstract": Reader(partial(read_vqa, family="abstract"), "DIR", "vqa-abstract:data/vqa"),
    "gqa": Reader(read_gqa, "DIR", "gqa:data/gqa"),
    "gqa-all": Reader(partial(read_gqa, size="all"), "DIR", "gqa-all:data/gqa"),
    "clevr": Reader(read_clevr, "DIR", "clevr:data/CLEVR_v1.0"),
    "table": Reader(read_table, "FILE", "table:questions.csv"),
}


def read_source(source: str) -> QASet:
    """Reads a question set by its name and, after a colon, its place.

    Args:
        source: ``"easy-vqa"`` (arrives with pip), ``"scenes"`` or ``"scenes:KEY=VALUE,…"``
            (generated; see `askattend.data.readers.scenes.Recipe`), ``"table:FILE"`` (your own
            questions: .csv, .tsv, .jsonl, .ndjson or .json), or a data set in a folder with its
            original files: ``"daquar:DIR"``, ``"coco-qa:DIR"``, ``"vqa:DIR"`` (v1 and v2),
            ``"gqa:DIR"``, ``"clevr:DIR"``. ``"daquar-37:DIR"``, ``"vqa-v1:DIR"``,
            ``"vqa-abstract:DIR"`` and ``"gqa-all:DIR"`` choose where a folder holds several sets. A
            leading ``~`` is your home folder.

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
    return f"{did_you_mean(source.partition(':')[0], READERS)} Sources are written {written}."
