"""Manifests: what each file of a folder is, so that a damaged or exchanged one gives itself up.

``manifest.json`` maps names to lengths and digests. It cannot change in the same instant as the
file that it tells of, so it is written twice (see `recording`): before, with what the file is about
to become beside what it is, and after. Killed at any instant, the file is one that it allows.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shlex
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path, PurePath
from typing import Any

import msgspec

from askattend.errors import AskAttendError, reason_of
from askattend.files.reading import decode_json, open_plain, read_whole

MANIFEST = "manifest.json"
# Marks a folder that was unpacked from one file, which can be done again.
UNPACKED = ".unpacked"
# Readings of a file that somebody replaces meanwhile, before it counts as another one.
_TRIES = 10
_READ = "Check that it is a file, and that you may read it."


class OlderFolderWarning(UserWarning):
    """A folder of an earlier version, which has no manifest."""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file's length in bytes, and its SHA-256 as ``sha256sum`` writes it."""

    # Of the standard library's digests the quickest where processors have instructions for it.
    size: int
    sha256: str

    @classmethod
    def of(cls, content: bytes | Iterable[bytes | memoryview]) -> Entry:
        """Describe a file's content, or the pieces that it consists of."""
        size, total = 0, hashlib.sha256()
        for piece in [content] if isinstance(content, bytes) else content:
            total.update(piece)
            size += len(piece)
        return cls(size, total.hexdigest())

    @classmethod
    def of_file(cls, file: Path) -> Entry | None:
        """Describe a file; None where there is none that can be read."""
        try:
            return cls.of_readable(file)
        except OSError:
            return None

    @classmethod
    def of_readable(cls, file: Path) -> Entry | None:
        """Describe a file; None where there is none.

        Raises:
            OSError: it cannot be read, or is a pipe or a device, which has no end.
        """
        try:
            with open_plain(file) as opened:
                size = os.fstat(opened.fileno()).st_size
                return cls(size, hashlib.file_digest(opened, "sha256").hexdigest())
        except (FileNotFoundError, NotADirectoryError):
            return None


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Files of a folder.

    Attributes:
        files: name → what it holds.
        writing: the same of files that are being replaced, as they will be; None for one that is
            being removed.
        seal: digest of both: nothing else would tell that the manifest itself is damaged.
    """

    files: dict[str, Entry] = {}
    writing: dict[str, Entry | None] = {}
    seal: str = ""

    def sealed(self) -> Manifest:
        """Return it with its own digest."""
        return msgspec.structs.replace(self, seal=self._digest())

    @property
    def whole(self) -> bool:
        """True where it is as it was written."""
        return self.seal == self._digest()

    def allows(self, name: str, found: Entry | None) -> bool:
        """Return True where a file may hold that, or may be missing if nothing was found."""
        wanted = self.files.get(name)
        return found == wanted or (name in self.writing and found == self.writing[name])

    def _digest(self) -> str:
        listed = msgspec.json.encode((self.files, self.writing), order="sorted")
        return hashlib.sha256(listed).hexdigest()


class Change(msgspec.Struct, frozen=True):
    """A file that is not what its folder's manifest says: what is wrong, and what to do."""

    problem: str
    remedy: str


def read_manifest(folder: Path) -> Manifest | None:
    """Read a folder's manifest; None where it has none, as those of earlier versions.

    Raises:
        ValueError: it is damaged.
    """
    try:
        manifest = decode_json(read_whole(folder / MANIFEST), Manifest)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise ValueError(f"{MANIFEST} is damaged ({reason_of(error)})") from None
    if not all(map(_is_name, (*manifest.files, *manifest.writing))):
        raise ValueError(f"{MANIFEST} is damaged (it lists files of other folders)")
    if not manifest.whole:
        raise ValueError(f"{MANIFEST} is damaged (it is not what its own digest says)")
    return manifest


def find_change(file: Path, found: Callable[[], Entry | None] | None = None) -> Change | None:
    """Compare a file with its folder's manifest; None where it is as it was written.

    So is any file of a folder without a manifest.

    Args:
        file: the file.
        found: reads the file, and describes it; None where there is none. By default only its
            digest is computed.
    """
    found = found or (lambda: Entry.of_readable(file))
    try:
        manifest = read_manifest(file.parent)
        for _ in range(_TRIES):
            now = found()
            if manifest is None or manifest.allows(file.name, now):
                return None
            before, manifest = manifest, read_manifest(file.parent)
            if before == manifest:  # else somebody is replacing the file, which is looked at again
                break
    except ValueError as error:
        return Change(f"cannot be checked: {error}", _remedy(file.parent))
    except OSError as error:
        return Change(f"cannot be read ({reason_of(error)})", _READ)
    assert manifest is not None, "a manifest stays as long as its folder"
    return Change(_difference(manifest, file.name, now), _remedy(file.parent))


def require_unchanged(file: Path, error: type[AskAttendError]) -> None:
    """Refuse a file that is not as it was written, or is missing though it was; raises `error`."""
    if (change := find_change(file)) is not None:
        raise error(change.problem, where=file, remedy=change.remedy)


def require_together(folder: Path, names: Iterable[str], error: type[AskAttendError]) -> None:
    """Refuse files of which a killed process has replaced some, and not others; raises `error`."""
    try:
        manifest = read_manifest(folder)
    except ValueError:
        return  # told by whatever file of the folder is read
    writing = manifest.writing if manifest is not None else {}
    now = {name: Entry.of_file(folder / name) for name in names if name in writing}
    if manifest is None or now == {name: writing[name] for name in now}:
        return
    if now != {name: manifest.files.get(name) for name in now}:
        remedy = "Do what wrote it again."
        raise error("was being written when something stopped it", where=folder, remedy=remedy)


def read_unchanged(file: Path, error: type[AskAttendError]) -> bytes:
    """Read a file that its folder's manifest vouches for.

    Raises:
        AskAttendError: of the type `error`: it is not as it was written.
        OSError: it cannot be read.
    """
    content: bytes | None = None

    def read() -> Entry | None:
        nonlocal content
        try:
            content = read_whole(file)
        except FileNotFoundError:
            content = None
        return None if content is None else Entry.of(content)

    if (change := find_change(file, read)) is not None:
        raise error(change.problem, where=file, remedy=change.remedy)
    if content is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(file))
    return content


def decode_unchanged(file: Path, kind: Any, error: type[AskAttendError], *, remedy: str) -> Any:
    """Read JSON of the type `kind` from a file that its folder's manifest vouches for.

    Raises:
        AskAttendError: of the type `error`: it is missing, unreadable or not as it was written.
    """
    try:
        return decode_json(read_unchanged(file, error), kind)
    except error:
        raise
    except FileNotFoundError:
        raise error("missing", where=file, remedy=remedy) from None
    except (OSError, msgspec.DecodeError, AskAttendError) as problem:
        raise error(f"unreadable ({reason_of(problem)})", where=file, remedy=remedy) from None


def warn_without_manifest(folder: Path, what: str) -> None:
    """Warn of a folder that has no manifest, as those of earlier versions: damage goes unnoticed.

    Args:
        folder: the folder.
        what: the word for what it holds.
    """
    if not (folder / MANIFEST).exists():
        warnings.warn(
            f"{folder}: this {what} has no {MANIFEST}, by which damaged or exchanged files are "
            f"found. If it is whole, run: {_accepting(folder)}",
            OlderFolderWarning,
            stacklevel=3,
        )


def is_expected(file: Path) -> bool:
    """Return True for a file that is there, or should be by its folder's manifest."""
    if file.exists():
        return True
    try:
        manifest = read_manifest(file.parent)
    except ValueError:
        return False  # told by whatever file of the folder is read
    return manifest is not None and not manifest.allows(file.name, None)


def _is_name(name: str) -> bool:
    return name not in ("", "..") and PurePath(name).name == name and "\\" not in name


def _difference(manifest: Manifest, name: str, found: Entry | None) -> str:
    wanted = manifest.files.get(name) or manifest.writing.get(name)
    if wanted is None:
        return f"does not belong here: {MANIFEST} does not list it"
    if found is None:
        return f"is missing: {MANIFEST} lists it"
    if found.size != wanted.size:
        return f"is not as it was written: {found.size:,} bytes, not {wanted.size:,}"
    return f"is not as it was written: its SHA-256 is not that in {MANIFEST}"


def _remedy(folder: Path) -> str:
    unpacked = (each for each in (folder, *folder.parents[:3]) if (each / UNPACKED).exists())
    if (cached := next(unpacked, None)) is not None:
        remove = f"Remove {cached}, and name the packed run again: it is unpacked anew"
        return f"{remove}. If it stays so, fetch the packed run again."
    command = _accepting(folder)
    return f"Copy the whole folder again; if it was changed on purpose, run: {command}"


def _accepting(folder: Path) -> str:
    return f"askattend verify {shlex.quote(str(folder))} --accept"
