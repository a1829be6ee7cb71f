"""Files that ``torch.save`` wrote, read without running anything that is pickled in them."""

from __future__ import annotations

import json
import re
import shlex
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch

from askattend.errors import RunError

ORIGIN = "Give a log as pytorch-vqa's train.py writes it (logs/….pth)."


def load_plain(file: Path) -> Any:
    """Load a log that ``torch.save`` wrote, of tensors and plain Python values alone.

    Raises:
        RunError: it is missing, damaged, or holds other objects: then with a command that saves
            what is needed of it.
    """
    if not file.is_file():
        problem = "a folder, not a file" if file.is_dir() else "no such file"
        raise RunError(problem, where=file, remedy="Name a log of pytorch-vqa, logs/….pth.")
    try:
        _require_sound(file)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on the age of the file's format
            return torch.load(file, map_location="cpu", weights_only=True)
    except MemoryError:
        remedy = "Free some memory."
        raise RunError("does not fit in memory", where=file, remedy=remedy) from None
    except Exception as error:  # an unpickler may raise anything at all on a damaged file
        raise _unreadable(file, error) from error


def _require_sound(file: Path) -> None:
    """Compare a zip archive with its own checksums, which torch does not look at."""
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            # Packed, a few kilobytes may unpack to any size; torch packs nothing.
            if any(_is_packed(member) for member in archive.infolist()):
                raise zipfile.BadZipFile("its parts are packed, as torch does not write them")
            if damaged := archive.testzip():
                raise zipfile.BadZipFile(f"checksum of {damaged}")


def _is_packed(member: zipfile.ZipInfo) -> bool:
    return member.compress_type != zipfile.ZIP_STORED or member.file_size != member.compress_size


def _unreadable(file: Path, error: Exception) -> RunError:
    """Make the error for what torch does not read; its own words are advice for other cases."""
    # Torch names the object that it did not unpickle.
    refused = re.search(r"GLOBAL (\S+)", str(error))
    if refused or "legacy .tar" in str(error):
        objects = f" ({refused[1]})" if refused else ", as torch wrote them at first"
        return RunError(
            f"holds objects other than tensors and plain Python values{objects}; reading them may "
            "run code",
            where=file,
            remedy=f"If you trust the file, save what is needed of it: {_resaving(file)}",
        )
    if isinstance(error, zipfile.BadZipFile):
        return RunError(f"damaged ({error})", where=file, remedy="Copy or download it again.")
    if isinstance(error, PermissionError):
        return RunError("may not be read", where=file, remedy="Check its permissions.")
    return RunError("not a file that torch.save wrote, or damaged", where=file, remedy=ORIGIN)


def _resaving(file: Path) -> str:
    """Write a command that saves what is needed of a log; as it unpickles, the user runs it."""
    small = file.with_name(f"{file.stem}-plain.pth")
    # In double quotes throughout, so that the shell's single ones can stand around it.
    code = (
        f"import torch; log = torch.load({json.dumps(str(file))}, "
        'map_location="cpu", weights_only=False); torch.save({key: log[key] for key in '
        f'("weights", "vocab", "config") if key in log}}, {json.dumps(str(small))})'
    )
    return f"python -c {shlex.quote(code)}"
