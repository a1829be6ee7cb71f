"""Readers of data sets in Parquet and Arrow, pictures within, on this machine and on the hub."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from askattend.data.questions import QASet
from askattend.data.readers.arrow_layout import CARD, SPLITS, STATE, Layout, Splits, find_layout
from askattend.data.readers.arrow_set import ArrowRows, is_within
from askattend.data.readers.headings import COLUMNS, Headings
from askattend.data.readers.reader import Reader, written_options
from askattend.data.splits import canonical_split
from askattend.environment.hub_data import CONVERTED, HubDataSet
from askattend.errors import DataError, did_you_mean, name_few
from askattend.files import read_bytes

# Files and folders of a data set; the largest on the hub have some thousand.
_MOST_FILES = 100_000
_OPTIONS = ("config", "split", "split_column")


@dataclass(frozen=True)
class _Wanted:
    """Part of a data set that is wanted.

    Attributes:
        config: configuration; ``""`` for the default one.
        splits: names, as they are called here; empty for all.
        columns: column → its heading there, where that is not the column's own name.
    """

    config: str
    splits: tuple[str, ...]
    columns: Mapping[str, str]

    @classmethod
    def of(cls, config: str, split: str, split_column: str, columns: Mapping[str, str]) -> _Wanted:
        named = {**columns, **({"split": split_column} if split_column else {})}
        return cls(config, tuple(map(canonical_split, filter(None, split.split("+")))), named)

    def choose(self, layout: Layout, where: str) -> Splits:
        """Choose the files of a data set, by split.

        Raises:
            DataError: it has no such configuration or split.
        """
        splits = layout.choose(self.config, where)
        chosen = {
            split: files
            for split, files in splits.items()
            if not self.splits or canonical_split(split) in self.splits
        }
        missing = set(self.splits) - {canonical_split(split) for split in chosen}
        if missing:
            remedy = did_you_mean(min(missing), map(canonical_split, splits))
            raise DataError(f"no split '{min(missing)}'", where=where, remedy=remedy)
        return chosen


def _read(kind: str, place: Path, *, images: bool, **options: str) -> QASet:
    """Read a data set on this machine; see `read_parquet`."""
    if place.is_dir():
        folder, files = place, _files_in(place)
        layout = find_layout(files, lambda file: read_bytes(folder / file))
    else:
        folder, layout = place.parent, find_layout([place.name], lambda file: b"")
        if not layout.configs:  # it may be called anything
            layout = Layout({"default": {"train": (place.name,)}})
    wanted = _wanted(options)
    chosen = wanted.choose(layout, str(place))
    rows = ArrowRows(Headings(wanted.columns), [], str(place))
    rows.read(folder, chosen)
    files_of = rows.pictures(lambda path: folder / path)
    return rows.as_set(f"{kind}:{place}{_written(options)}", files_of, images=images)


def read_parquet(place: Path, *, images: bool = True, **options: str) -> QASet:
    """Read a data set in Parquet: a file, or a folder as the hub or `datasets` has it.

    Columns are recognised as a table's are, see `headings`; answers may also be lists of structs
    with a field ``answer``, and classes by number where `datasets` notes their names. A picture is
    a struct of ``bytes`` and ``path``, bytes, or a path from the folder on. Pictures within are
    unpacked into the user's cache folder, once. ``image_id`` names them, where each name is of one
    picture, or else their paths, or else a digest of their content. Without ids, questions are
    numbered a split: ``"test-0"``. Splits are those of the card's configuration, or what files and
    folders are called.

    Args:
        place: the file or folder.
        images: False to read questions whose pictures may be missing, which is noted.
        options: ``config``, ``split`` (several by ``+``) and ``split_column``; a column's name →
            its heading, where that is another.

    Raises:
        DataError: anything is damaged, malformed or missing, pictures included; or there is no such
            configuration or split.
    """
    return _read("parquet", place, images=images, **options)


def read_arrow(place: Path, *, images: bool = True, **options: str) -> QASet:
    """Read a data set in Arrow's own format, as `datasets`' save_to_disk writes it.

    See `read_parquet`; both readers tell files by what they hold.
    """
    return _read("arrow", place, images=images, **options)


def read_hub(name: Path, *, images: bool = True, **options: str) -> QASet:
    """Read a data set of the model hub: ``USER/NAME``, ``USER/NAME@REVISION``.

    Files of Parquet or Arrow are fetched, or else what the hub itself has made Parquet of; of the
    splits that are wanted alone. See `read_parquet`.

    Raises:
        DataError: see `read_parquet`; the hub does not have it, or it cannot be reached and it is
            not on this machine; a picture's path leads out of the data set.
    """
    where, wanted = f"hf:{name.as_posix()}", _wanted(options)
    source, layout = _on_hub(HubDataSet.of(name.as_posix()))
    chosen = wanted.choose(layout, where)
    folder = source.fetch([file for files in chosen.values() for file in files])
    rows = ArrowRows(Headings(wanted.columns), [], where)
    rows.read(folder, chosen)
    if outside := [path for path in rows.paths() if not is_within(path)]:
        remedy = "Do not use this data set, or ask whoever made it."
        problem = f"pictures lie outside of the data set: {name_few(outside)}"
        raise DataError(problem, where=where, remedy=remedy)
    if paths := rows.paths():
        folder = source.fetch(paths)
    files_of = rows.pictures(lambda path: folder / path)
    return rows.as_set(f"{where}{_written(options)}", files_of, images=images)


def _on_hub(source: HubDataSet) -> tuple[HubDataSet, Layout]:
    """Find the files of a data set: its own, or those that the hub has made of it."""
    files = source.files()
    notes = [file for file in files if file in (CARD, SPLITS) or PurePosixPath(file).name == STATE]
    folder = source.fetch(notes)
    layout = find_layout(files, lambda file: read_bytes(folder / file))
    if layout.configs or source.revision is not None:
        return source, layout
    converted = HubDataSet(source.repository, CONVERTED)
    try:
        return converted, find_layout(converted.files(), lambda file: b"")
    except DataError:  # told of the data set itself
        return source, layout


def _wanted(options: Mapping[str, str]) -> _Wanted:
    columns = {key: value for key, value in options.items() if key not in _OPTIONS}
    config, split, split_column = (options.get(key, "") for key in _OPTIONS)
    return _Wanted.of(config, split, split_column, columns)


def _written(options: Mapping[str, str]) -> str:
    return written_options({key: value for key, value in options.items() if value})


def _files_in(folder: Path) -> list[str]:
    """List the files below a folder; links to folders are not followed."""
    found: list[str] = []
    top = os.fspath(folder)
    for path, folders, names in os.walk(top):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        inside = PurePosixPath(Path(os.path.relpath(path, top)).as_posix())
        found += [(inside / name).as_posix() for name in sorted(names)]
        if len(found) > _MOST_FILES:
            remedy = "Name the folder of the data set alone."
            problem = f"holds more than {_MOST_FILES:,} files"
            raise DataError(problem, where=folder, remedy=remedy)
    return found


def _reader(about: str, read: Callable[..., QASet], example: str, suffix: str) -> Reader:
    return Reader(
        about,
        read,
        "PATH",
        example,
        suffixes=(suffix,),
        options=dict.fromkeys((*sorted(COLUMNS - {"split"}), *_OPTIONS), ()),
        requires_images=True,
    )


PARQUET = _reader("a file or folder, pictures within", read_parquet, "vqa-rad/data", ".parquet")
ARROW = _reader("what datasets' save_to_disk wrote", read_arrow, "saved", ".arrow")
HUB = Reader(
    "a data set of the model hub, in datasets' format",
    read_hub,
    "USER/NAME",
    "flaviagiammarino/vqa-rad",
    options=PARQUET.options,
    requires_images=True,
    is_path=False,
)
