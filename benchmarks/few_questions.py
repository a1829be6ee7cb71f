"""Train on few of DAQUAR's questions as anybody would, and hold the networks against the floors.

python -m benchmarks.few_questions [--daquar DIR] [--sizes N …] [--networks NAME …] [--seeds N]

Images are drawn at random, the same for all seeds, until their single-answer questions are so many;
a tenth of the images validates. Settings are those that plain `askattend train` chooses. Both are
measured on the official test questions.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from askattend.data.questions import QASet
from askattend.data.readers.registry import read_source
from askattend.data.splits import of_images
from askattend.evaluation.evaluate import Metrics
from askattend.experiment.config import Config
from askattend.experiment.evaluate import evaluate_run
from askattend.experiment.train import train
from askattend.features.extraction import ExtractConfig, extract
from askattend.models import network_named

SIZES = (500, 1_000, 2_000, 4_000)
FLOOR = "bag_of_words_and_image"
QUIET = Console(quiet=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train each network on each number of questions, and print the table."""
    shared = os.environ.get("ASKATTEND_SHARED", "../shared")
    parser = argparse.ArgumentParser(prog="few_questions", description=__doc__)
    parser.add_argument("--daquar", default=f"{shared}/data/daquar")
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES, metavar="N")
    parser.add_argument("--networks", nargs="+", default=("saaa", "san"), metavar="NAME")
    parser.add_argument("--seeds", type=int, default=3, metavar="N")
    parser.add_argument("--out", type=Path, default=Path("runs/few-questions"))
    options = parser.parse_args(arguments)
    questions = read_source(f"daquar:{options.daquar},answers=single")
    store = options.out / "features"
    files = {str(file.resolve()): file for file in questions.images.values()}
    extract(files, store, ExtractConfig(), console=Console(stderr=True))
    print("| questions | network | accuracy, mean and range | floor | ahead | seconds |")
    print("|---|---|---|---|---|---|")
    for size in options.sizes:
        table = options.out / f"{size}.jsonl"
        table.write_text("".join(_rows(questions, size)), encoding="utf-8")
        for network in options.networks:
            runs = [
                _trained(network, table, store, seed, options.out / f"{network}-{size}-{seed}")
                for seed in range(options.seeds)
            ]
            print(_line(size, network, runs), flush=True)


def _rows(questions: QASet, size: int) -> Iterator[str]:
    """Yield the lines of a table: some training questions, all test questions."""
    training = questions.split("train")
    left, chosen = size, set[str]()
    images = sorted({question.image for question in training})
    for image in random.Random(size).sample(images, len(images)):
        if left <= 0:
            break
        chosen.add(image)
        left -= len(of_images(training, {image}))
    for question in (*of_images(training, chosen), *questions.split("test")):
        row: dict[str, Any] = {
            "image": str(questions.images[question.image].resolve()),
            "question": question.text,
            "answers": dict(question.answers),
            "split": question.split,
        }
        yield json.dumps(row) + "\n"


def _trained(network: str, table: Path, store: Path, seed: int, out: Path) -> tuple[Metrics, float]:
    """Train one network, and measure it; return the seconds that training took, too."""
    config: Config[Any] = Config(
        model=network_named(network).config_type()(),
        data=f"table:{table}",
        recipe="auto",
        features=store,
    )

    def seeded(recipe: Config[Any]) -> Config[Any]:
        return replace(recipe, train=replace(recipe.train, seed=seed))

    started = time.monotonic()
    train(config, out, console=QUIET, on_top=seeded)
    seconds = time.monotonic() - started
    return evaluate_run(out, console=QUIET).metrics, seconds


def _line(size: int, network: str, runs: Sequence[tuple[Metrics, float]]) -> str:
    accuracies, floors, ahead = [], [], []
    for metrics, _ in runs:
        assert metrics.accuracy is not None
        assert metrics.floors is not None
        floor = metrics.floors[FLOOR]
        accuracies.append(100 * metrics.accuracy)
        floors.append(100 * floor.accuracy)
        low, high = floor.ahead_interval
        ahead.append(f"{100 * floor.ahead:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})")
    mean = sum(accuracies) / len(runs)
    spread = f"{mean:.1f} ({min(accuracies):.1f} to {max(accuracies):.1f})"
    seconds = sum(seconds for _, seconds in runs) / len(runs)
    return (
        f"| {size:,} | {network} | {spread} | {sum(floors) / len(runs):.1f} | {'; '.join(ahead)} "
        f"| {seconds:.0f} |"
    )


if __name__ == "__main__":
    main()
