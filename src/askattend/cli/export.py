"""``askattend export``: a run as graphs in ONNX, or as a page that answers in the browser."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.filesize import decimal

from askattend.cli.console import parse, print_json, print_notes, progress
from askattend.cli.options import Json, RunFolder
from askattend.environment.packing import run_folder
from askattend.metrics.shares import percent


@dataclass(frozen=True)
class Export:
    """Write a run for other programs: its backbone, its image side and its question side as graphs
    in ONNX, or a folder of static files that answers in the browser."""

    run: RunFolder
    out: Annotated[Path, tyro.conf.arg(metavar="FOLDER")]
    """The folder to write, which must not exist or be empty."""
    format: Annotated[str, tyro.conf.arg(metavar="{onnx,web}")] = "onnx"
    """Graphs with a manifest of all that they need; or these with a page."""
    weights: Annotated[str, tyro.conf.arg(metavar="{float32,int8}")] = "float32"
    """int8: a third of the bytes; its accuracy on validation is told beside that of float32."""
    backbone: bool = True
    """With --no-backbone, the network alone, which is given regions."""
    onnxruntime_web: Path | None = None
    """For a page: npm's package onnxruntime-web, its folder or .tgz; fetched once by default."""
    json: Json = False


def run(argv: list[str]) -> None:
    """Parse the command's options, export, and print what was written."""
    options: Export = parse(Export, argv, "export")
    # Here alone: it brings PyTorch, whose import is slow.
    from askattend.experiment.stopped import stopped_note
    from askattend.exporting.export import export
    from askattend.runs.run_folder import Run

    print_notes(stopped_note(Run.load(run_folder(options.run))))
    console = progress()
    # Half a minute, of which nobody else would know anything.
    told = "making the graphs, and trying them"
    with console.status(told) if console.is_interactive else nullcontext():
        found = export(
            options.run,
            options.out,
            format=options.format,
            weights=options.weights,
            backbone=options.backbone,
            onnxruntime_web=options.onnxruntime_web,
        )
    print_notes(found.manifest.remarks)
    if options.json:
        print_json({"folder": str(found.folder), **found.to_dict()})
        return
    print(
        f"{found.folder}: {', '.join(found.manifest.files)}, manifest.json; {decimal(found.size)}"
    )
    accuracy = found.manifest.accuracy
    if accuracy is not None:
        print(
            f"{percent(accuracy.accuracy)} of {accuracy.questions:,} validation questions answered "
            f"right, {percent(accuracy.float32)} in float32"
        )
