"""Reading the files of a feature store, which may be damaged or half written."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import msgspec
from safetensors import SafetensorError, safe_open

from askattend.errors import FeatureError
from askattend.features.levels import levels_layout
from askattend.features.spec import FeatureSpec
from askattend.features.store_index import VERSION, Index, Plan, Shard, WrittenShard
from askattend.files import decode_json, open_plain
from askattend.files.manifest import read_unchanged
from askattend.installation import upgrade

METADATA = "askattend"

T = TypeVar("T", bound=Plan | Index)


def read_written(folder: Path, spec: FeatureSpec, shard: Shard) -> WrittenShard | None:
    """Read what became of a shard's images; None if the file is not complete and as planned."""
    expected = levels_layout(len(shard.images), spec.grids, spec.dtype)
    try:
        with open_tensors(folder / shard.name) as opened:
            written = description_of(opened)
            shapes = {name: tuple(opened.get_slice(name).get_shape()) for name in expected}
    # Half a shard is none: it is extracted again.
    except (SafetensorError, OSError):
        return None
    complete = all(shapes[name] == shape for name, (shape, _) in expected.items())
    return written if written is not None and written.shard == shard and complete else None


def open_tensors(file: Path) -> Any:
    """Open a file of tensors, to be mapped.

    Raises:
        OSError: it is missing, or no file on a disk: a pipe in its place would be waited for.
        SafetensorError: it is damaged.
    """
    open_plain(file).close()
    return safe_open(file, "pt")


def description_of(opened: Any) -> WrittenShard | None:
    """Return what an opened shard says of itself; None where that is damaged, or nothing."""
    try:
        return decode_json((opened.metadata() or {}).get(METADATA, ""), WrittenShard)
    except msgspec.DecodeError:
        return None


def read_description(file: Path, kind: type[T]) -> T | None:
    """Read a store's plan or index; None if there is none.

    Raises:
        FeatureError: it is damaged, or of another version.
    """
    try:
        content = read_unchanged(file, FeatureError)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise damaged(file, error.strerror or str(error)) from error
    try:
        version = decode_json(content, dict[str, msgspec.Raw]).get("version")
        # Asked before the rest is decoded, which may have changed since.
        if version is not None and (found := int(bytes(version))) != VERSION:
            newer = found > VERSION
            raise FeatureError(
                f"the store is of {'a newer' if newer else 'an older'} format "
                f"({found}, not {VERSION})",
                where=file,
                remedy=upgrade() if newer else "Delete the store and extract it again.",
            )
        return decode_json(content, kind)
    except (msgspec.MsgspecError, ValueError) as error:
        raise damaged(file, str(error)) from error
    except FeatureError as error:  # of a spec that cannot be, which knows no file
        raise error if error.where is not None else damaged(file, error.problem) from None


def damaged(file: Path, reason: str, *, imported: bool = False) -> FeatureError:
    """Make the error for a damaged file of a store, of imported features or those made here."""
    if imported:
        remedy = "Delete the store and import its features again."
        return FeatureError(f"damaged ({reason.rstrip('.')})", where=file, remedy=remedy)
    return FeatureError(
        f"damaged ({reason.rstrip('.')})",
        where=file,
        remedy="Delete this file and run the same extraction again."
        if file.suffix == ".safetensors"
        else "Delete the store and extract it again.",
    )
