"""Rate of bulk answering beside that of the backbone alone on decoded pixels.

python -m benchmarks.predict [--images N] [--rounds N] [--workers N] [--threads N] [--side PX]

Both sides take turns in one process, on the same JPEGs; the ratio is of medians.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median

import numpy as np
import torch
from PIL import Image
from rich.console import Console

from askattend.bulk.decoding import decode_item
from askattend.bulk.engine import BulkConfig, answer_parts, make_plan
from askattend.bulk.items import Asked, Item, Items
from askattend.bulk.plan import settle_plan
from askattend.data.vocab import AnswerVocab, WordVocab
from askattend.features.backbones import load_backbone
from askattend.features.image_places import Place
from askattend.models import SANConfig
from askattend.runs.predictor import Predictor
from askattend.runs.run_folder import Run

QUESTIONS = ("what colour is it", "is it red", "how many are there")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print one line a round and the ratio."""
    parser = argparse.ArgumentParser(prog="benchmarks.predict", description=__doc__)
    parser.add_argument("--images", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--side", type=int, default=480, help="longer side of the JPEGs")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        _measure(Path(folder), options)


def _measure(folder: Path, options: argparse.Namespace) -> None:
    torch.set_num_threads(options.threads)
    predictor = _predictor(folder / "run")
    made = [_photo(folder / f"{number}.jpg", options.side) for number in range(options.images)]
    config = BulkConfig(shard_images=64, workers=options.workers)
    alone, whole = list[float](), list[float]()
    with Items.write(made, config.shard_images) as items:
        for turn in range(options.rounds):
            alone.append(_backbone_alone(predictor, made, config.batch_size))
            whole.append(_bulk(predictor, items, config, folder / f"out-{turn}", options))
            print(f"backbone alone {alone[-1]:.1f} images/s, predict {whole[-1]:.1f} images/s")
    load = " ".join(f"{each:.1f}" for each in os.getloadavg())
    print(f"ratio of medians {median(whole) / median(alone):.2f}; load {load}")


def _backbone_alone(predictor: Predictor, items: Sequence[Item], size: int) -> float:
    spec = predictor.backbone.spec
    arrays = [decode_item(item, spec).pixels for item in items]
    pixels = torch.stack([torch.from_numpy(each) for each in arrays if each is not None])
    began = time.perf_counter()
    for batch in pixels.split(size):
        predictor.backbone.regions(batch)
    return len(items) / (time.perf_counter() - began)


def _bulk(
    predictor: Predictor,
    items: Items,
    config: BulkConfig,
    out: Path,
    options: argparse.Namespace,
) -> float:
    common = tuple(map(Asked, QUESTIONS))
    plan = make_plan(predictor, items, common, config, threads=options.threads)
    settle_plan(out, plan)
    console = Console(quiet=True)
    arguments = (predictor, items, common, plan, out)
    told: list[tuple[int, float]] = []

    def note(done: int, total: int) -> None:
        told.append((done, time.perf_counter()))

    answer_parts(*arguments, workers=options.workers, console=console, progress=note)
    # From the first batch on: that processes begin takes seconds once, however many images follow.
    (first, began), (last, ended) = told[0], told[-1]
    return (last - first) / (ended - began)


def _predictor(folder: Path) -> Predictor:
    """Make an untrained SAN of the paper's size: its answers cost what a trained one's cost."""
    backbone = load_backbone("efficientnet-lite2")
    words = WordVocab.build(list(QUESTIONS))
    answers = AnswerVocab(tuple(f"answer {number}" for number in range(1000)))
    config = {"network": "san", "model": asdict(SANConfig())}
    run = Run(folder, config, words, answers, None, backbone.spec)
    run.save()
    run.save_weights(run.new_model())
    return Predictor(run, run.load_model(), backbone=backbone)


def _photo(file: Path, side: int) -> Item:
    """Write a JPEG that costs as much to decode as a photo: smooth, with noise."""
    generator = np.random.default_rng(int(file.stem))
    coarse = generator.integers(0, 256, (12, 16, 3), dtype=np.uint8)
    smooth = Image.fromarray(coarse).resize((side, side * 3 // 4), Image.Resampling.BICUBIC)
    noise = generator.normal(0, 6, (side * 3 // 4, side, 3))
    pixels = (np.asarray(smooth) + noise).clip(0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(file, quality=90)
    return Item(file.name, Place.of(file))


if __name__ == "__main__":
    main()
