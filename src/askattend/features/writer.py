"""Write a feature store shard by shard, so that any interruption costs one shard at most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import torch
from rich.console import Console

from askattend.environment.console import print_line
from askattend.errors import FeatureError
from askattend.features.announcements import (
    announce,
    note_greys,
    note_replaced,
    note_threads,
)
from askattend.features.claims import CLAIMS
from askattend.features.disk import disk_errors
from askattend.features.extract_config import ExtractConfig
from askattend.features.greys import Range
from askattend.features.image_files import ImageFiles
from askattend.features.image_places import Place, is_there
from askattend.features.plan import make_plan, read_progress
from askattend.features.progress import Report, progress_bar
from askattend.features.shard_extractor import Note, ReadFile
from askattend.features.spec import FeatureSpec
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
from askattend.features.unfinished import UNFINISHED
from askattend.files import atomic_write, begin_manifest, make_folder, remove, remove_empty, sweep
from askattend.files.manifest import MANIFEST
from askattend.files.recording import LOCK, settle

# Computes and writes shards, of the images whose places are named: called with what makes features,
# the shards, the places, what to call with images done, and what to tell of each file.
Engine = Callable[
    [FeatureSpec, Sequence[Shard], Mapping[str, Place], Callable[[int], None], Note],
    Iterator[WrittenShard],
]


@dataclass(frozen=True)
class Begun:
    """An extraction that is about to go on.

    Attributes:
        plan: all shards of the store, as planned.
        written: those that are there, by name.
        current: images whose features they hold, made from the file that is there now.
        todo: shards that are not there.
        finished: True where nothing is to be done.
        created: True where the store's folder is new.
    """

    plan: Plan
    written: dict[str, WrittenShard]
    current: set[str]
    todo: tuple[Shard, ...]
    finished: bool
    created: bool


class StoreWriter:
    """Fills one store; nobody else may write to it meanwhile.

    Args:
        folder: the store.
        spec: what makes the features.
        config: how further shards are planned.
        console: where notes and the progress bar go.
        progress: called with images done and to do, after each batch.
        engine: what computes shards and writes them.
    """

    def __init__(
        self,
        folder: Path,
        spec: FeatureSpec,
        config: ExtractConfig,
        *,
        console: Console,
        progress: Report | None,
        engine: Engine,
    ) -> None:
        self._folder, self._config, self._engine = folder, config, engine
        self._spec = replace(spec, coordinates=False)  # they are appended by who reads
        self._console, self._progress = console, progress
        self._files = ImageFiles(folder, workers=config.workers)
        self._greys: Counter[Range] = Counter()

    @property
    def spec(self) -> FeatureSpec:
        """Description of what makes the features."""
        return self._spec

    def write(self, images: Mapping[str, Place]) -> tuple[int, int]:
        """Extract what the store lacks of `images`; return how many it now got, and had before.

        Raises:
            FeatureError: see `extraction.extract`.
        """
        begun = self.begin(images)
        already = sum(image in begun.current for image in images)
        if begun.finished:
            return 0, already
        note_threads(self._console, begun.todo, own=torch.get_num_threads())
        made = self.extract(begun.todo, images)
        written = begun.written | {shard.shard.name: shard for shard in made}
        self.finish(begun.plan, written, created=begun.created)
        return len(find_slots(made)), already

    def begin(self, images: Mapping[str, Place]) -> Begun:
        """Plan what the store lacks of `images`, and write the plan down, if it lacks any.

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
            batch_size=self._config.batch_size,
            shard_images=self._config.shard_images,
            threads=torch.get_num_threads(),
        )
        todo = tuple(shard for shard in plan.shards if shard.name not in written)
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
            return Begun(plan, written, had, (), finished=True, created=False)
        if not written:
            self._require_some(images, todo)
        announce(self._console, self._folder, self._spec, todo, already)
        slots = find_slots(written.values())
        note_replaced(self._console, [i for i in images if i in slots and i not in had])
        return Begun(plan, written, had, todo, finished=False, created=self._write_plan(plan))

    def extract(
        self,
        todo: Sequence[Shard],
        images: Mapping[str, Place],
        engine: Engine | None = None,
    ) -> list[WrittenShard]:
        """Compute and write planned shards, and show how far it is.

        Args:
            todo: the shards.
            images: id → place.
            engine: what computes and writes them, in the place of the store's own.
        """
        total = sum(len(shard.images) for shard in todo)
        engine = self._engine if engine is None else engine
        try:
            with progress_bar(total, self._console, self._progress) as advance:
                made = list(engine(self._spec, todo, images, advance, self._note))
        finally:
            self._remember()
        note_greys(self._console, self._greys)
        return made

    def _remember(self) -> None:
        if (problem := self._files.save()) is not None:
            print_line(self._console, f"note: {problem}")

    def _require_some(self, images: Mapping[str, Place], todo: Sequence[Shard]) -> None:
        """Refuse to begin where no image is there at all."""
        places = [images[image] for shard in todo for image in shard.images]
        if not any(map(is_there, places)):
            raise FeatureError(
                f"none of the {len(places):,} images is there, such as {places[0].name}",
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

    def _note(self, read: ReadFile) -> None:
        if read.status is not None:
            self._files.note(read.image, read.digest, read.status)
        if read.greys is not None:
            self._greys[read.greys] += 1

    def finish(self, plan: Plan, written: Mapping[str, WrittenShard], *, created: bool) -> None:
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
        for pattern in ("shard-*.safetensors", UNFINISHED, CLAIMS, PLAN, LOCK):
            for file in self._folder.glob(pattern):
                # Of an earlier plan with other images, or of an extraction that found none.
                if file.name not in shards:
                    remove(file)
