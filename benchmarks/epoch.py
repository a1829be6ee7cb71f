"""Time of an epoch of the demo, its validation included."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import numpy as np
from PIL import Image
from rich.console import Console

from askattend.experiment.config import read_preset
from askattend.experiment.train import train
from benchmarks.measure import Row, Target, row
from benchmarks.networks import Size

RUNS = Path(__file__).resolve().parents[1] / "runs"
PRESET = "easy-vqa"


def easy_vqa_epoch(size: Size) -> Row:
    """Measure an epoch's seconds; features are extracted before, into the demo's own cache."""
    config = read_preset(PRESET, "saaa")
    with _source_and_run(quick=size.quick) as (source, out):
        if size.quick:
            config = replace(config, extract=replace(config.extract, image_size=64))
        config = replace(config, data=source, train=replace(config.train, epochs=1))
        console = Console(stderr=True, quiet=size.quick)
        run = train(config, out, console=console)
        summary = msgspec.json.decode((run.folder / "metrics.json").read_bytes())
    return row(
        "easy-vqa-epoch",
        "s",
        float(summary["seconds"]),
        target=Target("ours", "at most", 12.0),
        note="training and validation by the preset easy-vqa; features at hand",
    )


@contextmanager
def _source_and_run(*, quick: bool) -> Iterator[tuple[str, Path]]:
    """Yield the source to train on and the run folder, which is removed in the end."""
    if quick:
        with TemporaryDirectory() as folder:
            yield f"table:{_table(Path(folder))}", Path(folder) / "run"
        return
    out = RUNS / "benchmark"
    shutil.rmtree(out, ignore_errors=True)
    try:
        yield PRESET, out
    finally:
        shutil.rmtree(out, ignore_errors=True)


def _table(folder: Path) -> Path:
    """Write a few questions about the colours of squares."""
    rng = np.random.default_rng(0)
    table = folder / "squares.csv"
    with table.open("w", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(["image", "question", "answer"])
        for number in range(8):
            bright = bool(rng.integers(2))
            Image.new("RGB", (64, 64), "white" if bright else "black").save(
                folder / f"{number}.png"
            )
            writer.writerow([f"{number}.png", "is it bright?", "yes" if bright else "no"])
    return table
