"""Packed runs: one file of what answers, for somebody else."""

from __future__ import annotations

import errno
import hashlib
import lzma
import shutil
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import gettempdir
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo, is_zipfile

from askattend.environment.home import cache_folder
from askattend.environment.hub import MOST_FILES, PREFIX, SUFFIXES, named_run, push
from askattend.environment.portable import CONFIG, METRICS, places_of, without_places
from askattend.environment.verbosity import print_details
from askattend.errors import RunError, reason_of
from askattend.files import (
    make_folder,
    remove_tree,
    scratch_folder,
    whole_file,
    whole_folder,
    write_whole,
)
from askattend.files.archives import require_usual
from askattend.files.manifest import MANIFEST, UNPACKED, Entry, Manifest, read_manifest
from askattend.files.recording import encode

# What goes on with a training, and what a network was distilled from, is not needed to answer.
LEFT_OUT = ("last.safetensors", "soft_answers.safetensors", "search.json", MANIFEST)
_CARD = "README.md"
EVALUATION = (METRICS, "predictions.json", "results.json")
# The earliest that a zip file can tell: the same run has the same bytes whenever it is packed.
_DATE = (1980, 1, 1, 0, 0, 0)
# No run is so much larger than its pack; what says so was made to fill a disk.
_MOST_TIMES = 200
_LONGEST_NAME, _LONGEST_PART = 400, 200
# What reading a damaged zip file raises: its parts may be packed in several ways.
_DAMAGE = (
    *(BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError),
    *(
        zlib.error,
        lzma.LZMAError,
        struct.error,
        FileExistsError,
        NotADirectoryError,
        IsADirectoryError,
    ),
)


def pack(run: Path, file: Path) -> int:
    """Write what of a run folder answers, and the figures of its evaluations, into a zip file.

    Settings and figures lose the folders that data lay in; the rest is as it was. Left out are the
    optimizer, logs, reports, which show pictures, and caches.

    Args:
        run: the run folder, or a packed run.
        file: the zip file.

    Returns:
        its size in bytes.

    Raises:
        RunError: it is no run, has no weights yet, a file of it is not as it was written, or `file`
            is a folder.
    """
    run = _answering_run(run)
    if file.is_dir():
        raise RunError("is a folder", where=file, remedy="Name a file, such as run.zip.")
    make_folder(file.parent)
    with whole_file(file) as unfinished, ZipFile(unfinished, "w", ZIP_DEFLATED) as packed:
        for member, content in _portable_files(run):
            packed.writestr(_entry(member), content, ZIP_DEFLATED)
    return file.stat().st_size


def write_portable(run: Path, folder: Path) -> None:
    """Write into a folder what `pack` writes into a file; the folder appears whole or not at all.

    Raises:
        RunError: as for `pack`; or the folder is there and not empty.
    """
    run = _answering_run(run)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        remedy = "Name a new folder, or remove what is in it."
        raise RunError("is there already, and not an empty folder", where=folder, remedy=remedy)
    make_folder(folder.parent)
    with whole_folder(folder) as unfinished:
        for member, content in _portable_files(run):
            make_folder((unfinished / member).parent)
            write_whole(unfinished / member, [content])


def push_run(
    run: Path,
    repository: str,
    *,
    private: bool = False,
    token: str | None = None,
    message: str | None = None,
) -> str:
    """Write what `pack` writes to a repository of the model hub; see `Predictor.push_to_hub`."""
    with scratch_folder(Path(gettempdir()) / "askattend-push") as kept:
        folder = kept / "run"
        write_portable(run, folder)
        card = folder / _CARD
        if card.is_file():  # whoever reads it there loads it from there
            text = card.read_text(encoding="utf-8").replace('"RUN"', f'"{PREFIX}{repository}"')
            write_whole(card, text.encode())
        return push(folder, repository, private=private, token=token, message=message)


def run_folder(path: str | Path) -> Path:
    """Return the folder of a run: `path`, where a packed one is unpacked, or a named one lies.

    A packed run is unpacked into a folder of the user's cache, named by the pack's content; for
    runs with a name see `named_run`.

    Raises:
        RunError: the file is no packed run, or the hub does not have the run.
    """
    path = named_run(path)
    if not path.is_file():
        return path
    if not is_packed(path):
        problem = "is neither a run folder nor a packed run"
        raise RunError(problem, where=path, remedy="Pack one with: askattend pack RUN FILE.zip.")
    with path.open("rb") as opened:
        digest = hashlib.file_digest(opened, lambda: hashlib.blake2b(digest_size=12)).hexdigest()
    try:
        folder = _cache() / digest / (path.stem.strip(".") or "run")
    except RuntimeError:
        remedy = "Name a folder for it in the environment variable ASKATTEND_CACHE."
        raise RunError("no home folder to unpack it into", where=path, remedy=remedy) from None
    if not (folder / CONFIG).is_file():
        _unpack(path, folder)
    print_details(f"{path} is unpacked in {folder}")
    return folder


def is_packed(path: Path) -> bool:
    """Tell a packed run by its first and last bytes, whatever it is called."""
    return path.is_file() and is_zipfile(path)  # a pipe would be waited for


def damaged_members(file: Path) -> Iterator[tuple[int, RunError | None]]:
    """Compare each part of a packed run with its own checksum.

    Yields:
        how many parts were compared, and what is wrong with them, if anything is.
    """
    try:
        with _damage(file), ZipFile(file) as packed:
            for entry in _wanted(packed, file).values():
                try:
                    with _damage(f"{file}, {entry.filename}"), packed.open(entry) as opened:
                        while opened.read(2**20):
                            pass
                    yield 1, None
                except RunError as error:
                    yield 1, error
    except RunError as error:
        yield 0, error


def is_unpacked(folder: Path) -> bool:
    """Tell whether a folder is one that a packed run was unpacked into."""
    try:
        return folder.resolve().is_relative_to(_cache().resolve())
    except RuntimeError:  # there is no home folder, and so no cache
        return False


def _answering_run(run: Path) -> Path:
    """Return the folder of a run that can answer."""
    run = run_folder(run)
    if not (run / CONFIG).is_file():
        raise RunError("not a run folder (no config.toml)", where=run, remedy="Check the path.")
    if not (run / "best.safetensors").is_file():
        raise RunError("has no weights yet", where=run, remedy="Train it to an end first.")
    return run


def _portable_files(run: Path) -> Iterator[tuple[str, bytes]]:
    """Yield each file that goes with a run, and its content; the manifests come last."""
    places = places_of(run)
    manifests: dict[PurePosixPath, dict[str, Entry]] = {}
    for member in sorted(_members(run)):
        content = without_places(run / member, places)
        yield member, content
        place = PurePosixPath(member)
        manifests.setdefault(place.parent, {})[place.name] = Entry.of(content)
    for folder, files in manifests.items():
        yield str(folder / MANIFEST), encode(Manifest(files))


def _cache() -> Path:
    return cache_folder() / "packed"


def _members(run: Path) -> Iterator[str]:
    """Yield the files of a run that are packed: what it lists, and nothing of its owner's own."""
    try:
        manifest = read_manifest(run)
    except ValueError:
        manifest = None  # told when the first file is read
    for file in run.iterdir():
        own = manifest is not None and file.name not in (*manifest.files, *manifest.writing, _CARD)
        if file.is_file() and file.suffix in SUFFIXES and file.name not in LEFT_OUT and not own:
            yield file.name
    for name in EVALUATION:
        for file in run.rglob(f"*/{name}"):
            relative = file.relative_to(run)
            if not any(part.startswith((".", "teachers")) for part in relative.parts):
                yield relative.as_posix()


def _entry(member: str) -> ZipInfo:
    entry = ZipInfo(member, _DATE)
    entry.external_attr = 0o644 << 16
    return entry


def _unpack(file: Path, folder: Path) -> None:
    """Unpack what a run folder holds, and nothing else; the folder appears whole or not at all."""
    try:
        with whole_folder(folder) as unfinished:
            with _damage(file), ZipFile(file) as packed:
                for member, entry in _wanted(packed, file).items():
                    target = unfinished / member
                    make_folder(target.parent)
                    with packed.open(entry) as source, whole_file(target) as opened:
                        shutil.copyfileobj(source, opened)
            write_whole(unfinished / UNPACKED, b"")
            if not (folder / CONFIG).is_file():  # what somebody has removed a part of
                remove_tree(folder)
    except OSError:
        if not (folder / CONFIG).is_file():  # else another process was quicker, and may read it
            raise


@contextmanager
def _damage(where: object) -> Iterator[None]:
    """Turn what reading a damaged zip file raises into one kind of error."""
    try:
        yield
    except (*_DAMAGE, OSError) as error:
        # Of the system's own errors alone that for a place before the file's beginning.
        if not isinstance(error, _DAMAGE) and error.errno != errno.EINVAL:
            raise
        problem = f"the zip file is damaged ({reason_of(error)})"
        remedy = "Fetch it again, or pack the run again."
        raise RunError(problem, where=where, remedy=remedy) from None


def _wanted(packed: ZipFile, file: Path) -> dict[str, ZipInfo]:
    """Select the entries of a run: its path within the run folder → the entry.

    Somebody may have packed the folder by hand, with a folder around all.
    """
    require_usual(packed)
    names = {PurePosixPath(entry.filename): entry for entry in packed.infolist()}
    roots = sorted((n.parent for n in names if n.name == CONFIG), key=lambda path: len(path.parts))
    if not roots:
        remedy = "Pack one with: askattend pack RUN FILE.zip."
        raise RunError("holds no run (no config.toml)", where=file, remedy=remedy)
    wanted = {
        name.relative_to(roots[0]).as_posix(): entry
        for name, entry in names.items()
        if name.is_relative_to(roots[0])
        and not name.is_absolute()
        and not {"..", ""} & set(name.parts)
        and not set("\\:") & set(entry.filename)
        and name.suffix in SUFFIXES
        and not entry.is_dir()
        and len(entry.filename) <= _LONGEST_NAME
        and all(len(part.encode(errors="replace")) <= _LONGEST_PART for part in name.parts)
    }
    if len(wanted) > MOST_FILES:
        raise RunError(f"holds {len(wanted):,} files, more than a run can", where=file)
    unpacked = sum(entry.file_size for entry in wanted.values())
    if unpacked > _MOST_TIMES * max(file.stat().st_size, 2**20):
        raise RunError(f"would unpack to {unpacked:,} bytes, more than a run can", where=file)
    return wanted
