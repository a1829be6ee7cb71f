"""Shares of an extraction, by processes that nobody coordinates."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from PIL import Image
from rich.console import Console

from askattend.errors import ConfigError, FeatureError
from askattend.features.extraction import ExtractConfig, extract_share
from askattend.features.share_writer import WrittenShare
from askattend.features.spec import Backbone
from askattend.features.store import FeatureStore
from features.feature_cases import BROKEN, CONFIG, Stop, content, printed, quiet, run, stop_after


def share(
    photos: dict[str, Path],
    store: Path,
    which: str,
    backbone: Backbone,
    config: ExtractConfig = CONFIG,
    **arguments: Any,
) -> WrittenShare:
    return extract_share(
        photos, store, which, config, backbone=backbone, **{"console": quiet(), **arguments}
    )


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
@pytest.mark.parametrize("shares", [2, 3, 5])
def test_shares_make_the_store_of_one_process(
    photos: dict[str, Path],
    colours: Backbone,
    tmp_path: Path,
    order: tuple[int, int],
    shares: int,
) -> None:
    alone = tmp_path / "alone"
    run(photos, alone, colours)
    together = tmp_path / "together"
    numbers = [*range(1, shares + 1)][:: 1 if order == (1, 2) else -1]
    done = [share(photos, together, f"{number}/{shares}", colours) for number in numbers]
    assert content(together) == content(alone)
    assert sum(each.shards for each in done) == 3  # 6 + 6 + 5 images
    assert [each.left for each in done][-1] == 0
    assert set().union(*(each.broken for each in done)) == BROKEN


def test_an_unfinished_store_is_none(
    photos: dict[str, Path], colours: Backbone, tmp_path: Path
) -> None:
    console = quiet()
    done = share(photos, tmp_path / "store", "1/3", colours, console=console)
    assert (done.shards, done.left) == (1, 2)
    assert "share 1/3: 1 of 3 shards" in printed(console)
    with pytest.raises(FeatureError, match=r"not finished|no feature store|unfinished"):
        FeatureStore.open(tmp_path / "store")


def test_a_killed_share_goes_on_and_so_does_a_whole_extraction(
    photos: dict[str, Path], colours: Backbone, tmp_path: Path
) -> None:
    alone, store = tmp_path / "alone", tmp_path / "store"
    run(photos, alone, colours)
    with pytest.raises(Stop):
        share(photos, store, "2/2", colours, progress=stop_after(3))
    assert share(photos, store, "1/2", colours).left > 0
    other = tmp_path / "other"
    shutil.copytree(store, other)
    assert share(photos, store, "2/2", colours).left == 0
    assert content(store) == content(alone)
    run(photos, other, colours)  # without a share: all that is left
    assert content(other) == content(alone)


def test_a_share_done_twice_changes_nothing(
    photos: dict[str, Path], colours: Backbone, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    for which in ("1/2", "1/2", "2/2"):
        last = share(photos, store, which, colours)
    before = content(store)
    again = share(photos, store, "1/2", colours)
    assert (last.left, again.shards, again.left) == (0, 0, 0)
    assert content(store) == before


def test_further_images_join_by_shares(
    photos: dict[str, Path], colours: Backbone, tmp_path: Path
) -> None:
    alone, store = tmp_path / "alone", tmp_path / "store"
    first = dict(list(photos.items())[:4])
    for folder in (alone, store):
        run(first, folder, colours)
    run(photos, alone, colours)
    assert share(photos, store, "2/2", colours).left == 1
    assert FeatureStore.open(store).ids == tuple(first)  # as it was, until all are there
    assert share(photos, store, "1/2", colours).left == 0
    assert content(store) == content(alone)


def test_a_lost_shard_is_made_again_by_any_share(
    photos: dict[str, Path], colours: Backbone, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    run(photos, store, colours)
    before = content(store)
    (store / "shard-00001.safetensors").unlink()
    assert share(photos, store, "3/3", colours).left == 0
    assert content(store) == before


def test_other_images_than_planned_are_refused(
    photos: dict[str, Path], colours: Backbone, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    share(photos, store, "1/2", colours)
    fewer = dict(list(photos.items())[1:])
    with pytest.raises(ConfigError, match=r"begun with other images: .*00.*same for each share"):
        share(fewer, store, "2/2", colours)
    with pytest.raises(ConfigError, match=r"begun with other images: new"):
        share(photos | {"new": photos["00"]}, store, "2/2", colours)
    assert share(photos, store, "2/2", colours).left == 0


def test_planned_batches_stay_as_planned(
    photos: dict[str, Path], colours: Backbone, tmp_path: Path
) -> None:
    alone, store = tmp_path / "alone", tmp_path / "store"
    run(photos, alone, colours)
    share(photos, store, "1/2", colours)
    other = ExtractConfig(image_size=64, batch_size=5, shard_images=4)
    assert share(photos, store, "2/2", colours, other).left == 0
    assert content(store) == content(alone)


def test_a_shard_that_another_process_is_at_is_waited_for(
    photos: dict[str, Path], colours: Backbone, tmp_path: Path
) -> None:
    alone, store = tmp_path / "alone", tmp_path / "store"
    run(photos, alone, colours)
    share(photos, store, "1/3", colours)
    lock = FileLock(store / ".shard-00001.safetensors.lock")
    lock.acquire()

    class Releasing(Console):
        """Lets go of the shard once somebody waits for it, having written it."""

        def print(self, *objects: object, **options: object) -> None:
            if "waiting for it" in str(objects):
                name = "shard-00001.safetensors"
                shutil.copy(alone / name, store / name)
                lock.release()

    share(photos, store, "2/2", colours, console=Releasing(file=quiet().file, width=200))
    assert content(store) == content(alone)


def test_a_whole_extraction_waits_for_shares(
    photos: dict[str, Path], colours: Backbone, tmp_path: Path
) -> None:
    """Or it would make another plan, with a shard of the same name, where none is whole yet."""
    store = tmp_path / "store"
    with pytest.raises(Stop):
        share(photos, store, "1/2", colours, progress=stop_after(1))
    planned = (store / "plan.json").read_bytes()
    lock = FileLock(store / ".shard-00000.safetensors.lock")
    lock.acquire()

    class Releasing(Console):
        def print(self, *objects: object, **options: object) -> None:
            if "waiting for them" in str(objects):
                assert (store / "plan.json").read_bytes() == planned
                lock.release()

    other = ExtractConfig(image_size=64, batch_size=4, shard_images=17)
    run(photos, store, colours, other, console=Releasing(file=quiet().file, width=200))
    assert not lock.is_locked


@pytest.mark.parametrize("finished", [True, False])
def test_another_plan_made_meanwhile_is_told(
    photos: dict[str, Path], colours: Backbone, tmp_path: Path, finished: bool
) -> None:
    """Nothing is called finished where the share's images may be in no index."""
    store, other = tmp_path / "store", tmp_path / "other"
    if finished:
        run(dict(list(photos.items())[:3]), other, colours)
    else:
        share(dict(list(photos.items())[1:14]), other, "1/2", colours)

    def replace_plan(done: int, total: int) -> None:
        if done == total:
            for file in ("plan.json", "index.json", "manifest.json"):
                (store / file).unlink(missing_ok=True)
                if (other / file).exists():
                    shutil.copy(other / file, store / file)

    with pytest.raises(ConfigError, match="another plan meanwhile"):
        share(photos, store, "1/2", colours, progress=replace_plan)


@pytest.mark.parametrize("which", ["0/2", "3/2", "x", "1/0", "1"])
def test_shares_that_are_none(
    photos: dict[str, Path], colours: Backbone, tmp_path: Path, which: str
) -> None:
    with pytest.raises(ConfigError, match="share"):
        share(photos, tmp_path / "store", which, colours)
    assert not (tmp_path / "store").exists()


def test_where_no_image_can_be_read_nothing_stays(colours: Backbone, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"not a picture")
    with pytest.raises(FeatureError, match="no image could be read"):
        share({"bad": bad}, tmp_path / "store", "1/1", colours)
    Image.new("RGB", (8, 8)).save(bad)
    assert share({"bad": bad}, tmp_path / "store", "1/1", colours).left == 0
