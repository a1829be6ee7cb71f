"""Every source of questions by name: ``easy-vqa``, ``scenes``, ``vqa:DIR``, ``table:FILE``, …"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from askattend.data.questions import QASet, require_moderate
from askattend.data.readers.folders import NOT_THERE
from askattend.data.readers.reader import Reader, written_options
from askattend.errors import DataError, did_you_mean
from askattend.files import readable
from askattend.registry import Registry

READERS: Registry[Reader] = Registry(
    "askattend.readers",
    Reader,
    {
        "easy-vqa": "askattend.data.readers.easy_vqa:EASY_VQA",
        "scenes": "askattend.data.readers.scenes:SCENES",
        "daquar": "askattend.data.readers.daquar:DAQUAR",
        "daquar-37": "askattend.data.readers.daquar:DAQUAR_37",
        "coco-qa": "askattend.data.readers.coco_qa:COCO_QA",
        "vqa": "askattend.data.readers.vqa:VQA",
        "vqa-v1": "askattend.data.readers.vqa:VQA_V1",
        "vqa-abstract": "askattend.data.readers.vqa:VQA_ABSTRACT",
        "gqa": "askattend.data.readers.gqa:GQA",
        "gqa-all": "askattend.data.readers.gqa:GQA_ALL",
        "clevr": "askattend.data.readers.clevr:CLEVR",
        "nlvr": "askattend.data.readers.nlvr:NLVR",
        "vqa-rad": "askattend.data.readers.vqa_rad:VQA_RAD",
        "slake": "askattend.data.readers.slake:SLAKE",
        "vizwiz": "askattend.data.readers.vizwiz:VIZWIZ",
        "hf": "askattend.data.readers.arrow:HUB",
        "parquet": "askattend.data.readers.arrow:PARQUET",
        "arrow": "askattend.data.readers.arrow:ARROW",
        "table": "askattend.data.readers.table:TABLE",
    },
)


def read_source(source: str, *, images: bool = True) -> QASet:
    """Read the questions of a source, which is named ``NAME`` or ``NAME:PLACE``.

    Args:
        source: the name of a reader and what it reads: a folder or file (a leading ``~`` is the
            home folder), nothing, or a recipe; see `source_lines`.
        images: False where nobody will look at them: missing ones are not spoken of.

    Raises:
        DataError: the source is unknown, lacks its place, or cannot be read.
        ConfigError: a recipe's key is unknown or its value out of range, or another package's
            reader is broken.
    """
    if images:
        return _read(source)
    read = _read(source, images=False)
    return replace(read, notes=tuple(note for note in read.notes if NOT_THERE not in note))


def read_source_as_it_is(source: str) -> QASet:
    """Read the questions of a source; of missing images there is a note, whatever the reader.

    Raises:
        DataError, ConfigError: see `read_source`.
    """
    return _read(source, images=False)


def _read(source: str, **more: bool) -> QASet:
    read = _read_any(source, **more)
    require_moderate(read)
    return read


def _read_any(source: str, **more: bool) -> QASet:
    name, colon, place = source.partition(":")
    reader = READERS.find(name)
    if reader is None:
        raise DataError("unknown source of questions", where=f"'{source}'", remedy=_hint(source))
    if reader.place is None:
        if colon:
            raise DataError("takes no place", where=f"'{source}'", remedy=f"Write {name} alone.")
        return reader.read()
    # A recipe may be left out, and is no path: "~" and "." mean nothing in it.
    if reader.canonical:
        return reader.read(place)
    if not place:
        raise DataError(
            f"lacks its {reader.place}",
            where=f"'{source}'",
            remedy=f"Write {reader.syntax(name)}, for example {name}:{reader.example}.",
        )
    path, options = reader.split_options(place)
    told = more if reader.requires_images else {}
    return reader.read(Path(path).expanduser(), **told, **options)


def absolute_source(source: str) -> str:
    """Return the source as it is written from any working directory and in any version.

    Its place becomes an absolute path; a recipe gets every key, so that defaults may change.

    Raises:
        ConfigError, DataError: the recipe is wrong, or another package's reader is broken.
    """
    name, colon, place = source.partition(":")
    reader = READERS.find(name)
    if reader is not None and reader.canonical:
        return f"{name}:{reader.canonical(place)}"
    # What is wrong with it is told when it is read.
    if not place or reader is None:
        return source
    path, options = reader.split_options(place)
    if readable(path) != path:
        raise DataError(
            "the path is not UTF-8, and a run's settings hold no other",
            where=readable(source),
            remedy="Rename the folder or file.",
        )
    absolute = str(Path(path).expanduser().resolve()) if reader.is_path else path
    return f"{name}{colon}{absolute}{written_options(options)}"


def images_source(source: str) -> str:
    """Return the absolute source that a source's images are of: the same for all its protocols."""
    absolute = absolute_source(source)
    name, colon, place = absolute.partition(":")
    reader = READERS.find(name)
    if reader is None or not reader.options:
        return absolute
    return f"{name}{colon}{reader.split_options(place)[0]}"


def source_lines() -> list[str]:
    """Make lines for help texts: how each source is written, and what it is."""
    written = {reader.syntax(name): reader.about for name, reader in READERS.items()}
    width = max(map(len, written))
    return [f"{syntax:<{width}}  {about}" for syntax, about in written.items()]


def source_syntaxes() -> str:
    """List the ways to write a source: ``"easy-vqa, …, vqa:DIR, …, table:FILE"``."""
    return ", ".join(reader.syntax(name) for name, reader in READERS.items())


def _hint(source: str) -> str:
    suffix = Path(source).suffix.lower()
    for name, reader in READERS.items():
        if ":" not in source and suffix in reader.suffixes:
            return f"For a {name}, write {name}:{source}."
    known = did_you_mean(source.partition(":")[0], READERS.names())
    return f"{known} Sources are written {source_syntaxes()}."
