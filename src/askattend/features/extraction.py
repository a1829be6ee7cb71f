"""Extract the features of many images into a store; what was interrupted goes on where it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from rich.console import Console

from askattend.devices import native_bfloat16, pick_device
from askattend.environment.console import notes_console, print_line
from askattend.errors import FeatureError
from askattend.features.backbones import bfloat16_error
from askattend.features.claims import wait_for_claims
from askattend.features.disk import sole_writer
from askattend.features.extract_config import ExtractConfig as ExtractConfig
from askattend.features.image_places import PackedReader, Place, place_of
from askattend.features.images import MIRROR_IMAGE
from askattend.features.progress import Report
from askattend.features.shard_extractor import Note, ShardExtractor
from askattend.features.share_writer import ShareWriter, WrittenShare
from askattend.features.shares import parts_of_share
from askattend.features.spec import Backbone, FeatureSpec
from askattend.features.store import FeatureStore
from askattend.features.store_index import Shard, WrittenShard
from askattend.features.writer import Engine, StoreWriter

T = TypeVar("T")


@dataclass(frozen=True)
class ExtractionReport:
    """Result of an extraction.

    Attributes:
        store: the finished store.
        done: images extracted now.
        already: images asked for that were in the store before.
        broken: images asked for that cannot be read → why.
    """

    store: FeatureStore
    done: int
    already: int
    broken: Mapping[str, str]


def with_mirror_images(images: Mapping[str, T]) -> dict[str, T]:
    """Add each image's mirror image, which is extracted from the same file."""
    return {**images, **{f"{MIRROR_IMAGE}{image}": file for image, file in images.items()}}


def extract(
    images: Mapping[str, Path] | Mapping[str, Place],
    store: Path,
    config: ExtractConfig | None = None,
    *,
    backbone: Backbone | None = None,
    console: Console | None = None,
    progress: Report | None = None,
    engine: Engine | None = None,
) -> ExtractionReport:
    """Extract images into a store, which may be new, unfinished, or lack some of them.

    An interrupted extraction, run again, leaves the same bytes as one that was not. Images added
    to a finished store go into further shards. An image that could not be read is noted, and
    tried again the next time.

    Args:
        images: id → file, or where else its bytes lie.
        store: folder; only one process at a time writes to it, others wait.
        config: how.
        backbone: if it is loaded already; else `config` names it.
        console: where notes and the progress bar go; standard error by default.
        progress: called with images done and to do, after each batch.
        engine: what computes shards and writes them; by default this process.

    Raises:
        FeatureError: the backbone is not to be had, the store was made by another one or does not
            fit on the disk, a value does not fit in the dtype, or no image at all can be read.
        ConfigError: there is no such device.
        DataError: an address does not answer, or a file of many images cannot be read.
    """
    if not images:
        raise FeatureError("no images to extract", where=store, remedy="Name at least one.")
    console = notes_console() if console is None else console
    places = {image: place_of(file) for image, file in images.items()}
    opened = _opened(store, config, backbone, console, progress, engine)
    with opened as (writer, _), sole_writer(store, console):
        if engine is None:  # a cluster's workers claim shards themselves
            wait_for_claims(store, console)
        done, already = writer.write(places)
    # Opened anew, as anybody would, which also checks what was written.
    finished = FeatureStore.open(store)
    broken = {image: finished.broken[image] for image in images if image in finished.broken}
    return ExtractionReport(finished, done, already, broken)


def extract_share(
    images: Mapping[str, Path] | Mapping[str, Place],
    store: Path,
    share: str,
    config: ExtractConfig | None = None,
    *,
    backbone: Backbone | None = None,
    console: Console | None = None,
    progress: Report | None = None,
) -> WrittenShare:
    """Extract one of several shares of images into a store, beside whoever extracts the others.

    Nobody coordinates the processes. The store has the same bytes as one that a single process
    made, whoever is killed and comes back; it is finished once the last share is.

    Args:
        images: those of all shares, the same for each; id → file, or where else its bytes lie.
        store: folder, on a disk that all processes share.
        share: ``"3/8"`` for the third of eight.
        config, backbone, console, progress: see `extract`.

    Raises:
        FeatureError, DataError: see `extract`.
        ConfigError: there is no such share, or device; or the store was begun with other images.
    """
    parts_of_share(share, 1)
    if not images:
        raise FeatureError("no images to extract", where=store, remedy="Name at least one.")
    console = notes_console() if console is None else console
    with _opened(store, config, backbone, console, progress, None) as (writer, engine):
        places = {image: place_of(file) for image, file in images.items()}
        return ShareWriter(store, writer, engine, console).write(places, share)


@contextmanager
def _opened(
    store: Path,
    config: ExtractConfig | None,
    backbone: Backbone | None,
    console: Console,
    progress: Report | None,
    engine: Engine | None,
) -> Iterator[tuple[StoreWriter, Engine]]:
    """Have a backbone at its device; yields what writes the store, and what computes its shards."""
    config = ExtractConfig() if config is None else config
    if backbone is None:
        backbone = config.load_backbone()
    device = pick_device(config.device)
    backbone.to(device)
    for note in _precision_notes(backbone.spec, device):
        print_line(console, f"note: {note}")
    with PackedReader() as packed:
        if engine is None:
            engine = _local(ShardExtractor(store, backbone, config, console, packed))
        yield (
            StoreWriter(
                store, backbone.spec, config, console=console, progress=progress, engine=engine
            ),
            engine,
        )


def _local(extractor: ShardExtractor) -> Engine:
    """Make the engine that computes in this process."""

    def engine(
        spec: FeatureSpec,
        todo: Sequence[Shard],
        images: Mapping[str, Place],
        advance: Callable[[int], None],
        note: Note,
    ) -> Iterator[WrittenShard]:
        return extractor.extract(todo, images, advance, note)

    return engine


def _precision_notes(spec: FeatureSpec, device: torch.device) -> Iterator[str]:
    """Yield what speaks against the precision that was chosen."""
    if spec.precision == "float32":
        return
    if error := bfloat16_error(spec.backbone):
        yield f"{spec.backbone} errs by {error} in {spec.precision}; leave it in float32"
    if not native_bfloat16(device.type):
        yield f"this processor has no {spec.precision} instructions; float32 is much quicker"
