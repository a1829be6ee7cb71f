"""Writing files whole or not at all, and telling their content and their names."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

from askattend.files.reading import open_plain


def digest(content: bytes) -> str:
    """Compute what tells a file's content: 32 hexadecimal digits of its BLAKE2b."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def digest_of(file: Path) -> str | None:
    """Compute the `digest` of a file of any size; None where it is not there."""
    try:
        with open_plain(file) as opened:
            return hashlib.file_digest(opened, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError:
        return None


def readable(text: str) -> str:
    r"""Return text that can be written: bytes of file names that are no UTF-8 as ``\xe9``.

    >>> readable("caf\udce9.png")
    'caf\\xe9.png'
    """
    try:
        text.encode()
        return text
    except UnicodeEncodeError:
        data = text.encode("utf-8", "surrogateescape" if _is_name(text) else "surrogatepass")
        return data.decode("utf-8", "backslashreplace")


def _is_name(text: str) -> bool:
    """Tell bytes of a file's name, as Python holds them, from other halves of characters."""
    return not any("\ud800" <= char < "\udc80" or "\udcff" < char <= "\udfff" for char in text)


def atomic_write(file: Path, content: bytes) -> None:
    """Write a file so that a reader, or a crash, never meets half of it."""
    unfinished = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        with unfinished.open("wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())  # its name must not reach the disk before its content does
        os.replace(unfinished, file)
    finally:
        unfinished.unlink(missing_ok=True)
