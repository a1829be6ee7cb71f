"""The local engine: one process that computes, and processes that decode for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rich.console import Console

from askattend.bulk.answering import ShardAnswerer
from askattend.bulk.decoding import Decoders
from askattend.bulk.items import Asked, Items
from askattend.bulk.parts import Parts, Status
from askattend.bulk.plan import Plan, parts_of_shard, questions_digest, run_digest, versions
from askattend.bulk.regions import (
    BackboneRegions,
    NoRegions,
    RegionReader,
    StoredRegions,
    needs_pictures,
)
from askattend.devices import computing_threads
from askattend.features.progress import Report, print_line, progress_bar
from askattend.features.store import FeatureStore
from askattend.features.store_index import INDEX
from askattend.files import digest_of
from askattend.runs.predictor import Predictor
from askattend.settings import Natural, Positive, check

Format = Literal["jsonl", "parquet"]


@dataclass(frozen=True)
class BulkConfig:
    """Settings of a bulk answering."""

    format: Format = "jsonl"
    """Form of the results: jsonl, or parquet (which needs pyarrow)."""
    attention: bool = False
    """Keep attention maps, in 8 bits."""
    top: Positive = 5
    """Answers to list of each question."""
    batch_size: Positive = 8
    """Images that the network looks at together."""
    shard_images: Positive = 256
    """Images a shard; so many at most are answered about again after an interruption."""
    threads: Positive | None = None
    """Threads that compute; by default those of a plan already begun, or PyTorch's own."""
    workers: Natural = 2
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
    weight = next(predictor.model.parameters())
    askattend, torch_version = versions()
    looked = predictor.run.features.backbone
    if needs_pictures(predictor, store):
        looked = f"{predictor.backbone.spec.backbone} {predictor.backbone.spec.fingerprint}"
    return Plan(
        askattend=askattend,
        torch=torch_version,
        run=run_digest(predictor.run),
        images=items.count,
        listed=items.digest,
        questions=questions_digest(common),
        parts=items.parts,
        shard_images=config.shard_images,
        batch_size=config.batch_size,
        threads=threads,
        device=weight.device.type,
        precision=str(weight.dtype).removeprefix("torch."),
        features=looked if store is None else f"store {digest_of(store.path / INDEX)}",
        format=config.format,
        attention=config.attention,
        top=config.top,
        threshold=predictor.threshold,
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

    Raises:
        ConfigError: there is no such share.
        AskAttendError: an address does not answer, or a decoding process was killed.
        OSError: the disk does not take the results.
    """
    console = Console(stderr=True) if console is None else console
    parts = Parts(out, plan=plan.digest, format=plan.format, attention=plan.attention)
    mine = parts_of_shard(shard, plan.parts)
    before = {number: status for number in mine if (status := parts.done(number)) is not None}
    for number in before:
        parts.forget_claim(number)
    todo = [number for number in mine if number not in before]
    if not mine:
        print_line(console, f"note: of {plan.parts} shards, none is for share {shard}")
    began, images = time.monotonic(), _images_of(items, todo)
    made: list[Status] = []
    with ExitStack() as stack:
        if todo:
            stack.enter_context(computing_threads(plan.threads))
            predictor = _knowing(predictor, common)
            reader = stack.enter_context(_reader(predictor, store, plan, workers, console))
            answerer = ShardAnswerer(
                predictor, reader.regions, common, plan.batch_size, plan.top, plan.attention
            )
            advance = stack.enter_context(
                progress_bar(images, console, progress, doing=("answering", "answered"))
            )
            made = list(_fill(parts, items, todo, answerer, advance))
    seconds = time.monotonic() - began
    return _summary([*before.values(), *made], mine, len(before), images, seconds)


def _fill(
    parts: Parts,
    items: Items,
    todo: list[int],
    answerer: ShardAnswerer,
    advance: Callable[[int], None],
) -> Iterator[Status]:
    """Fill the shards that nobody is at; then see to those that somebody was."""
    left: list[int] = []
    for numbers, wait in ((todo, False), (left, True)):
        for number in numbers:
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
                    yield _write(parts, items, number, answerer, advance)


def _write(
    parts: Parts,
    items: Items,
    number: int,
    answerer: ShardAnswerer,
    advance: Callable[[int], None],
) -> Status:
    own, broken = items.part(number), dict[str, str]()
    with closing(answerer.rows(own, broken, advance)) as rows:
        return parts.write(number, rows, images=len(own), broken=broken)


@dataclass(frozen=True)
class _Reader:
    regions: RegionReader
    decoders: Decoders | None = None

    def __enter__(self) -> _Reader:
        return self

    def __exit__(self, *error: Any) -> None:
        if self.decoders is not None:
            self.decoders.__exit__(*error)


def _reader(
    predictor: Predictor, store: FeatureStore | None, plan: Plan, workers: int, console: Console
) -> _Reader:
    if store is not None:
        return _Reader(StoredRegions(store))
    if not needs_pictures(predictor, store):
        return _Reader(NoRegions())
    backbone = predictor.backbone
    ahead = 2 * plan.batch_size
    decoders = Decoders(backbone.spec, workers=workers, ahead=ahead, console=console)
    return _Reader(BackboneRegions(backbone, decoders), decoders)


def _knowing(predictor: Predictor, common: tuple[Asked, ...]) -> Predictor:
    """Look unseen words of common questions up once, not with every batch."""
    return predictor.knowing([question.text for question in common])


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
