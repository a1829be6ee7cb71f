"""Reading files of tensors, whatever is wrong with them told as an error of the run's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from askattend.errors import RunError


@contextmanager
def opened_tensors(file: Path) -> Iterator[Any]:
    """Open a file of tensors.

    Raises:
        RunError: it is missing or unreadable.
    """
    if not file.is_file():
        raise RunError(
            "missing", where=file, remedy="Train to the end of an epoch, or copy the whole folder."
        )
    try:
        with safe_open(file, framework="pt") as opened:
            yield opened
    except (SafetensorError, OSError) as error:
        raise RunError(f"unreadable ({error})", where=file, remedy="Train again.") from None


def read_tensors(file: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read all tensors of a file and its metadata; raises as `opened_tensors`."""
    with opened_tensors(file) as opened:
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        return tensors, opened.metadata() or {}
