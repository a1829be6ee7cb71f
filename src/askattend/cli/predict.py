"""``askattend predict``: questions about very many images, answered into files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, get_args

import torch
import tyro
from rich.console import Console

from askattend.bulk.asking import Questions, read_questions
from askattend.bulk.engine import BulkConfig, Format, Summary, answer_parts, make_plan
from askattend.bulk.items import Asked, Item, Items
from askattend.bulk.listing import (
    items_of_questions,
    items_of_sources,
    items_of_store,
    require_stored,
    with_questions,
)
from askattend.bulk.plan import PLAN, Plan, planned_threads, settle_plan
from askattend.bulk.regions import needs_pictures
from askattend.bulk.rows import require_format
from askattend.cli.console import parse, print_json, print_notes, progress
from askattend.cli.interruption import going_on_with
from askattend.cli.options import Attention, BackboneName, Device, Flat, Json, RunFolder
from askattend.cluster.answering import AnsweringSetup, absolute, cluster_engine
from askattend.cluster.config import ClusterConfig
from askattend.cluster.session import require_cluster
from askattend.data.readers.registry import read_source, read_source_as_it_is
from askattend.environment.heartbeat import still_at_work
from askattend.environment.verbosity import is_quiet
from askattend.errors import ConfigError, DataError
from askattend.experiment.stopped import stopped_note
from askattend.features.backbones import absolute_backbone
from askattend.features.shares import parts_of_share
from askattend.features.store import FeatureStore
from askattend.runs.predictor import Predictor


@dataclass(frozen=True)
class Predict:
    """Answer questions about any number of images, into files; each image is looked at once."""

    run: RunFolder
    out: Path
    """The folder of results; what was interrupted goes on there."""
    config: Annotated[BulkConfig, Flat]
    cluster: Annotated[ClusterConfig, Flat]
    images: Annotated[tuple[str, ...], tyro.conf.arg(metavar="FOLDER|FILE.tar|ADDRESS …")] = ()
    """Folders, tar files (a-{000..009}.tar) or addresses (s3://…) of images."""
    questions: Path | None = None
    """Questions: .txt, one a line, of every image; or a table with the columns image and question.
    Without, what tar files hold in KEY.json."""
    data: str | None = None
    """A source of questions and images, as `askattend data --help` lists them, instead."""
    split: str | None = None
    """The split of --data; all by default."""
    shard: str = ""
    """Do the i-th of N shares alone (3/8): for schedulers that start many processes."""
    features: Path | None = None
    """Answer from the features of this store; no picture is needed."""
    backbone: BackboneName = None
    attention: Attention = None
    device: Device = "auto"
    strict: bool = False
    """Exit with status 1 if any image is broken."""
    json: Json = False


def run(argv: list[str]) -> None:
    """Parse the command's options, answer, and print what became of it."""
    options: Predict = parse(Predict, argv, "predict")
    _check(options)
    questions = None if options.questions is None else read_questions(options.questions)
    print_notes(() if questions is None else questions.notes)
    console = progress()
    store = None if options.features is None else FeatureStore.open(options.features)
    predictor = Predictor.load(
        options.run,
        device=options.device,
        backbone=options.backbone,
        attention=options.attention,
    )
    print_notes(stopped_note(predictor.run))
    store = None if store is None else _fitting(store, predictor)
    pictures = needs_pictures(predictor, store)
    with going_on_with(["predict", *argv], lambda: f"whole shards in {options.out}"):
        with still_at_work(console, "listing images"):
            found = _items(options, questions, store, pictures=pictures)
            items = Items.write(found, options.config.shard_images)
        with items:
            summary = _answer(options, predictor, items, questions, store, console)
    _print(options, summary)
    if options.strict and summary.broken:
        sys.exit(1)


def _answer(
    options: Predict,
    predictor: Predictor,
    items: Items,
    questions: Questions | None,
    store: FeatureStore | None,
    console: Console,
) -> Summary:
    if not items.count:
        raise DataError("no image is asked anything", remedy="Name --questions, or other images.")
    texts = () if questions is None else questions.common
    common = tuple(Asked(text) for text in texts)
    threads = _threads(options)
    plan = make_plan(predictor, items, common, options.config, threads=threads, store=store)
    settle_plan(options.out, plan)
    engine = None
    if options.cluster.engine == "ray":
        setup = _setup(options, plan, common, store)
        engine = cluster_engine(setup, items, options.cluster, console)
    return answer_parts(
        predictor,
        items,
        common,
        plan,
        options.out,
        shard=options.shard,
        workers=options.config.workers,
        store=store,
        console=console,
        engine=engine,
    )


def _setup(
    options: Predict, plan: Plan, common: tuple[Asked, ...], store: FeatureStore | None
) -> AnsweringSetup:
    """Tell workers of a cluster what is to be done, from any working directory."""
    backbone, attention = options.backbone, options.attention
    return AnsweringSetup(
        run=str(options.run.absolute()),
        out=str(options.out.absolute()),
        plan=plan,
        common=common,
        workers=options.config.workers,
        store=None if store is None else str(store.path.absolute()),
        backbone=None if backbone is None else absolute_backbone(backbone),
        attention=absolute(attention),
    )


def _threads(options: Predict) -> int:
    """Return the number of threads: as named, as planned before, or as PyTorch has it."""
    own = torch.get_num_threads()
    if options.config.threads is not None:
        return options.config.threads
    planned = planned_threads(options.out)
    if planned is not None and planned != own:
        print_notes([f"{planned} threads compute, as the plan in {options.out} has it, not {own}"])
    return own if planned is None else planned


def _items(
    options: Predict,
    questions: Questions | None,
    store: FeatureStore | None,
    *,
    pictures: bool,
) -> Iterator[Item]:
    """List the images, from wherever they are named."""
    if options.data is not None:
        # A missing picture is a row with an error, as a broken one is.
        read = read_source_as_it_is if pictures else partial(read_source, images=False)
        source = read(options.data)
        print_notes(source.notes)
        source = source if options.split is None else source.split(options.split)
        found = items_of_questions(source, pictures=pictures)
    elif options.images:
        found = items_of_sources(options.images, questions)
    elif store is not None and questions is not None:
        found = with_questions(items_of_store(store), questions)
    else:
        raise AssertionError("checked before")
    return found if store is None else require_stored(found, store, store.path)


def _fitting(store: FeatureStore, predictor: Predictor) -> FeatureStore:
    """Return a store as the run reads it, once it is known to be of the run's features.

    Raises:
        FeatureError: it is not.
    """
    spec = predictor.run.features
    spec.require(store.spec, where=store.path)
    return store.with_coordinates() if spec.coordinates else store


def _check(options: Predict) -> None:
    """Refuse what does not go together before any work is done."""
    parts_of_share(options.shard, 1)
    require_format(options.config.format, attention=options.config.maps)
    require_cluster(options.cluster)
    if options.data is not None and (options.images or options.questions is not None):
        raise ConfigError(
            "has images and questions of its own",
            where="--data",
            remedy="Leave it out, or --images and --questions.",
        )
    if options.split is not None and options.data is None:
        raise ConfigError("is of --data", where="--split", remedy="Name --data, or leave it out.")
    stored = options.features is not None and options.questions is not None
    if options.data is None and not options.images and not stored:
        raise ConfigError(
            "no images named",
            remedy="Add --images FOLDER --questions FILE, or --data SOURCE.",
        )
    if options.out.exists() and not options.out.is_dir():
        raise ConfigError("is a file", where=options.out, remedy="Name a folder as --out.")
    named_like = options.out.suffix.lower().removeprefix(".")
    if named_like in get_args(Format) and not options.out.exists():
        raise ConfigError(
            "is to be a folder, in which each shard is a file, and is named like a file",
            where=options.out,
            remedy=f"Name --out {options.out.with_suffix('')}, with --format {named_like}.",
        )
    if options.out.is_dir() and not (options.out / PLAN).exists() and _holds_files(options.out):
        raise ConfigError(
            "is there already, and holds something else than results",
            where=options.out,
            remedy="Name a new folder as --out.",
        )


def _holds_files(folder: Path) -> bool:
    """Tell if there is anything but what another process is about to rename."""
    return any(not file.name.startswith(".") for file in folder.iterdir())


def _print(options: Predict, summary: Summary) -> None:
    if options.json:
        print_json({"run": str(options.run), "out": str(options.out), **asdict(summary)})
        return
    done = f"{summary.questions:,} questions of {summary.images:,} images"
    print(f"{done} answered in {options.out} ({summary.parts:,} shards)")
    if summary.wordless and not is_quiet():
        print(f"without a word: {summary.wordless:,} questions", file=sys.stderr)
    for image, reason in summary.broken.items():
        print(f"broken: {image}: {reason}", file=sys.stderr)
