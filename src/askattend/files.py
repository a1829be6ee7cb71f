"""Files that are either whole or not there."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def write_whole(file: Path, content: bytes) -> None:
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
