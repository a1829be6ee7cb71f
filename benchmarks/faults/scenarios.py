"""Work that is cut off: small extractions, trainings, evaluations, imports and answerings.

All in one process, with clocks that tell the same each time, so that what is begun again must end
with the same bytes.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from PIL import Image
from rich.console import Console
from torch import Tensor, nn

from askattend.bulk.asking import read_questions
from askattend.bulk.engine import BulkConfig, answer_parts, make_plan
from askattend.bulk.items import Asked, Items
from askattend.bulk.listing import items_of_store, with_questions
from askattend.bulk.plan import settle_plan
from askattend.experiment import tensorboard
from askattend.experiment.config import Config
from askattend.experiment.evaluate import EvaluationOptions, evaluate_run
from askattend.experiment.train import train
from askattend.features import shard_extractor
from askattend.features.extraction import ExtractConfig, extract
from askattend.features.spec import Backbone, FeatureSpec
from askattend.features.store import FeatureStore
from askattend.importing.hdf5 import import_hdf5
from askattend.importing.pytorch_vqa import import_log
from askattend.models import SAAAConfig
from askattend.runs.predictor import Predictor
from askattend.training import loop
from askattend.training.config import TrainConfig

SPEC = FeatureSpec("colours", "0" * 16, 8, (0.5,) * 3, (0.5,) * 3, 2, 2, 3, "float32")
COLOURS, IMAGES = ("red", "green", "blue"), 12
QUIET = Console(quiet=True)


class Colours(nn.Module):
    """A backbone small enough to follow: the mean red, green and blue of each quarter."""

    def forward(self, pixels: Tensor) -> Tensor:
        """Return images × 4 regions × 3."""
        return nn.functional.adaptive_avg_pool2d(pixels, 2).flatten(2).transpose(1, 2)


@dataclass(frozen=True)
class Scenario:
    """Work in a folder.

    Attributes:
        name: of it.
        prepare: puts into the folder what is there before.
        work: does it, or goes on with it.
    """

    name: str
    prepare: Callable[[Path], object]
    work: Callable[[Path], object]


@contextmanager
def stopped_clocks() -> Iterator[None]:
    """Let files tell no time of their own making."""
    ticks = itertools.count()
    clock = SimpleNamespace(perf_counter=lambda: float(next(ticks)))
    with (
        mock.patch.dict(os.environ, {"SOURCE_DATE_EPOCH": "1750000000"}),
        mock.patch.object(loop, "time", clock),
        mock.patch.object(shard_extractor, "KEEP_EVERY", -1.0),  # after each batch
        mock.patch.multiple(tensorboard, MAPS=1, SIDE=16),  # of which nothing depends on the size
    ):
        yield


def scenarios(inputs: Path, golden: Path | None = None) -> list[Scenario]:
    """Make what the work needs, and list it.

    Args:
        inputs: a folder for what it reads.
        golden: that of pytorch-vqa's files, without which nothing is imported.
    """
    table, images = _write_table(inputs)
    store, run = inputs / "store", inputs / "run"
    _extract(images, store)
    settings = _settings(table, store)
    train(settings, run, console=QUIET)
    predictor = Predictor.load(run, device="cpu")
    asked = inputs / "questions.txt"
    asked.write_text("what colour is it?\nis it red?\n")
    listed = [
        Scenario("extract", _nothing, lambda folder: _extract(images, folder / "store")),
        Scenario("train", _nothing, lambda folder: _train(settings, folder / "run")),
        Scenario("evaluate", lambda folder: _copy_run(run, folder), _evaluate),
        Scenario("predict", _nothing, lambda folder: _predict(predictor, store, asked, folder)),
    ]
    if golden is not None:
        log, features = golden / "pytorch_vqa_log.pth", golden / "pytorch_vqa_features.h5"
        listed += [
            Scenario("import log", _nothing, lambda folder: _import_log(log, folder / "run")),
            Scenario(
                "import features", _nothing, lambda folder: _import_hdf5(features, folder / "store")
            ),
        ]
    return listed


def _write_table(folder: Path) -> tuple[Path, dict[str, Path]]:
    """Write questions about squares of one colour, some of them to be tested on."""
    rows, images = ["image,question,answer,split"], {}
    for number in range(IMAGES):
        colour, name = COLOURS[number % 3], f"{number}.png"
        images[name] = folder / name
        Image.new("RGB", (8, 8), colour).save(images[name])
        split, red = "test" if number >= 9 else "train", "yes" if colour == "red" else "no"
        rows += [f"{name},what colour is it?,{colour},{split}", f"{name},is it red?,{red},{split}"]
    table = folder / "squares.csv"
    table.write_text("\n".join(rows) + "\n")
    return table, images


def _settings(table: Path, store: Path) -> Config[Any]:
    model = SAAAConfig(embedding_dim=4, question_dim=4, attention_dim=4, hidden_dim=4)
    training = TrainConfig(epochs=2, batch_size=8, min_steps=1, device="cpu")
    return Config(model, data=f"table:{table}", features=store, train=training)


def _nothing(folder: Path) -> None:
    pass


def _copy_run(run: Path, folder: Path) -> None:
    shutil.copytree(run, folder / "run")


def _extract(images: dict[str, Path], store: Path) -> None:
    config = ExtractConfig(image_size=8, batch_size=2, shard_images=4, workers=0, device="cpu")
    backbone = Backbone(spec=SPEC, network=Colours())
    extract(images, store, config, backbone=backbone, console=QUIET)


def _train(settings: Config[Any], out: Path) -> None:
    train(settings, out, resume=True, console=QUIET)


def _evaluate(folder: Path) -> None:
    options = EvaluationOptions(split="test", device="cpu")
    evaluate_run(folder / "run", options, console=QUIET)


def _predict(predictor: Predictor, store: Path, asked: Path, folder: Path) -> None:
    out, questions, features = folder / "results", read_questions(asked), FeatureStore.open(store)
    config = BulkConfig(shard_images=5, batch_size=2)
    found = with_questions(items_of_store(features), questions)
    common = tuple(Asked(text) for text in questions.common)
    with Items.write(found, config.shard_images) as items:
        plan = make_plan(predictor, items, common, config, threads=1, store=features)
        settle_plan(out, plan)
        answer_parts(predictor, items, common, plan, out, store=features, console=QUIET)


def _import_log(log: Path, out: Path) -> None:
    if not out.exists():
        import_log(log, out)


def _import_hdf5(file: Path, out: Path) -> None:
    if not out.exists():
        import_hdf5(file, out, shard_images=2, console=QUIET)
