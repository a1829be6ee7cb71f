"""Write a feature store shard by shard, so that any interruption costs one shard at most."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path

import msgspec
import torch
from rich.console import Console
from torch import Tensor

from askattend.devices import computing_threads
from askattend.environment.terminal import print_line
from askattend.errors import FeatureError
from askattend.features.announcements import (
    announce,
    note_greys,
    note_replaced,
    note_threads,
)
from askattend.features.decoding import DecodedImage, decode_ahead
from askattend.features.disk import disk_errors, save_shard
from askattend.features.geometry import shown_regions
from askattend.features.greys import Range
from askattend.features.image_files import ImageFiles
from askattend.features.levels import StoredLevels, blank_out
from askattend.features.plan import make_plan, read_progress
from askattend.features.progress import Report, progress_bar
from askattend.features.spec import Backbone
from askattend.features.storage import DTYPES
from askattend.features.store_index import (
    INDEX,
    PLAN,
    STORE_FILES,
    Index,
    Plan,
    Shard,
    WrittenShard,
    find_slots,
)
from askattend.features.unfinished import (
    UNFINISHED,
    Seen,
    UnfinishedShard,
    done_of,
    read_unfinished,
    remove_unfinished,
)
from askattend.files import (
    atomic_write,
    begin_manifest,
    make_folder,
    remove,
    remove_empty,
    sweep,
)
from askattend.files.manifest import MANIFEST
from askattend.files.recording import LOCK, settle

# Seconds after which what there is of a shard is written: a killed extraction loses no more.
KEEP_EVERY = 60.0
# A batch, what comes of it, its first slot, and when a GPU has computed it.
_Computing = tuple[list[DecodedImage], Sequence[Tensor], int, torch.cuda.Event | None]


class StoreWriter:
    """Fills one store; nobody else may write to it meanwhile.

    Args:
        folder: the store.
        backbone: what makes the features.
        batch_size: images that it looks at together.
        workers: threads that decode images ahead of it.
        shard_images: images a shard.
        console: where notes and the progress bar go.
        progress: called with images done and to do, after each batch.
    """

    def __init__(
        self,
        folder: Path,
        backbone: Backbone,
        *,
        batch_size: int,
        workers: int,
        shard_images: int,
        console: Console,
        progress: Report | None,
    ) -> None:
        self._folder, self._backbone = folder, backbone
        self._spec = replace(backbone.spec, coordinates=False)  # they are appended by who reads
        self._batch_size, self._workers, self._shard_images = batch_size, workers, shard_images
        self._console, self._progress = console, progress
        self._files = ImageFiles(folder, workers=workers)
        self._greys: Counter[Range] = Counter()

    def write(self, images: Mapping[str, Path]) -> tuple[int, int]:
        """Extract what the store lacks of `images`; return how many it now got, and had before.

        Raises:
            FeatureError: see `extraction.extract`.
        """
        sweep(self._folder)
        before, written = read_progress(self._folder, self._spec)
        had = self._files.current(images, written.values())
        plan = make_plan(
            images,
            before,
            written,
            current=had,
            batch_size=self._batch_size,
            shard_images=self._shard_images,
            threads=torch.get_num_threads(),
        )
        todo = [shard for shard in plan.shards if shard.name not in written]
        for lost in set(before.shards).difference(plan.shards):
            why = "is not whole, and some of its images are not among those given; left out"
            print_line(self._console, f"{self._folder / lost.name} {why}")
        already = sum(image in had for image in images)
        finished = (self._folder / INDEX).exists() and not (self._folder / PLAN).exists()
        if finished and not todo:
            text = f"no image to extract: all {already:,} are in {self._folder}"
            print_line(self._console, text)
            self._remember()
            settle(self._folder)
            remove(self._folder / LOCK)
            return 0, already
        if not written:
            self._require_some(images, todo)
        announce(self._console, self._folder, self._spec, todo, already)
        note_threads(self._console, todo, own=torch.get_num_threads())
        slots = find_slots(written.values())
        note_replaced(self._console, [i for i in images if i in slots and i not in had])
        created = self._write_plan(plan)
        try:
            made = list(self._extract(todo, images))
        finally:
            self._remember()
        written |= {shard.shard.name: shard for shard in made}
        self._finish(plan, written, created=created)
        note_greys(self._console, self._greys)
        return len(find_slots(made)), already

    def _remember(self) -> None:
        if (problem := self._files.save()) is not None:
            print_line(self._console, f"note: {problem}")

    def _require_some(self, images: Mapping[str, Path], todo: Sequence[Shard]) -> None:
        """Refuse to begin where no image is there at all."""
        files = [images[image] for shard in todo for image in shard.images]
        if not any(file.exists() for file in files):
            raise FeatureError(
                f"none of the {len(files):,} images is there, such as {files[0]}",
                where=self._folder,
                remedy="Put them there; without any, train a network that reads questions alone "
                "(question-only).",
            )

    def _write_plan(self, plan: Plan) -> bool:
        """Write the plan, and tell if the store's folder is new."""
        created = not self._folder.exists()
        with disk_errors(self._folder):
            make_folder(self._folder)
            if not (self._folder / INDEX).exists():  # one without a manifest gets it with its index
                begin_manifest(self._folder, (PLAN,))
            atomic_write(self._folder / PLAN, msgspec.json.encode(plan))
        return created

    def _extract(self, todo: Sequence[Shard], images: Mapping[str, Path]) -> Iterator[WrittenShard]:
        folder, spec = self._folder, self._spec
        begun = {shard.name: read_unfinished(folder, spec, shard, images) for shard in todo}
        left = [i for shard in todo for i in shard.images[done_of(begun[shard.name]) :]]
        total = sum(len(shard.images) for shard in todo)
        if len(left) < total:
            kept = f"{total - len(left):,} images of an interrupted extraction are kept"
            print_line(self._console, kept)
        pictures = decode_ahead(
            [(name, images[name]) for name in left],
            spec=self._spec,
            workers=self._workers,
            ahead=2 * self._batch_size,
        )
        # One shard is saved while the next is computed; what stops the extraction waits for it.
        saving: Future[WrittenShard] | None = None
        with (
            ThreadPoolExecutor(1, thread_name_prefix="save") as saver,
            closing(pictures),
            progress_bar(total, self._console, self._progress) as advance,
        ):
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
                self._note(batch)
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

    def _note(self, batch: Sequence[DecodedImage]) -> None:
        for picture in batch:
            if picture.status is not None:
                self._files.note(picture.image, picture.digest, picture.status)
            if picture.greys is not None:
                self._greys[picture.greys] += 1

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
            where=picture.file,
            remedy="Keep features as float32 (--dtype float32), in a store of their own."
            if dtype != "float32"
            else "Use another backbone.",
        )

    def _finish(self, plan: Plan, written: Mapping[str, WrittenShard], *, created: bool) -> None:
        """Write the index, and leave nothing but what belongs to the store."""
        shards = tuple(written[shard.name] for shard in plan.shards)
        usable = bool(find_slots(shards))
        if usable:
            with disk_errors(self._folder):
                begin_manifest(self._folder, STORE_FILES)
                atomic_write(self._folder / INDEX, msgspec.json.encode(Index(plan.spec, shards)))
        else:
            remove(self._folder / MANIFEST)  # first: it tells of what goes now
        self._sweep({shard.name for shard in plan.shards} if usable else set())
        if not usable:
            # Where the folder was there, it is the user's.
            if created:
                remove_empty(self._folder)
            image, reason = next(iter(Index(plan.spec, shards).broken().items()))
            raise FeatureError(
                f"no image could be read, of {sum(len(s.broken) for s in shards):,}",
                where=self._folder,
                remedy=f"The first, '{image}': {reason}.",
            )

    def _sweep(self, shards: set[str]) -> None:
        """Remove the plan, and what killed extractions left."""
        # The plan after them: killed in between, the next extraction ends this one.
        for pattern in ("shard-*.safetensors", UNFINISHED, PLAN, LOCK):
            for file in self._folder.glob(pattern):
                # Of an earlier plan with other images, or of an extraction that found none.
                if file.name not in shards:
                    remove(file)


def _on_gpu(levels: Sequence[Tensor]) -> bool:
    return bool(levels) and levels[0].is_cuda


def _computed(levels: Sequence[Tensor]) -> torch.cuda.Event | None:
    """Return when a GPU will have computed what it has been asked for so far."""
    if not _on_gpu(levels):
        return None
    event: torch.cuda.Event = torch.cuda.current_stream(levels[0].device).record_event()
    return event
