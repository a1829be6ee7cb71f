"""Train a preset with several seeds, evaluate each on the test split, and compare with the docs.

python -m benchmarks.reproduce PRESET [--seeds N] [--daquar DIR] [--out FOLDER] [--resume]
python -m benchmarks.reproduce --table
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from rich.console import Console

from askattend.devices import describe_device, pick_device
from askattend.errors import AskAttendError
from askattend.evaluation.evaluate import Metrics
from askattend.experiment.config import Config, config_from, read_preset
from askattend.experiment.evaluate import evaluate_run
from askattend.experiment.train import train
from askattend.features.store import FeatureStore
from askattend.runs.run_folder import CONFIG, Run, read_config
from askattend.scoring.evaluation_folders import evaluation_folder
from askattend.scoring.results import RESULTS
from askattend.scoring.score import SOURCES_OF_SETS, score_file
from askattend.training.history import read_history, read_progress
from benchmarks.accuracy import (
    Documented,
    Measured,
    Spread,
    compare,
    measured_toml,
    read_documented,
    table,
)

SPLIT = "test"
PLACE = "DIR"


def main(arguments: Sequence[str] | None = None) -> int:
    """Reproduce a preset's figures; 1 where they differ from those stated, 2 where it cannot."""
    documented = read_documented()
    options = _parser(documented).parse_args(arguments)
    if options.table:
        print(table(documented))
        return 0
    try:
        return _reproduce(options, documented[options.preset])
    except AskAttendError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _parser(documented: dict[str, Documented]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="reproduce", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("preset", nargs="?", choices=documented, help="what to train")
    what.add_argument("--table", action="store_true", help="print the documentation's table")
    parser.add_argument("--seeds", type=int, choices=range(1, 101), metavar="N", default=3)
    parser.add_argument("--daquar", type=Path, default=Path("data/daquar"), help="DAQUAR's folder")
    parser.add_argument("--out", type=Path, default=Path("runs/reproduce"), help="where runs go")
    parser.add_argument("--resume", action="store_true", help="go on with runs that are there")
    return parser


def _reproduce(options: argparse.Namespace, documented: Documented) -> int:
    data = documented.data.replace(PLACE, str(options.daquar))
    done: list[Done] = []
    for seed in range(options.seeds):
        out = options.out / Path(options.preset).stem / f"seed-{seed}"
        starting = Starting(options.preset, documented.network, data, seed)
        done.append(run_seed(starting, out, resume=options.resume))
        print(f"seed {seed}: {_told(done[-1].figures)}", flush=True)
    measured = Measured(
        seeds=options.seeds,
        seconds=round(fmean(one.seconds for one in done), 1),
        machine=describe_device(pick_device("auto")),
        figures={name: Spread.of([one.figures[name] for one in done]) for name in done[0].figures},
        timed=timed_text(done),
    )
    lines, agrees = compare(documented, measured)
    print(f"\n{options.preset} on {data}, {SPLIT}, per cent: mean (lowest to highest) of the seeds")
    print(f"{chr(10).join(lines)}\n\n{measured_toml(options.preset, measured)}")
    return 0 if agrees else 1


@dataclass(frozen=True)
class Starting:
    """Sources of the settings of one seed's training."""

    preset: str
    network: str
    data: str
    seed: int

    def on_top(self, recipe: Config[Any] | None) -> Config[Any]:
        """Put preset, data and seed on top of what a recipe has chosen."""
        config = read_preset(self.preset, self.network, base=recipe)
        return replace(config, data=self.data, train=replace(config.train, seed=self.seed))

    def begun(self, out: Path) -> Config[Any]:
        """Put them on top of what a run was begun with, if it was."""
        if not (out / CONFIG).is_file():
            return self.on_top(None)
        return self.on_top(config_from(read_config(out), self.network, where=str(out / CONFIG)))


@dataclass(frozen=True)
class Done:
    """A seed that was trained and evaluated.

    Attributes:
        figures: each 0 to 1.
        here: seconds that this call took, all in all.
        before: seconds that earlier calls trained for, by the run's own log.
        epochs: of the whole training.
        images: whose features were extracted on the way.
    """

    figures: dict[str, float]
    here: float
    before: float
    epochs: int
    images: int

    @property
    def seconds(self) -> float:
        """Seconds of the whole training, whichever call did it, and of this call's evaluation."""
        return self.here + self.before


def run_seed(starting: Starting, out: Path, *, resume: bool) -> Done:
    """Train and evaluate one seed."""
    console, started = Console(stderr=True), time.monotonic()
    before, stored = _trained_before(out) if resume else 0.0, _stored(out.parent)
    config = starting.begun(out) if resume else starting.on_top(None)
    run = train(config, out, resume=resume, console=console, on_top=starting.on_top)
    evaluation = evaluate_run(out, console=console)
    return Done(
        _figures(evaluation.metrics, evaluation_folder(out, SPLIT) / RESULTS),
        time.monotonic() - started,
        before,
        len(read_history(run).epochs),
        _stored(out.parent) - stored,
    )


def timed_text(done: Sequence[Done]) -> str:
    """Say what the seconds of some seeds are of."""
    resumed = [one for one in done if one.before]
    images = sum(one.images for one in done)
    epochs = fmean(one.epochs for one in done)
    said = f"{epochs:g} epochs a seed"
    if resumed:
        said += f" ({sum(one.before for one in resumed):,.0f} s of {len(resumed)} by earlier calls)"
    features = (
        f"features of {images:,} images extracted here"
        if images
        else "no features, which were there"
    )
    return f"{said}, evaluation, {features}"


def _trained_before(out: Path) -> float:
    """Return the seconds of the epochs that a run has, and of one that was interrupted."""
    if not (out / CONFIG).is_file():
        return 0.0
    try:
        progress = read_progress(Run.load(out))
    except AskAttendError:  # it was interrupted before its first epoch, or training tells
        return 0.0
    within = 0.0 if progress.within is None else progress.within.seconds
    return sum(epoch.seconds for epoch in progress.history.epochs) + within


def _stored(beside: Path) -> int:
    """Count the images whose features are cached beside a run."""
    return sum(len(FeatureStore.open(file.parent)) for file in beside.glob("features/*/index.json"))


def _figures(metrics: Metrics, results: Path) -> dict[str, float]:
    """List accuracy, and what else the source has: WUPS, the pointing game by the mean map."""
    assert metrics.accuracy is not None, "a preset's test split has answers"
    figures = {"accuracy": metrics.accuracy}
    if metrics.source.partition(":")[0] in SOURCES_OF_SETS:
        wups = score_file(results, data=metrics.source, split=metrics.split).wups or {}
        figures |= {f"WUPS {threshold}": wups[threshold] for threshold in ("0.9", "0.0") if wups}
    if grounding := metrics.figures.get("grounding"):
        figures["pointing"] = (grounding.mean or grounding.maps[0]).pointing.value
    return figures


def _told(figures: dict[str, float]) -> str:
    return ", ".join(f"{name} {100 * value:.2f} %" for name, value in figures.items())


if __name__ == "__main__":
    sys.exit(main())
