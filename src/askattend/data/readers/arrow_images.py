"""Pictures within Parquet and Arrow files, unpacked once into the user's cache, a file each.

All that looks at pictures then finds files, as of any source, whose content tells them apart: a
store of features is tied to it, and no more than a few pictures are in memory at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from filelock import FileLock

from askattend.data.readers.arrow_files import ArrowFile
from askattend.data.readers.arrow_limits import grows, most_bytes
from askattend.environment.home import cache_folder
from askattend.errors import DataError
from askattend.files import (
    decode_json,
    digest,
    make_folder,
    read_whole,
    remove_whole,
    whole_folder,
    write_whole,
)

PART = "pictures"
_INDEX = "index.json"
_ROWS = 64
_BYTES, _PATH = "bytes", "path"
_SUFFIXES = (
    *((b"\xff\xd8\xff", ".jpg"), (b"\x89PNG", ".png"), (b"GIF8", ".gif"), (b"BM", ".bmp")),
    *((b"II*\0", ".tif"), (b"MM\0*", ".tif")),
)
_NAME_ONE = "Name a folder for it in the environment variable ASKATTEND_CACHE."


class Pictures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Pictures of a file's rows.

    Attributes:
        files: paths of the pictures that lie within the file, once they are unpacked, each once.
        of_row: position in `files` of each row's; -1 where the row holds no picture.
        paths: what each row says of where its picture lies, or lay; None where it says nothing.
    """

    files: tuple[str, ...]
    of_row: tuple[int, ...]
    paths: tuple[str | None, ...]


def unpack_pictures(opened: ArrowFile, column: str) -> tuple[Path, Pictures]:
    """Unpack the pictures of a column, unless they lie in the cache.

    Returns:
        the folder that they lie in; and which is of which row.

    Raises:
        DataError: the column holds no pictures, the file is damaged, or there is no cache folder.
    """
    folder = _folder_of(opened, column)
    pictures = _known(folder)
    if pictures is None:
        pictures = _unpack(opened, column, folder)
    return folder, pictures


def _folder_of(opened: ArrowFile, column: str) -> Path:
    """Name the folder of a file's pictures: another once the file is another."""
    try:
        home = cache_folder()
    except RuntimeError:
        problem = "there is no home folder to unpack its pictures into"
        raise DataError(problem, where=opened.path, remedy=_NAME_ONE) from None
    path = opened.path.resolve()
    told = path.stat()
    same = (str(path), told.st_size, told.st_mtime_ns, told.st_ctime_ns, told.st_ino, column)
    return home / PART / digest(repr(same).encode("utf-8", "surrogateescape"))


def _known(folder: Path) -> Pictures | None:
    """Return what was unpacked before; None where some of it is gone."""
    try:
        pictures = decode_json(read_whole(folder / _INDEX), Pictures)
    except (OSError, msgspec.MsgspecError):
        return None
    there = {f"{part.name}/{name}" for part in folder.iterdir() for name in _names(part)}
    return pictures if there.issuperset(pictures.files) else None


def _names(part: Path) -> list[str]:
    return os.listdir(part) if part.is_dir() else []


def _unpack(opened: ArrowFile, column: str, folder: Path) -> Pictures:
    make_folder(folder.parent)
    # Or one process would remove what another, which saw the same gap, has just made whole.
    with FileLock(folder.with_name(f".{folder.name}.lock")):
        pictures = _known(folder)
        return _unpacked(opened, column, folder) if pictures is None else pictures


def _unpacked(opened: ArrowFile, column: str, folder: Path) -> Pictures:
    if folder.exists():  # a part of it was removed
        remove_whole(folder)
    with whole_folder(folder) as unfinished:
        pictures = _written(opened, column, unfinished)
        write_whole(unfinished / _INDEX, msgspec.json.encode(pictures))
    return pictures


def _written(opened: ArrowFile, column: str, folder: Path) -> Pictures:
    number: dict[str, int] = {}
    size, most = 0, most_bytes(opened.path)
    of_row: list[int] = []
    paths: list[str | None] = []
    for content, path in _cells(opened, column):
        at = -1
        if content is not None:
            if (size := size + len(content)) > most:
                raise grows(opened.path, "its pictures grow", size)
            name = _name_of(content)
            if name not in number:
                number[name] = len(number)
                make_folder((folder / name).parent)
                write_whole(folder / name, [content], durable=False, swept=True)
            at = number[name]
        of_row.append(at)
        paths.append(path)
    return Pictures(tuple(number), tuple(of_row), tuple(paths))


def _name_of(content: memoryview) -> str:
    begins = bytes(content[:12])
    suffix = next((suffix for start, suffix in _SUFFIXES if begins.startswith(start)), ".img")
    if begins.startswith(b"RIFF") and begins.endswith(b"WEBP"):
        suffix = ".webp"
    name = digest(content)
    return f"{name[:2]}/{name}{suffix}"


def _cells(opened: ArrowFile, column: str) -> Iterator[tuple[memoryview | None, str | None]]:
    """Yield the content of each row's picture, and what the row says of its place."""
    for batch in opened.batches([column], _ROWS):
        contents, paths = _parts(batch.column(0), opened, column)
        for row in range(batch.num_rows):
            content, path = contents.at(row), paths.at(row)
            # Without a copy: of what repeats, the value lies in memory once.
            buffer = None if content is None else memoryview(content.as_buffer())
            yield buffer, None if path is None else path.as_py()


@dataclass(frozen=True)
class _Column:
    """A column of values, some of which may be missing, or all of them.

    Attributes:
        values: pyarrow's array; None where there is no such column.
        valid: False for each row whose struct around the value is missing; None where there is
            no struct.
    """

    values: Any = None
    valid: Sequence[bool] | None = None

    def at(self, row: int) -> Any:
        """Return pyarrow's value of a row; None where it is missing."""
        if self.values is None or (self.valid is not None and not self.valid[row]):
            return None
        value = self.values[row]
        if not value.is_valid:
            return None
        # Of what repeats, a row holds the number alone.
        return value.value if hasattr(self.values, "dictionary") else value

    @property
    def kind(self) -> Any:
        """Type of the values."""
        return value_type(self.values.type)


def value_type(kind: Any) -> Any:
    """Return the type of what is meant, where a type is that of numbers of what repeats."""
    import pyarrow as pa

    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _parts(array: Any, opened: ArrowFile, column: str) -> tuple[_Column, _Column]:
    """Divide a column of pictures into their bytes and their paths."""
    import pyarrow as pa

    if pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        array = _only_of_each(array, opened, column)
    kind, nothing = array.type, _Column()
    if pa.types.is_struct(kind):
        valid = array.is_valid().to_pylist()
        parts = {
            each.name: _Column(array.field(at), valid)
            for at, each in enumerate(kind)
            if not pa.types.is_null(each.type)  # as of files without a single path
        }
        contents, paths = parts.get(_BYTES, nothing), parts.get(_PATH, nothing)
        sound = contents.values is None or _is_bytes(contents.kind)
        sound = sound and (paths.values is None or _is_text(paths.kind))
        if sound and (contents.values, paths.values) != (None, None):
            return contents, paths
    elif _is_bytes(value_type(kind)):
        return _Column(array), nothing
    elif _is_text(value_type(kind)):
        return nothing, _Column(array)
    raise DataError(
        f"the column '{column}' holds {str(kind)[:100]}, and no pictures",
        where=opened.path,
        remedy="Name the column of pictures, or of their paths: --columns image=NAME.",
    )


def _only_of_each(array: Any, opened: ArrowFile, column: str) -> Any:
    """Take the one picture of each row's list."""
    import pyarrow.compute as pc

    lengths = set(pc.list_value_length(array).to_pylist())
    if lengths - {1}:
        raise DataError(
            f"the column '{column}' holds several pictures a row, or none",
            where=opened.path,
            remedy="A question is about one picture: leave the other rows out.",
        )
    return array.flatten()


def _is_bytes(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
