"""Shards of a feature store computed and written in this process, whoever hands them out."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor

from askattend.devices import computing_threads
from askattend.environment.console import print_line
from askattend.errors import FeatureError
from askattend.features.decoding import DecodedImage, decode_ahead
from askattend.features.disk import disk_errors, save_shard
from askattend.features.extract_config import ExtractConfig
from askattend.features.geometry import shown_regions
from askattend.features.greys import Range
from askattend.features.image_places import PackedReader, Place, Status
from askattend.features.levels import StoredLevels, blank_out
from askattend.features.spec import Backbone
from askattend.features.storage import DTYPES
from askattend.features.store_index import Shard, WrittenShard
from askattend.features.unfinished import (
    Seen,
    UnfinishedShard,
    done_of,
    read_unfinished,
    remove_unfinished,
)

# Seconds after which what there is of a shard is written: a killed extraction loses no more.
KEEP_EVERY = 60.0
# A batch, what comes of it, its first slot, and when a GPU has computed it.
_Computing = tuple[list[DecodedImage], Sequence[Tensor], int, torch.cuda.Event | None]


@dataclass(frozen=True)
class ReadFile:
    """An image file that was read: its digest, its status just before, and how grey it was."""

    image: str
    digest: str
    status: Status | None
    greys: Range | None


# Told of each file that was read.
Note = Callable[[ReadFile], None]


class ShardExtractor:
    """Computes shards of one store, one after the other.

    Args:
        folder: the store, which has its plan.
        backbone: what makes the features.
        config: how images are decoded ahead.
        console: where notes go.
        packed: what reads packed tar files, on from shard to shard.
    """

    def __init__(
        self,
        folder: Path,
        backbone: Backbone,
        config: ExtractConfig,
        console: Console,
        packed: PackedReader,
    ) -> None:
        self._folder, self._backbone = folder, backbone
        self._spec = replace(backbone.spec, coordinates=False)  # they are appended by who reads
        self._config, self._console, self._packed = config, console, packed

    def extract(
        self,
        todo: Sequence[Shard],
        images: Mapping[str, Place],
        advance: Callable[[int], None],
        note: Note,
    ) -> Iterator[WrittenShard]:
        """Compute and write shards; yields each once it is whole.

        Args:
            todo: the shards.
            images: id → place.
            advance: called with the number of images of each batch.
            note: told of each file that was read.

        Raises:
            FeatureError: a value does not fit in the dtype, or the disk does not take a shard.
            DataError: an address does not answer, or a file of many images cannot be read.
        """
        folder, spec = self._folder, self._spec
        begun = {shard.name: read_unfinished(folder, spec, shard, images) for shard in todo}
        left = [i for shard in todo for i in shard.images[done_of(begun[shard.name]) :]]
        total = sum(len(shard.images) for shard in todo)
        if len(left) < total:
            kept = f"{total - len(left):,} images of an interrupted extraction are kept"
            print_line(self._console, kept)
        decoded = decode_ahead(
            [(name, images[name]) for name in left],
            self._packed,
            spec=self._spec,
            workers=self._config.workers,
            ahead=2 * self._config.batch_size,
        )
        pictures = _noted(decoded, note)
        # One shard is saved while the next is computed; what stops the extraction waits for it.
        saving: Future[WrittenShard] | None = None
        with ThreadPoolExecutor(1, thread_name_prefix="save") as saver, closing(pictures):
            for shard in todo:
                with computing_threads(shard.threads):
                    filled = self._fill_shard(shard, pictures, advance, begun[shard.name])
                # Handed over before anybody waits: what is interrupted then is saved all the same.
                following = saver.submit(self._save, *filled)
                if saving is not None:
                    yield saving.result()
                saving = following
            if saving is not None:
                yield saving.result()

    def _save(self, stored: StoredLevels, written: WrittenShard) -> WrittenShard:
        with disk_errors(self._folder):
            written = save_shard(self._folder, stored, written)
        remove_unfinished(self._folder, written.shard)
        return written

    def _fill_shard(
        self,
        shard: Shard,
        pictures: Iterator[DecodedImage],
        advance: Callable[[int], None],
        begun: UnfinishedShard | None,
    ) -> tuple[StoredLevels, WrittenShard]:
        if begun is None:
            stored = StoredLevels.zeros(len(shard.images), self._spec.grids, self._spec.dtype)
            begun = UnfinishedShard(stored, WrittenShard(shard, (), (), (), {}))
        stored, seen = begun.stored, Seen.of(begun.written)
        if begun.done:
            advance(begun.done)
        computing: _Computing | None = None
        kept_at = time.monotonic()
        try:
            for start in range(begun.done, len(shard.images), shard.batch_size):
                batch = list(islice(pictures, min(shard.batch_size, len(shard.images) - start)))
                levels = self._compute(batch)  # a GPU has only begun when the last is fetched
                ready = _computed(levels)
                if computing is not None:
                    self._fetch(stored, *computing)
                if time.monotonic() - kept_at > KEEP_EVERY:
                    self._keep(stored, seen.first(shard, start))
                    kept_at = time.monotonic()
                seen.add(batch)
                computing = batch, levels, start, ready
                advance(len(batch))
            if computing is not None:
                self._fetch(stored, *computing)
        except KeyboardInterrupt:
            if computing is not None:
                self._fetch(stored, *computing)
                self._keep(stored, seen.first(shard, computing[2] + len(computing[0])))
            raise
        return stored, seen.first(shard, len(shard.images))

    def _keep(self, stored: StoredLevels, written: WrittenShard) -> None:
        with disk_errors(self._folder):
            UnfinishedShard(stored, written).save(self._folder)

    def _compute(self, batch: Sequence[DecodedImage]) -> Sequence[Tensor]:
        """Start the backbone on a batch; nothing comes of one without any image that is whole.

        A broken image goes through it too, as black: what others get may depend in its last bit on
        how many they are.
        """
        if all(picture.pixels is None for picture in batch):
            return ()
        size = self._spec.image_size
        black = torch.zeros(3, size, size, dtype=torch.uint8)
        pixels = torch.stack([black if p.pixels is None else p.pixels for p in batch])
        return self._backbone.compute_levels(pixels)

    def _fetch(
        self,
        stored: StoredLevels,
        batch: Sequence[DecodedImage],
        levels: Sequence[Tensor],
        start: int,
        ready: torch.cuda.Event | None,
    ) -> None:
        """Fill a batch's slots; from a GPU beside the next batch's computation, not after it."""
        if ready is None:
            self._fill(stored, batch, levels, start)
            return
        beside = torch.cuda.Stream(levels[0].device)
        beside.wait_event(ready)
        with torch.cuda.stream(beside):
            self._fill(stored, batch, levels, start)

    def _fill(
        self,
        stored: StoredLevels,
        batch: Sequence[DecodedImage],
        levels: Sequence[Tensor],
        start: int,
    ) -> None:
        """Fill the slots of a batch, from `start` on; those of broken images stay zero."""
        if not levels:
            return
        if self._written_at_once(stored, batch, levels, start):
            return
        levels = tuple(level.cpu() for level in levels)
        for row, (slot, picture) in enumerate(enumerate(batch, start)):
            if picture.pixels is not None:
                own: Sequence[Tensor] = [level[row : row + 1] for level in levels]
                if (shown := shown_regions(picture.size, self._spec)) is not None:
                    own = blank_out(own, shown[None])
                stored.write(slice(slot, slot + 1), own)
                # As it is read back: float16 overflows where float32 does not.
                if not torch.isfinite(stored.read(slice(slot, slot + 1))).all():
                    raise self._overflow(picture)

    def _written_at_once(
        self,
        stored: StoredLevels,
        batch: Sequence[DecodedImage],
        levels: Sequence[Tensor],
        start: int,
    ) -> bool:
        """Round and check a whole batch on a GPU, if all is well; else one by one tells more."""
        blank = any(
            p.pixels is None or shown_regions(p.size, self._spec) is not None for p in batch
        )
        if blank or not _on_gpu(levels) or self._spec.dtype == "int8":
            return False
        rounded = [level.to(DTYPES[self._spec.dtype]) for level in levels]
        if not all(torch.isfinite(level).all() for level in rounded):
            return False
        stored.write(slice(start, start + len(batch)), [level.cpu() for level in rounded])
        return True

    def _overflow(self, picture: DecodedImage) -> FeatureError:
        dtype, backbone = self._spec.dtype, self._spec.backbone
        return FeatureError(
            f"{backbone} gives this image features that are not finite in {dtype}",
            where=picture.place.called(picture.image),
            remedy="Keep features as float32 (--dtype float32), in a store of their own."
            if dtype != "float32"
            else "Use another backbone.",
        )


def _noted(
    pictures: Generator[DecodedImage, None, None], note: Note
) -> Generator[DecodedImage, None, None]:
    """Pass pictures on, and tell of the file of each."""
    with closing(pictures):
        for picture in pictures:
            note(ReadFile(picture.image, picture.digest, picture.status, picture.greys))
            yield picture


def _on_gpu(levels: Sequence[Tensor]) -> bool:
    return bool(levels) and levels[0].is_cuda


def _computed(levels: Sequence[Tensor]) -> torch.cuda.Event | None:
    """Return when a GPU will have computed what it has been asked for so far."""
    if not _on_gpu(levels):
        return None
    event: torch.cuda.Event = torch.cuda.current_stream(levels[0].device).record_event()
    return event
