"""Shards answered and written in this process, whoever hands them out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from askattend.bulk.answering import ShardAnswerer
from askattend.bulk.decoding import Decoders
from askattend.bulk.items import Asked, Item
from askattend.bulk.parts import Parts, Status
from askattend.bulk.plan import Plan, run_digest, versions
from askattend.bulk.regions import (
    BackboneRegions,
    NoRegions,
    RegionReader,
    StoredRegions,
    needs_pictures,
)
from askattend.devices import computing_threads
from askattend.features.store import FeatureStore
from askattend.features.store_index import INDEX
from askattend.files import digest_of
from askattend.native.library import library
from askattend.runs.predictor import Predictor


def of_this_process(predictor: Predictor, store: FeatureStore | None) -> dict[str, Any]:
    """Return the fields of a plan that depend on who computes, and not on what is asked."""
    weight = next(predictor.model.parameters())
    askattend, torch_version = versions()
    looked = predictor.run.features.backbone
    if needs_pictures(predictor, store):
        looked = f"{predictor.backbone.spec.backbone} {predictor.backbone.spec.fingerprint}"
    return {
        "askattend": askattend,
        "torch": torch_version,
        "run": run_digest(predictor.run),
        "kernels": library() is not None,
        "device": weight.device.type,
        "precision": str(weight.dtype).removeprefix("torch."),
        "features": looked if store is None else f"store {digest_of(store.path / INDEX)}",
        "threshold": predictor.threshold,
    }


@contextmanager
def opened_answerer(
    predictor: Predictor,
    common: tuple[Asked, ...],
    plan: Plan,
    *,
    workers: int,
    store: FeatureStore | None,
    console: Console,
) -> Iterator[ShardAnswerer]:
    """Get ready to answer shards of a plan: its threads, and processes that decode.

    Args:
        predictor: the run.
        common: questions of every image.
        plan: the plan.
        workers: processes that decode.
        store: features to answer from, in the place of pictures.
        console: where a note goes.
    """
    # Unseen words of common questions are looked up once, not with every batch.
    predictor = predictor.knowing([question.text for question in common])
    with (
        computing_threads(plan.threads),
        _reader(predictor, store, plan, workers, console) as reader,
    ):
        yield ShardAnswerer(predictor, reader.regions, common, plan.batch_size, plan.top, plan.maps)


def write_part(
    parts: Parts,
    items: Sequence[Item],
    number: int,
    answerer: ShardAnswerer,
    advance: Callable[[int], None],
) -> Status:
    """Answer a shard that was claimed, and write it.

    Args:
        parts: the shards.
        items: its images.
        number: which.
        answerer: what answers.
        advance: called with the number of images of each batch, once it is answered.
    """
    broken = dict[str, str]()
    with closing(answerer.rows(items, broken, advance)) as rows:
        return parts.write(number, rows, images=len(items), broken=broken)


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
