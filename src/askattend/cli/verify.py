"""``askattend verify``: which files of a run or a store are not as they were written."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import tyro
from tyro.conf import FlagCreatePairsOff, Positional

from askattend.cli.console import parse, print_json, print_notes
from askattend.cli.options import Json
from askattend.experiment.verify import Verification, accept_changes, verify


@dataclass(frozen=True)
class Verify:
    """Compare every file of a run, or of a feature store, with the digest that it was written with.

    Exits with status 1 if any is damaged, missing or another one; each is named."""

    path: Annotated[Positional[Path], tyro.conf.arg(metavar="RUN|STORE")]
    """A run folder, a packed run, a feature store, the folder of an evaluation, or of the results
    of predict."""
    accept: FlagCreatePairsOff[bool] = False
    """Take the files of a run, or of an evaluation, for what they are to be, from now on: after you
    have changed one on purpose, or for a run of an earlier version."""
    json: Json = False


def run(argv: list[str]) -> None:
    """Parse the command's options, compare, print what is damaged, and exit with 1 if any is."""
    options: Verify = parse(Verify, argv, "verify")
    found = accept_changes(options.path) if options.accept else verify(options.path)
    print_notes(found.notes)
    if options.json:
        print_json({**msgspec.structs.asdict(found), "whole": found.whole})
    else:
        print(_text(found))
    if not found.whole:
        sys.stdout.flush()
        sys.exit(1)


def _text(found: Verification) -> str:
    """Name each damaged file in a line, or say that there is none."""
    lines = [f"{one.file}: {one.problem}. {one.remedy}".rstrip() for one in found.damaged]
    files = f"{found.files:,} file{'' if found.files == 1 else 's'}"
    if lines:
        lines.append(f"{found.path} ({found.kind}): {len(lines)} damaged, of {files}")
    else:
        lines.append(f"{found.path} ({found.kind}): {files}, all as they were written")
    return "\n".join(lines)
