"""The local engine: one process that computes, and processes that decode for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console

from askattend.bulk.answering import ShardAnswerer
from askattend.bulk.filling import of_this_process, opened_answerer, write_part
from askattend.bulk.items import Asked, Items
from askattend.bulk.parts import Parts, Status, part_name
from askattend.bulk.plan import Plan, questions_digest
from askattend.environment.console import notes_console, print_line
from askattend.features.progress import Report, progress_bar
from askattend.features.shares import parts_of_share
from askattend.features.store import FeatureStore
from askattend.files import sweep
from askattend.runs.predictor import Predictor
from askattend.settings import Positive, Threads, Workers, check

Format = Literal["jsonl", "parquet", "csv"]
# Given the shards to do and what to call with images done, yields each one's status once it is
# whole; in any order.
Engine = Callable[[Sequence[int], Callable[[int], None]], Iterator[Status]]


@dataclass(frozen=True)
class BulkConfig:
    """Settings of a bulk answering."""

    format: Format = "jsonl"
    """Form of the results: jsonl, parquet (which needs pyarrow), or csv (for spreadsheets)."""
    maps: bool = False
    """Keep attention maps, in 8 bits."""
    top: Positive = 5
    """Answers to list of each question."""
    batch_size: Positive = 8
    """Images that the network looks at together."""
    shard_images: Positive = 256
    """Images a shard; so many at most are answered about again after an interruption."""
    threads: Threads | None = None
    """Threads that compute; by default those of a plan already begun, or PyTorch's own."""
    workers: Workers = 2
    """Processes that decode images ahead of the network; 0 decodes in line."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class Summary:
    """Result of a bulk answering, or of a share of it.

    Attributes:
        images, questions: in the results of this share, whoever wrote them.
        parts: shards of this share.
        before: those that were done already.
        broken: images that cannot be read, and why.
        wordless: questions without a word in them.
        seconds: that answering took, without what was done before.
        images_per_second: of what was answered now.
    """

    images: int
    questions: int
    parts: int
    before: int
    broken: dict[str, str]
    wordless: int
    seconds: float
    images_per_second: float


def make_plan(
    predictor: Predictor,
    items: Items,
    common: tuple[Asked, ...],
    config: BulkConfig,
    *,
    threads: int,
    store: FeatureStore | None = None,
) -> Plan:
    """Write down all that a bit of the results could depend on."""
    return Plan(
        images=items.count,
        listed=items.digest,
        questions=questions_digest(common),
        parts=items.parts,
        shard_images=config.shard_images,
        batch_size=config.batch_size,
        threads=threads,
        format=config.format,
        maps=config.maps,
        top=config.top,
        **of_this_process(predictor, store),
    )


def answer_parts(
    predictor: Predictor,
    items: Items,
    common: tuple[Asked, ...],
    plan: Plan,
    out: Path,
    *,
    shard: str = "",
    workers: int = 2,
    store: FeatureStore | None = None,
    console: Console | None = None,
    progress: Report | None = None,
    engine: Engine | None = None,
) -> Summary:
    """Answer the shards of a plan that are not done, or a share of them.

    Several processes may do so in one folder: a shard that another one is at is left to it, and
    waited for in the end.

    Args:
        predictor: the run.
        items: the images with questions of their own.
        common: questions of every image.
        plan: as `make_plan` made it, settled in the folder.
        out: the folder.
        shard: ``"3/8"`` for the third of eight shares.
        workers: processes that decode.
        store: features to answer from, in the place of pictures.
        console: where progress goes; standard error by default.
        progress: called with images done and to do.
        engine: what answers shards and writes them; by default this process.

    Raises:
        ConfigError: there is no such share.
        AskAttendError: an address does not answer, or a decoding process was killed.
        OSError: the disk does not take the results.
    """
    console = notes_console() if console is None else console
    parts = Parts(out, plan=plan.digest, format=plan.format, attention=plan.maps)
    mine = parts_of_share(shard, plan.parts)
    before = {number: status for number in mine if (status := parts.done(number)) is not None}
    for number in before:
        parts.forget_claim(number)
    todo = [number for number in mine if number not in before]
    if not mine:
        print_line(console, f"note: of {plan.parts} shards, none is for share {shard}")
    began, images = time.monotonic(), _images_of(items, todo)
    made: list[Status] = []
    if todo:
        if engine is None:
            engine = _local(predictor, items, common, plan, parts, workers, store, console)
        with progress_bar(images, console, progress, doing=("answering", "answered")) as advance:
            made = list(engine(todo, advance))
        sweep(out)  # a process that outlived its killed driver may have left something since
    seconds = time.monotonic() - began
    return _summary([*before.values(), *made], mine, len(before), images, seconds)


def _local(
    predictor: Predictor,
    items: Items,
    common: tuple[Asked, ...],
    plan: Plan,
    parts: Parts,
    workers: int,
    store: FeatureStore | None,
    console: Console,
) -> Engine:
    """Make the engine that computes in this process."""

    def engine(todo: Sequence[int], advance: Callable[[int], None]) -> Iterator[Status]:
        with opened_answerer(
            predictor, common, plan, workers=workers, store=store, console=console
        ) as answerer:
            yield from _fill(parts, items, todo, answerer, advance, console)

    return engine


def _fill(
    parts: Parts,
    items: Items,
    todo: Sequence[int],
    answerer: ShardAnswerer,
    advance: Callable[[int], None],
    console: Console,
) -> Iterator[Status]:
    """Fill the shards that nobody is at; then see to those that somebody was."""
    left: list[int] = []
    turns: tuple[tuple[Sequence[int], bool], ...] = ((todo, False), (left, True))
    for numbers, wait in turns:
        for number in numbers:
            if wait and parts.done(number) is None:
                text = f"{part_name(number)} is being written by another process; waiting for it."
                print_line(console, text)
            with parts.claim(number, wait=wait) as claimed:
                if not claimed:
                    left.append(number)
                    continue
                # Somebody may have done it meanwhile.
                status = parts.done(number)
                if status is not None:
                    advance(status.images)
                    yield status
                else:
                    yield write_part(parts, items.part(number), number, answerer, advance)


def _images_of(items: Items, parts: list[int]) -> int:
    size = items.shard_images
    return sum(min(size, items.count - number * size) for number in parts)


def _summary(done: list[Status], mine: range, before: int, images: int, seconds: float) -> Summary:
    broken = {image: reason for status in done for image, reason in status.broken.items()}
    return Summary(
        images=sum(status.images for status in done),
        questions=sum(status.rows for status in done),
        parts=len(mine),
        before=before,
        broken=broken,
        wordless=sum(status.wordless for status in done),
        seconds=round(seconds, 3),
        images_per_second=round(images / max(seconds, 1e-9), 2),
    )
