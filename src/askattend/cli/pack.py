"""``askattend pack``: a run as one file, for somebody else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.filesize import decimal
from tyro.conf import Positional

from askattend.cli.console import parse, print_json, print_notes
from askattend.cli.options import Json, RunFolder
from askattend.environment.packing import pack

_EVALUATED = (
    "its evaluations go along: the questions that were asked, people's and its own answers, and "
    "the names of pictures"
)


@dataclass(frozen=True)
class Pack:
    """Write a run into one file, which every command takes in the place of the run folder."""

    run: RunFolder
    file: Annotated[Positional[Path], tyro.conf.arg(metavar="FILE.zip")]
    """The packed run: weights, vocabularies, figures, model card; no optimizer, log or picture,
    and no folder that its data lay in. Of its evaluations go along the questions that were asked,
    people's and its own answers, and the names of pictures."""
    json: Json = False


def run(argv: list[str]) -> None:
    """Parse the command's options, pack, and print the file."""
    options: Pack = parse(Pack, argv, "pack")
    require_shareable(options.run)
    size = pack(options.run, options.file)
    if options.json:
        print_json({"run": str(options.run), "file": str(options.file), "bytes": size})
    else:
        print(f"{options.file}: {decimal(size)}")
    if any(options.run.glob("evaluations/*/predictions.json")):
        print_notes([_EVALUATED])


def require_shareable(folder: Path) -> None:
    """Refuse a run that cannot answer, or that holds another's evaluations; note one cut short."""
    # Here alone: it brings PyTorch, whose import is slow.
    from askattend.experiment.stopped import stopped_note
    from askattend.experiment.verify import require_own_evaluations
    from askattend.runs.run_folder import Run

    run = Run.load(folder)
    run.require_weights()
    print_notes(stopped_note(run))
    require_own_evaluations(run.folder)
