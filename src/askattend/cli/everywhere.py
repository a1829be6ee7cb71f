"""Options that every command has, as help and completion list them; `telling` reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, make_dataclass
from typing import Annotated, Any

import tyro

from askattend.cli.options import Flat


@dataclass(frozen=True)
class Everywhere:
    """Options that every command has; they are read before all others, wherever they stand."""

    quiet: Annotated[
        bool,
        tyro.conf.FlagCreatePairsOff,
        tyro.conf.arg(aliases=["-q"], help="Print results and errors alone."),
    ] = False
    verbose: Annotated[
        bool,
        tyro.conf.FlagCreatePairsOff,
        tyro.conf.arg(
            aliases=["-v"],
            help="Tell versions, threads and caches, too, and how long it took.",
        ),
    ] = False


def with_everywhere(kind: Any, more: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Add to a command's options those that every command has.

    Args:
        kind: the type of its options.
        more: as `tyro.cli` takes it.

    Returns:
        both, changed.
    """
    both = (("own", Annotated[kind, Flat]), ("everywhere", Annotated[Everywhere, Flat]))
    made = make_dataclass("Options", both)
    if "default" not in more:
        return made, dict(more)
    return made, {**more, "default": made(more["default"], Everywhere())}
