"""Paths of the user's home folder: written with ``~``, so that no file names somebody."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CACHE = "ASKATTEND_CACHE"
# At the beginning of a text, or of what stands behind the name of a source: "table:~/q.csv".
_TILDE = re.compile(r"(^|:)~(?=/|$)")


def shortened(value: Any) -> Any:
    """Return texts, and lists and tables of them, with ``~`` for the user's home folder."""
    home = _home()
    if home is None:
        return value
    # Not within a longer path, and not a folder whose name merely begins alike.
    pattern = re.compile(rf"(?<![\w./~-]){re.escape(home)}(?![\w-]|\.\w)")
    return _mapped(value, lambda text: pattern.sub("~", text))


def expanded(value: Any) -> Any:
    """Return what `shortened` was given, on the same machine."""
    home = _home()
    if home is None:
        return value
    return _mapped(value, lambda text: _TILDE.sub(lambda found: f"{found[1]}{home}", text))


def cache_folder() -> Path:
    """Return the folder for what can be made again.

    The environment's `CACHE` names it, or else it lies in the user's own.

    Raises:
        RuntimeError: the user has no home folder.
    """
    if named := os.environ.get(CACHE):
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "askattend"


def _home() -> str | None:
    """Return the home folder; None where there is none, or it is the root of all paths."""
    try:
        home = str(Path.home())
    except RuntimeError:
        return None
    return home if len(home) > 1 else None


def _mapped(value: Any, change: Any) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {key: _mapped(each, change) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_mapped(each, change) for each in value)
    return value
