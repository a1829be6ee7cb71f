"""Caches: what is kept to be used again, where it lies, and what it takes of the disk."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec
from filelock import FileLock, Timeout

from askattend.environment.home import cache_folder
from askattend.errors import AskAttendError, ConfigError
from askattend.features.disk import lock_file
from askattend.features.store_files import read_description
from askattend.features.store_index import INDEX, PLAN, Index
from askattend.files import remove, remove_whole

Kind = Literal[
    "packed run",
    "drawings",
    "questions",
    "pictures",
    "onnxruntime-web",
    "kernels",
    "features",
    "imported features",
]
# Parts of the user's cache folder, each with a folder for every thing kept.
PARTS: dict[str, Kind] = {
    "packed": "packed run",
    "scenes": "drawings",
    "rows": "questions",
    "pictures": "pictures",
    "onnxruntime-web": "onnxruntime-web",
    "kernels": "kernels",
}


class Cached(msgspec.Struct, frozen=True):
    """A folder that is kept to be used again.

    Attributes:
        kind: what it holds. All but imported features can be made again, as long as the pictures
            and rows are there.
        path: where it lies.
        files: how many it has.
        bytes: that they take.
        written: when the newest of them was written, UTC: ``"2026-01-31T12:00:00Z"``.
    """

    kind: Kind
    path: str
    files: int
    bytes: int
    written: str

    @property
    def remade(self) -> bool:
        """True where it can be made again from the pictures."""
        return self.kind != "imported features"


def find_cached(folders: Sequence[Path] = ()) -> list[Cached]:
    """List what is cached, the largest first.

    Args:
        folders: where to look for feature stores, at any depth; without any, the user's cache
            folder is looked at, which holds packed runs that were unpacked, generated drawings,
            pictures that were unpacked from files of many, and compiled kernels.

    Raises:
        ConfigError: a folder is not there, or the user has no home folder.
    """
    found = _below(folders) if folders else _of_the_user()
    return sorted(found, key=lambda cached: -cached.bytes)


def unused(cached: Iterable[Cached], days: float) -> list[Cached]:
    """Keep what was written longer ago than so many days."""
    before = datetime.now(UTC) - timedelta(days=days)
    return [each for each in cached if datetime.fromisoformat(each.written) < before]


def clear(cached: Cached) -> None:
    """Delete what is cached, unless it cannot be made again or another process writes to it.

    Raises:
        ConfigError: it is left as it is; says why.
    """
    folder = Path(cached.path)
    if not cached.remade:
        remedy = "Delete the folder yourself if you have its file."
        problem = "was imported: pictures cannot make it again"
        raise ConfigError(problem, where=folder, remedy=remedy)
    with _nobody_else(folder):
        try:
            remove_whole(folder)
        except OSError as error:
            raise _not_deleted(folder, error) from error


def _of_the_user() -> Iterator[Cached]:
    try:
        home = cache_folder()
    except RuntimeError:
        remedy = "Name the cache's folder in the environment variable ASKATTEND_CACHE."
        raise ConfigError("there is no home folder, and so no cache", remedy=remedy) from None
    for part, kind in PARTS.items():
        for folder in _folders(home / part):
            yield _measured(folder, kind)


def _below(folders: Sequence[Path]) -> Iterator[Cached]:
    for top in folders:
        if not top.is_dir():
            raise ConfigError("no such folder", where=top, remedy="Check the path.")
        for place, inner, names in os.walk(top):
            inner.sort()
            if {INDEX, PLAN} & set(names) and any(name.startswith("shard-") for name in names):
                inner.clear()
                yield _measured(Path(place), _kind_of(Path(place)))


def _kind_of(store: Path) -> Kind:
    try:
        index = read_description(store / INDEX, Index)
    except AskAttendError:  # of another version, or damaged
        return "features"
    digests = [each for shard in index.shards for each in shard.digests] if index else []
    return "imported features" if digests and not any(digests) else "features"


def _folders(part: Path) -> list[Path]:
    return sorted(folder for folder in part.glob("*") if folder.is_dir())


def _measured(folder: Path, kind: Kind) -> Cached:
    files = [file.stat() for file in folder.rglob("*") if file.is_file()]
    newest = max((file.st_mtime for file in files), default=folder.stat().st_mtime)
    written = f"{datetime.fromtimestamp(newest, UTC):%Y-%m-%dT%H:%M:%SZ}"
    return Cached(kind, str(folder), len(files), sum(file.st_size for file in files), written)


@contextmanager
def _nobody_else(store: Path) -> Iterator[None]:
    lock = FileLock(lock_file(store))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        problem = "is in use by another process"
        raise ConfigError(problem, where=store, remedy="Try again later.") from None
    except OSError as error:
        raise _not_deleted(store, error) from error
    try:
        yield
    finally:
        lock.release()
        remove(lock_file(store))


def _not_deleted(folder: Path, error: OSError) -> ConfigError:
    reason = error.strerror or str(error)
    remedy = "Is it yours? Delete the folder yourself."
    return ConfigError(f"cannot be deleted ({reason})", where=folder, remedy=remedy)
