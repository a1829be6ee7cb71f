"""What tests of several readers do: write JSON files, and expect refusals."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from askattend.data.questions import QASet
from askattend.errors import DataError


def save(file: Path, content: object) -> Path:
    """Write a JSON file, packed if it is called so; returns its folder."""
    file.parent.mkdir(parents=True, exist_ok=True)
    data = json.dumps(content).encode()
    file.write_bytes(gzip.compress(data, mtime=0) if file.suffix == ".gz" else data)
    return file.parent


def refused_by(read: Callable[[Path], QASet]) -> Callable[[Path, str], None]:
    def refuse(folder: Path, message: str) -> None:
        with pytest.raises(DataError, match=message):
            read(folder)

    return refuse
