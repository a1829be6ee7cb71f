"""``askattend cache``: what is kept to be used again, and how to be rid of it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import tyro
from rich.filesize import decimal
from tyro.conf import FlagCreatePairsOff, Positional

from askattend.cli.console import parse, print_json
from askattend.cli.options import Json
from askattend.errors import ConfigError
from askattend.features.caches import Cached, clear, find_cached, unused


@dataclass(frozen=True)
class Cache:
    """List what is kept to be used again: packed runs and drawings of the user's cache folder, or
    the feature stores below folders.

    Features lie beside the runs that they were made for (runs/features, say)."""

    folders: Annotated[Positional[tuple[Path, ...]], tyro.conf.arg(metavar="[FOLDER …]")] = ()
    """Where to look for feature stores, at any depth, instead of the user's cache folder."""
    older_than: Annotated[float, tyro.conf.arg(metavar="DAYS")] = 0.0
    """Only what was written longer ago."""
    clear: FlagCreatePairsOff[bool] = False
    """Delete what is listed; imported features, which pictures cannot make again, stay."""
    json: Json = False


def run(argv: list[str]) -> None:
    """Parse the command's options, list, delete if that is asked for; 1 if something is left."""
    options: Cache = parse(Cache, argv, "cache")
    if not 0 <= options.older_than < float("inf"):
        raise ConfigError("is no number of days", where="--older-than", remedy="Give 30, say.")
    cached = unused(find_cached(options.folders), options.older_than)
    left = _clear(cached) if options.clear else {}
    if options.json:
        told = [{**msgspec.structs.asdict(each), "remade": each.remade} for each in cached]
        print_json({"cached": told, "cleared": options.clear, "left": left})
    else:
        print(_table(cached, options, left))
    if left:
        sys.stdout.flush()
        sys.exit(1)


def _clear(cached: list[Cached]) -> dict[str, str]:
    """Delete what can be; return what is left, and why."""
    left = {}
    for each in cached:
        try:
            clear(each)
        except ConfigError as error:
            left[each.path] = error.problem
            print(f"note: {error}", file=sys.stderr)
    return left


def _table(cached: list[Cached], options: Cache, left: dict[str, str]) -> str:
    lines = [
        f"{decimal(each.bytes):>9}  {each.kind:17} {each.written[:10]}  {each.path}"
        for each in cached
    ]
    gone = [each for each in cached if options.clear and each.path not in left]
    whole = sum(each.bytes for each in (gone if options.clear else cached))
    word = "deleted" if options.clear else "in all"
    return "\n".join([*lines, f"{decimal(whole):>9}  {word}"])
