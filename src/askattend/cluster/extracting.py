"""Extraction by a cluster: what a worker is told, and what it does with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import torch
from rich.console import Console

from askattend.cluster.config import ClusterConfig
from askattend.cluster.foreman import Work, do_shards
from askattend.cluster.places import absolute_place, archive_sizes, first_unseen
from askattend.cluster.slots import Need
from askattend.cluster.worker import Busy, Done, Reply
from askattend.devices import computing_threads, pick_device
from askattend.errors import ConfigError
from askattend.features.backbones import absolute_backbone
from askattend.features.claims import claim
from askattend.features.extract_config import ExtractConfig
from askattend.features.image_places import PackedReader, Place
from askattend.features.shard_extractor import Note, ReadFile, ShardExtractor
from askattend.features.spec import FeatureSpec
from askattend.features.store_files import read_written
from askattend.features.store_index import Shard, WrittenShard
from askattend.features.writer import Engine


@dataclass(frozen=True)
class ShardJob:
    """A shard to extract.

    Attributes:
        shard: as planned.
        images: id → place, at an absolute path.
        sizes: archive → its bytes as the driver sees it.
        checked: True to make sure that files are there before their absence makes images broken.
    """

    shard: Shard
    images: dict[str, Place]
    sizes: dict[str, int]
    checked: bool


@dataclass(frozen=True)
class Extracted:
    """A shard that is whole, and the files that were read for it."""

    written: WrittenShard
    files: tuple[ReadFile, ...]


@dataclass(frozen=True)
class ExtractionSetup:
    """All that a worker needs to extract.

    Attributes:
        folder: the store, at an absolute path.
        config: how.
        spec: what the driver's backbone makes.
        device: ``"cpu"`` or ``"cuda"``.
        threads: that compute; bits may depend on them.
    """

    folder: Path
    config: ExtractConfig
    spec: FeatureSpec
    device: str
    threads: int

    @contextmanager
    def opened(self) -> Iterator[ExtractionTask]:
        """Load the backbone, and make sure that it is the driver's.

        Raises:
            FeatureError: it is not to be had here.
            ConfigError: it is another one.
        """
        backbone = self.config.load_backbone()
        _require_same(self.spec, backbone.spec)
        backbone.to(pick_device(self.device))
        quiet = Console(quiet=True)
        with computing_threads(self.threads), PackedReader() as packed:
            extractor = ShardExtractor(self.folder, backbone, self.config, quiet, packed)
            yield ExtractionTask(self.folder, self.spec, extractor)


@dataclass(frozen=True)
class ExtractionTask:
    """Extracts shards of one store."""

    folder: Path
    spec: FeatureSpec
    extractor: ShardExtractor = field(repr=False)

    def do(self, job: ShardJob, advance: Callable[[int], None]) -> Reply:
        """Extract a shard that nobody else is at, unless it is whole."""
        places = job.images.values()
        if job.checked and (unseen := first_unseen(places, job.sizes)) is not None:
            return unseen
        # A worker that was cut off may be at it still.
        with claim(self.folder, job.shard) as claimed:
            return Done(self._extracted(job, advance)) if claimed else Busy()

    def _extracted(self, job: ShardJob, advance: Callable[[int], None]) -> Extracted:
        written = read_written(self.folder, self.spec, job.shard)
        if written is not None:
            return Extracted(written, ())
        files: list[ReadFile] = []
        (written,) = self.extractor.extract([job.shard], job.images, advance, files.append)
        return Extracted(written, tuple(files))


def cluster_extractor(
    store: Path, extraction: ExtractConfig, config: ClusterConfig, console: Console
) -> Engine:
    """Make the engine by which a cluster extracts, in the place of this process.

    Args:
        store: the store.
        extraction: how.
        config: which cluster.
        console: where notes go.
    """

    def engine(
        spec: FeatureSpec,
        todo: Sequence[Shard],
        images: Mapping[str, Place],
        advance: Callable[[int], None],
        note: Note,
    ) -> Iterator[WrittenShard]:
        work = _work(store.absolute(), extraction, spec, todo, images)
        numbers = range(len(todo))
        for _, extracted in do_shards(work, numbers, config, console=console, advance=advance):
            for read in extracted.files:
                note(read)
            yield extracted.written

    return engine


def _work(
    store: Path,
    extraction: ExtractConfig,
    spec: FeatureSpec,
    todo: Sequence[Shard],
    images: Mapping[str, Place],
) -> Work:
    device, threads = pick_device(extraction.device).type, torch.get_num_threads()
    anywhere = replace(extraction, backbone=absolute_backbone(extraction.backbone))

    def job(number: int, checked: bool) -> ShardJob:
        shard = todo[number]
        own = {image: absolute_place(images[image]) for image in shard.images}
        return ShardJob(shard, own, archive_sizes(own.values()) if checked else {}, checked)

    return Work(
        setup=ExtractionSetup(store, anywhere, spec, device, threads),
        job=job,
        name=lambda number: todo[number].name,
        images=lambda number: len(todo[number].images),
        folder=store,
        need=Need(threads, gpu=device == "cuda"),
    )


def _require_same(planned: FeatureSpec, found: FeatureSpec) -> None:
    differing = [
        f"{each.name} {getattr(found, each.name)!r} there, {getattr(planned, each.name)!r} planned"
        for each in fields(planned)
        if each.name != "coordinates" and getattr(found, each.name) != getattr(planned, each.name)
    ]
    if differing:
        raise ConfigError(
            f"would compute otherwise than planned: {'; '.join(differing)}",
            remedy="Have the same backbone on every host.",
        )
