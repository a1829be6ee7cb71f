"""A run's files for somebody else: of folders that its data lay in, the last part is left."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import msgspec

from askattend.environment.home import expanded, shortened
from askattend.errors import RunError
from askattend.files import decode_json, read_whole
from askattend.files.manifest import require_unchanged
from askattend.settings import read_toml, toml_bytes

CONFIG, METRICS = "config.toml", "metrics.json"
# A place within a source, or a file: from the root, the home folder or the working directory on;
# on Windows from a drive or a host on.
_PLACE = re.compile(
    r"^([\w-]{2,}:)?((?:~|\.{1,2})?/.+|(?:[A-Za-z]:|~|\.{1,2})[\\/].+|\\\\.+)$", re.DOTALL
)


def places_of(run: Path) -> dict[str, str]:
    """Map each path that the settings name, and the run's own → its last part; long ones first."""
    named = [str(run.resolve()), *_texts(read_toml(run / CONFIG))]
    paths = {found[2] for text in named if (found := _PLACE.match(text))}
    both = paths | set(expanded({path: path for path in paths}).values())
    both |= set(map(shortened, paths))
    # A source's options stand behind its place, and notes name the place alone.
    both |= {re.sub(r"(,\w+=[^,=/]*)+$", "", path) for path in both}
    return {path: _last_part(path) for path in sorted(both, key=len, reverse=True)}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def without_places(file: Path, places: Mapping[str, str]) -> bytes:
    """Read a file; of paths in settings, figures and texts, only the last part is left."""
    if file.suffix != ".md":  # which its owner may edit
        require_unchanged(file, RunError)
    content = read_whole(file)
    if file.name == CONFIG:
        tables = _portable(read_toml(file), places)
        tables.pop("features", None)  # a store of the machine that it was trained on
        return toml_bytes(tables)
    if file.suffix == ".md":
        return _named(content.decode("utf-8", errors="replace"), places).encode()
    # Answers, words and what is paired by name stay as they are.
    if file.name in (METRICS, "features.json", "origin.json"):
        told = _portable(decode_json(content), places)
        return msgspec.json.format(msgspec.json.encode(told))
    return content


def _portable(value: Any, places: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {key: _portable(each, places) for key, each in value.items()}
    if isinstance(value, list):
        return [_portable(each, places) for each in value]
    if not isinstance(value, str):
        return value
    if found := _PLACE.match(value):
        return f"{found[1] or ''}{_last_part(found[2])}"
    return _named(value, places)


def _last_part(path: str) -> str:
    windows = "\\" in path or re.match("[A-Za-z]:", path)
    return (PureWindowsPath if windows else PurePosixPath)(path).name


def _named(text: str, places: Mapping[str, str]) -> str:
    for path, name in places.items():
        # Not within a longer path, and not what merely begins alike.
        text = re.sub(
            rf"(?<![\w./~-]){re.escape(path)}(?![\w-]|\.\w)", name.replace("\\", r"\\"), text
        )
    return str(shortened(text))
