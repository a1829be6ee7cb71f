"""Write a share of a feature store, beside processes that write the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from askattend.environment.console import print_line
from askattend.errors import ConfigError, name_few
from askattend.features.claims import claim
from askattend.features.disk import sole_writer
from askattend.features.image_places import Place
from askattend.features.plan import read_progress
from askattend.features.shard_extractor import Note
from askattend.features.shares import parts_of_share
from askattend.features.spec import FeatureSpec
from askattend.features.store_files import read_description, read_written
from askattend.features.store_index import INDEX, PLAN, Index, Plan, Shard, WrittenShard
from askattend.features.writer import Engine, StoreWriter


@dataclass(frozen=True)
class WrittenShare:
    """Result of a share.

    Attributes:
        shards: of the share, all of which are there.
        broken: images of them that cannot be read → why.
        left: shards of other shares that are not there yet; none where the store is finished.
    """

    shards: int
    broken: Mapping[str, str]
    left: int


class ShareWriter:
    """Fills a share of one store. Any number of processes may, each with a share of its own.

    The first one makes the plan, the others find it; the one that is ready last writes the index.

    Args:
        folder: the store.
        writer: of the whole store.
        engine: what computes shards and writes them.
        console: where notes go.
    """

    def __init__(self, folder: Path, writer: StoreWriter, engine: Engine, console: Console) -> None:
        self._folder, self._writer = folder, writer
        self._engine, self._console = engine, console

    def write(self, images: Mapping[str, Place], share: str) -> WrittenShare:
        """Extract a share of what the store lacks of `images`.

        Args:
            images: those of all shares, id → place.
            share: ``"3/8"`` for the third of eight.

        Raises:
            FeatureError: see `extraction.extract`.
            ConfigError: there is no such share, or the plan that is there has other images.
        """
        with sole_writer(self._folder, self._console):
            plan = self._planned(images)
        mine = self._mine(plan, share)
        there = [read_written(self._folder, plan.spec, shard) for shard in mine]
        written = [each for each in there if each is not None]
        todo = [shard for shard, each in zip(mine, there, strict=True) if each is None]
        if todo:
            written += self._writer.extract(todo, images, self._claiming)
        broken = {image: reason for shard in written for image, reason in shard.broken.items()}
        with sole_writer(self._folder, self._console):
            return WrittenShare(len(mine), broken, self._end(mine))

    def _mine(self, plan: Plan, share: str) -> list[Shard]:
        """List the shards of a share: a part of the new ones, and those that have been lost."""
        indexed = self._indexed()
        new = [shard for shard in plan.shards if shard not in indexed]
        lost = [
            shard
            for shard in plan.shards
            if shard in indexed and read_written(self._folder, plan.spec, shard) is None
        ]
        mine = [new[number] for number in parts_of_share(share, len(new))]
        if new:
            text = f"share {share}: {len(mine):,} of {len(new):,} shards"
            print_line(self._console, text if mine else f"note: {text}; none is left for it")
        return [*lost, *mine]

    def _planned(self, images: Mapping[str, Place]) -> Plan:
        """Find the plan of another share, or make it."""
        plan = read_description(self._folder / PLAN, Plan)
        if plan is None:
            return self._writer.begin(images).plan
        plan.spec.require(self._writer.spec, where=self._folder)
        indexed = self._indexed()
        planned = {image for shard in plan.shards for image in shard.images}
        new = {image for shard in plan.shards if shard not in indexed for image in shard.images}
        missing = new.difference(images)
        if other := sorted(missing | set(images).difference(planned)):
            raise ConfigError(
                f"was begun with other images: {name_few(other)}",
                where=self._folder,
                remedy="Name the same for each share, or finish it first, without --shard.",
            )
        return plan

    def _indexed(self) -> list[Shard]:
        """Return the shards of the store as it was finished last."""
        index = read_description(self._folder / INDEX, Index)
        return [] if index is None else [written.shard for written in index.shards]

    def _claiming(
        self,
        spec: FeatureSpec,
        todo: Sequence[Shard],
        images: Mapping[str, Place],
        advance: Callable[[int], None],
        note: Note,
    ) -> Iterator[WrittenShard]:
        """Write the shards that nobody is at; then see to those that somebody was."""
        busy: list[Shard] = []
        turns: tuple[tuple[Sequence[Shard], bool], ...] = ((todo, False), (busy, True))
        for shards, wait in turns:
            for shard in shards:
                if wait:
                    text = f"{shard.name} is being written by another process; waiting for it."
                    print_line(self._console, text)
                with claim(self._folder, shard, wait=wait) as claimed:
                    if not claimed:
                        busy.append(shard)
                        continue
                    self._require_planned(shard)
                    written = read_written(self._folder, spec, shard)
                    if written is not None:
                        advance(len(shard.images))
                        yield written
                    else:
                        yield from self._engine(spec, [shard], images, advance, note)

    def _require_planned(self, shard: Shard) -> None:
        """Make sure that nobody has made another plan, or finished this one, with other shards."""
        plan = read_description(self._folder / PLAN, Plan)
        planned = () if plan is None else plan.shards
        if shard not in planned and shard not in self._indexed():
            raise self._planned_anew()

    def _planned_anew(self) -> ConfigError:
        return ConfigError(
            "another extraction has made another plan meanwhile",
            where=self._folder,
            remedy="Run the same command again, once that one is finished.",
        )

    def _end(self, mine: Sequence[Shard]) -> int:
        """Write the index if all shards of the plan are there; count those that are not."""
        plan = read_description(self._folder / PLAN, Plan)
        # Somebody else has finished it, or made another one.
        planned = self._indexed() if plan is None else plan.shards
        if any(shard not in planned for shard in mine):
            raise self._planned_anew()
        if plan is None:
            return 0
        _, written = read_progress(self._folder, self._writer.spec)
        left = sum(shard.name not in written for shard in plan.shards)
        if not left:
            self._writer.finish(plan, written, created=False)
        return left
