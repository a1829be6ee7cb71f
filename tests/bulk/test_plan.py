"""A plan: every image in exactly one shard, every shard in exactly one share."""

from __future__ import annotations

import os
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askattend.bulk.items import Asked, Item, Items
from askattend.bulk.parts import Parts
from askattend.bulk.plan import PLAN, read_plan
from askattend.errors import DataError
from askattend.features.image_places import Place


@given(st.integers(0, 70), st.integers(1, 20))
def test_each_image_is_in_one_shard(images: int, shard_images: int) -> None:
    made = [
        Item(
            f"é {number}",
            Place(f"/x/{number}", number, 3, packed=number % 2 == 0),
            (Asked("a", number),),
        )
        for number in range(images)
    ]
    with Items.write(iter(made), shard_images) as items:
        shards = [items.part(number) for number in reversed(range(items.parts))][::-1]
        assert list(items) == list(chain.from_iterable(shards)) == made
        assert items.count == images
        assert {len(shard) for shard in shards[:-1]} <= {shard_images}


def test_the_digest_is_of_what_is_asked_not_of_where_it_lies() -> None:
    def digest(*items: Item) -> str:
        with Items.write(items, 4) as written:
            return written.digest

    here = Place.of("/here/b")
    first, second = Item("a", Place.of("/here/a")), Item("b", here)
    assert digest(first, second) == digest(Item("a", Place.of("/there/a")), second)
    others = (
        *(digest(second, first), digest(first), digest(first, Item("c", here))),
        digest(first, Item("b", here, asked=(Asked("is it red?"),))),
    )
    assert len({digest(first, second), *others}) == 5


def test_two_images_of_one_name_are_refused() -> None:
    items = [*(Item(str(number)) for number in range(100)), Item("42")]
    with pytest.raises(DataError, match=r"^42: there are two images of this name"):
        Items.write(items, 7)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_pipes_and_devices_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / PLAN)
    with pytest.raises(DataError, match=r"a pipe, not a file.*Name another --out"):
        read_plan(tmp_path)
    (tmp_path / PLAN).unlink()
    (tmp_path / PLAN).symlink_to("/dev/zero")
    with pytest.raises(DataError, match="a device, not a file"):
        read_plan(tmp_path)
    os.mkfifo(tmp_path / "part-00000.json")
    os.mkfifo(tmp_path / "part-00000.jsonl")
    parts = Parts(tmp_path, plan="p", format="jsonl", attention=False)
    assert parts.done(0) is None


def test_only_results_are_to_be_deleted(tmp_path: Path) -> None:
    (tmp_path / PLAN).write_text("{}")
    with pytest.raises(DataError, match=r"--out[.]$"):
        read_plan(tmp_path)
    (tmp_path / "part-00000.json").touch()
    with pytest.raises(DataError, match=r"or delete this folder[.]$"):
        read_plan(tmp_path)
