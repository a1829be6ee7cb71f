"""Bulk answering by a cluster: what a worker is told, and what it does with it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from rich.console import Console

from askattend.bulk.answering import ShardAnswerer
from askattend.bulk.engine import Engine
from askattend.bulk.filling import of_this_process, opened_answerer, write_part
from askattend.bulk.items import Asked, Item, Items
from askattend.bulk.parts import Parts, Status, part_name
from askattend.bulk.plan import Plan
from askattend.cluster.config import ClusterConfig
from askattend.cluster.foreman import Work, do_shards
from askattend.cluster.places import absolute_place, archive_sizes, first_unseen
from askattend.cluster.slots import Need
from askattend.cluster.worker import Busy, Done, Reply
from askattend.errors import ConfigError
from askattend.features.store import FeatureStore
from askattend.runs.predictor import Predictor


@dataclass(frozen=True)
class PartJob:
    """A shard to answer.

    Attributes:
        number: which.
        items: its images, with their files at absolute paths.
        sizes: archive → its bytes as the driver sees it.
        checked: True to make sure that files are there before their absence makes images broken.
    """

    number: int
    items: list[Item]
    sizes: dict[str, int]
    checked: bool


@dataclass(frozen=True)
class AnsweringSetup:
    """All that a worker needs to answer; paths are absolute.

    Attributes:
        run: the run folder, or packed run.
        out: the folder of results.
        plan: settled there.
        common: questions of every image.
        workers: processes that decode.
        store: features to answer from, in the place of pictures.
        backbone, attention: as `Predictor.load` takes them.
    """

    run: str
    out: str
    plan: Plan
    common: tuple[Asked, ...]
    workers: int
    store: str | None = None
    backbone: str | None = None
    attention: str | None = None

    @contextmanager
    def opened(self) -> Iterator[AnsweringTask]:
        """Load the run, and make sure that it computes as planned.

        Raises:
            AskAttendError: it is not to be had here, or differs.
        """
        plan = self.plan
        predictor = Predictor.load(
            self.run, device=plan.device, backbone=self.backbone, attention=self.attention
        )
        store = None if self.store is None else FeatureStore.open(self.store)
        if store is not None and predictor.run.features.coordinates:
            store = store.with_coordinates()
        _require_same(plan, msgspec.structs.replace(plan, **of_this_process(predictor, store)))
        parts = Parts(Path(self.out), plan=plan.digest, format=plan.format, attention=plan.maps)
        with opened_answerer(
            predictor,
            self.common,
            plan,
            workers=self.workers,
            store=store,
            console=Console(quiet=True),
        ) as answerer:
            yield AnsweringTask(parts, answerer)


@dataclass(frozen=True)
class AnsweringTask:
    """Answers shards of one plan."""

    parts: Parts
    answerer: ShardAnswerer = field(repr=False)

    def do(self, job: PartJob, advance: Callable[[int], None]) -> Reply:
        """Answer a shard that nobody else is at, unless it is done."""
        places = [item.place for item in job.items]
        if job.checked and (unseen := first_unseen(places, job.sizes)) is not None:
            return unseen
        with self.parts.claim(job.number, wait=False) as claimed:
            if not claimed:
                return Busy()
            status = self.parts.done(job.number)
            if status is None:
                status = write_part(self.parts, job.items, job.number, self.answerer, advance)
            return Done(status)


def cluster_engine(
    setup: AnsweringSetup, items: Items, config: ClusterConfig, console: Console
) -> Engine:
    """Make the engine by which a cluster answers, in the place of this process.

    Args:
        setup: what workers are told.
        items: the images.
        config: which cluster.
        console: where notes go.
    """

    def job(number: int, checked: bool) -> PartJob:
        own = [_absolute(item) for item in items.part(number)]
        sizes = archive_sizes(item.place for item in own) if checked else {}
        return PartJob(number, own, sizes, checked)

    work = Work(
        setup=setup,
        job=job,
        name=part_name,
        images=lambda number: min(items.shard_images, items.count - number * items.shard_images),
        folder=Path(setup.out),
        need=Need(setup.plan.threads, gpu=setup.plan.device == "cuda"),
    )

    def engine(todo: Sequence[int], advance: Callable[[int], None]) -> Iterator[Status]:
        for _, status in do_shards(work, todo, config, console=console, advance=advance):
            yield status

    return engine


def _absolute(item: Item) -> Item:
    """Return an item whose file is found from any working directory."""
    if item.place is None:
        return item
    return msgspec.structs.replace(item, place=absolute_place(item.place))


def absolute(path: str | os.PathLike[str] | None) -> str | None:
    """Return a path as every host that shares it finds it."""
    return None if path is None else os.path.abspath(os.path.expanduser(path))


def _require_same(plan: Plan, found: Plan) -> None:
    differing = [
        f"{name} {getattr(found, name)!r} there, {getattr(plan, name)!r} planned"
        for name in plan.__struct_fields__
        if getattr(found, name) != getattr(plan, name)
    ]
    if differing:
        raise ConfigError(
            f"would compute otherwise than planned: {'; '.join(differing)}",
            remedy="Have the same run, versions and kind of processor on every host.",
        )
