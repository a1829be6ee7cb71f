"""Measure what each setting of the small recipe is worth on DAQUAR, on three divisions of images.

python -m benchmarks.recipes [--daquar DIR] [--only NAME …] [--out FOLDER]

A fifth of the training images is held back; division k is trained with seed k. The test split is
not read.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from askattend.experiment.config import Config, VocabConfig
from askattend.experiment.train import train
from askattend.features.extraction import ExtractConfig
from askattend.models import network_named
from askattend.training.history import TrainingHistory

DIVISIONS = 3
HELD_BACK = 0.2

Change = tuple[str, Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]]

# Name → network, then what differs from the recipe in the network, the training, the features; the
# number of teachers is put beside the training's settings.
CHANGES: dict[str, Change] = {
    "saaa": ("saaa", {}, {}, {}),
    "no teachers": ("saaa", {}, {"seeds": 1, "distil_floor": 0.0}, {}),
    "a linear floor teaches alone": ("saaa", {}, {"seeds": 1}, {}),
    "two networks teach alone": ("saaa", {}, {"distil_floor": 0.0}, {}),
    "no questions of other images": ("saaa", {}, {"distil_crossed": 0}, {}),
    "without the linear term": ("saaa", {"word_logits": "none"}, {}, {}),
    "linear term of words alone": ("saaa", {"word_logits": "words"}, {}, {}),
    "dropout 0.5": ("saaa", {"dropout": 0.5}, {}, {}),
    "no dropout": ("saaa", {"dropout": 0.0}, {}, {}),
    "no label smoothing": ("saaa", {}, {"label_smoothing": 0.0}, {}),
    "learning rate 1e-3": ("saaa", {}, {"learning_rate": 1e-3}, {}),
    "learning rate 8e-3": ("saaa", {}, {"learning_rate": 8e-3}, {}),
    "12 epochs": ("saaa", {}, {"epochs": 12}, {}),
    "4 epochs": ("saaa", {}, {"epochs": 4}, {}),
    "batches of 128": ("saaa", {}, {"batch_size": 128}, {}),
    "twice as wide": (
        "saaa",
        {"question_dim": 512, "attention_dim": 256, "hidden_dim": 512},
        {},
        {},
    ),
    "linear term at the common rate": ("saaa", {}, {"linear_lr_scale": 1.0}, {}),
    "weight decay 0.5": ("saaa", {}, {"weight_decay": 0.5}, {}),
    "a fifth of the regions left out": ("saaa", {}, {"region_dropout": 0.2}, {}),
    "coordinates": ("saaa", {}, {"coordinates": True}, {}),
    "a tenth of the words dropped": ("saaa", {}, {"word_dropout": 0.1}, {}),
    "san": ("san", {}, {}, {}),
    "san, no teachers": ("san", {}, {"seeds": 1, "distil_floor": 0.0}, {}),
    "san, without the linear term": ("san", {"word_logits": "none"}, {}, {}),
    "san, 12 epochs": ("san", {}, {"epochs": 12}, {}),
    "strides 16 and 32": ("saaa", {}, {}, {"strides": "16+32"}),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Train every change on every division, and print the table."""
    shared = os.environ.get("ASKATTEND_SHARED", "../shared")
    parser = argparse.ArgumentParser(prog="recipes", description=__doc__)
    parser.add_argument("--daquar", default=f"{shared}/data/daquar")
    parser.add_argument("--only", nargs="+", choices=CHANGES, metavar="NAME")
    parser.add_argument("--out", type=Path, default=Path("runs/recipes"))
    options = parser.parse_args(arguments)
    print("| change | best epoch's accuracy, mean and range | last epoch's | seconds |")
    print("|---|---|---|---|")
    for name in options.only or CHANGES:
        print(_row(name, options.daquar, options.out), flush=True)


def _row(name: str, folder: str, out: Path) -> str:
    histories = [_trained(name, division, folder, out) for division in range(DIVISIONS)]
    best = [100 * max(e.valid_accuracy for e in history.epochs) for history in histories]
    last = sum(100 * history.epochs[-1].valid_accuracy for history in histories) / DIVISIONS
    seconds = sum(e.seconds for history in histories for e in history.epochs) / DIVISIONS
    mean = sum(best) / DIVISIONS
    spread = f"{mean:.1f} ({min(best):.1f} to {max(best):.1f})"
    return f"| {name} | {spread} | {last:.1f} | {seconds:.0f} |"


def _trained(name: str, division: int, folder: str, out: Path) -> TrainingHistory:
    """Train one network, unless it was before, and return how it went."""
    run = out / f"{name.replace(' ', '-').replace(',', '')}-{division}"
    network, _, _, features = CHANGES[name]
    config: Config[Any] = Config(
        model=network_named(network).config_type()(),
        data=f"daquar:{folder},answers=single",
        recipe="auto",
        vocab=VocabConfig(valid_fraction=HELD_BACK, valid_seed=division),
        extract=ExtractConfig(**features),
    )
    if not (run / "metrics.json").exists():
        train(config, run, console=Console(quiet=True), on_top=partial(_changed, name, division))
    return _history(run)


def _changed(name: str, seed: int, recipe: Config[Any]) -> Config[Any]:
    _, model, training, _ = CHANGES[name]
    settings = {**training, "seed": seed}
    return replace(
        recipe,
        seeds=settings.pop("seeds", recipe.seeds),
        model=replace(recipe.model, **model),
        train=replace(recipe.train, **settings),
    )


def _history(run: Path) -> TrainingHistory:
    header, *lines = (run / "log.csv").read_text().splitlines()
    names = header.split(",")
    rows = [dict(zip(names, line.split(","), strict=True)) for line in lines]
    return msgspec.convert({"epochs": rows}, TrainingHistory, strict=False)


if __name__ == "__main__":
    main()
