"""The plan of an extraction, given what an earlier one left in the store."""

from __future__ import annotations

from collections.abc import Mapping, Set
from pathlib import Path

from askattend.errors import FeatureError, ImageError
from askattend.features.image_places import Place, read_image
from askattend.features.images import open_image
from askattend.features.spec import FeatureSpec
from askattend.features.store_files import read_description, read_written
from askattend.features.store_index import (
    INDEX,
    PLAN,
    Index,
    Plan,
    WrittenShard,
    divide,
)
from askattend.files.manifest import MANIFEST


def read_progress(folder: Path, spec: FeatureSpec) -> tuple[Plan, dict[str, WrittenShard]]:
    """Read what an earlier extraction planned in a store, and the shards it finished, by name.

    Raises:
        FeatureError: the folder is no store, or a store made otherwise than by `spec`.
    """
    try:
        plan, index = read_description(folder / PLAN, Plan), read_description(folder / INDEX, Index)
    except FeatureError:
        if (folder / MANIFEST).exists() or any(folder.glob("shard-*")):
            raise
        # Of `predict`, say, whose plan has the same name: not to be deleted.
        raise _something_else(folder) from None
    fresh = Plan(spec, ())
    if plan is None and index is None:
        _require_empty(folder)
        return fresh, {}
    # Finished: the index is the plan, and new images are added to it.
    if plan is None:
        assert index is not None
        plan = Plan(index.spec, tuple(written.shard for written in index.shards))
    found = (read_written(folder, plan.spec, shard) for shard in plan.shards)
    written = {shard.shard.name: shard for shard in found if shard is not None}
    if index is None and not written:
        return fresh, {}  # it got nowhere, so that there is nothing to mix with
    if plan.spec.imported:
        raise FeatureError(
            "holds imported features, which none extracted here may join",
            where=folder,
            remedy="Choose a new folder.",
        )
    # Before anything is computed: features of two backbones never lie in one store.
    plan.spec.require(spec, where=folder)
    return plan, written


def make_plan(
    images: Mapping[str, Place],
    before: Plan,
    written: Mapping[str, WrittenShard],
    *,
    current: Set[str],
    batch_size: int,
    shard_images: int,
    threads: int,
) -> Plan:
    """Keep finished shards, and planned ones that still can be made; add what is missing.

    Images that were broken are planned once more if they open now, and so are those whose file
    holds something else than when it was looked at.

    Args:
        images: all that the store shall hold, id → place.
        before: the earlier plan.
        written: its finished shards.
        current: images that these hold, made from the file that is there now.
        batch_size: images that are computed together in further shards.
        shard_images: images in each of those.
        threads: that compute them.
    """
    old = [
        shard
        for shard in before.shards
        if shard.name in written or all(image in images for image in shard.images)
    ]
    # Planned shards stay as planned, batches and threads included: the same bytes come out.
    unfinished = [shard.images for shard in old if shard.name not in written]
    settled = set(current).union(*unfinished)
    broken = {image for shard in written.values() for image in shard.broken}
    missing = tuple(
        image
        for image in images
        if image not in settled and (image not in broken or _opens(image, images[image]))
    )
    first = 1 + max((_number(shard.name) for shard in old), default=-1)
    added = divide(
        missing, batch_size=batch_size, shard_images=shard_images, threads=threads, first=first
    )
    return Plan(before.spec, (*old, *added))


def _require_empty(folder: Path) -> None:
    if not folder.exists():
        return
    # A manifest alone is of an extraction that was killed before it had its plan.
    if not folder.is_dir() or any(
        entry.name[0] != "." and entry.name != MANIFEST for entry in folder.iterdir()
    ):
        raise _something_else(folder)


def _something_else(folder: Path) -> FeatureError:
    problem = "a folder of something else, not a feature store"
    if not folder.is_dir():
        problem = "not a folder"
    return FeatureError(problem, where=folder, remedy="Choose a new folder.")


def _opens(image: str, place: Place) -> bool:
    try:
        open_image(read_image(place, image))
    except ImageError:
        return False
    return True


def _number(shard: str) -> int:
    return int(shard.removeprefix("shard-").split(".")[0])
