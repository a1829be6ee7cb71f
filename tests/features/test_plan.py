"""Extractions that go on: after interruptions, with further images, and in turns."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import threading
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from rich.console import Console
from torch import Tensor

from askattend.devices import computing_threads
from askattend.errors import FeatureError
from askattend.features.extraction import ExtractionReport
from askattend.features.spec import Backbone
from askattend.features.store import FeatureStore
from askattend.features.store_index import PLAN
from features.feature_cases import (
    BROKEN,
    CONFIG,
    Colours,
    Stop,
    Unused,
    content,
    printed,
    quiet,
    run,
    stop_after,
    tiny,
)


@pytest.mark.parametrize("batches", range(6))
def test_what_was_interrupted_goes_on(
    photos: dict[str, Path], lite: Backbone, whole: Path, tmp_path: Path, batches: int
) -> None:
    store = tmp_path / "store"
    with pytest.raises(Stop):
        run(photos, store, lite, progress=stop_after(batches))
    with pytest.raises(FeatureError, match="not finished"):
        FeatureStore.open(store)
    report = run(photos, store, lite)
    shards_before = batches // 2
    assert report.already == sum(i not in BROKEN for i in list(photos)[: 6 * shards_before])
    assert report.done + report.already == 14
    assert set(report.broken) == BROKEN
    assert content(store) == content(whole)


@settings(max_examples=15, deadline=None)
@given(
    stops=st.lists(st.integers(0, 8), max_size=4),
    batch=st.integers(1, 5),
    dtype=st.sampled_from(["float16", "int8"]),
    data=st.data(),
)
def test_any_interruptions_leave_the_same_bytes(
    photos: dict[str, Path],
    lite: Backbone,
    tmp_path_factory: pytest.TempPathFactory,
    stops: list[int],
    batch: int,
    dtype: str,
    data: st.DataObject,
) -> None:
    colours = tiny(lite, dtype=dtype)
    config = replace(CONFIG, batch_size=batch, shard_images=data.draw(st.integers(1, 20)))
    folder = tmp_path_factory.mktemp("any")
    run(photos, folder / "whole", colours, config)
    for batches in stops:
        try:
            run(photos, folder / "store", colours, config, progress=stop_after(batches))
        except Stop:
            continue
    run(photos, folder / "store", colours, config)
    assert content(folder / "store") == content(folder / "whole")


def test_going_on_with_another_number_of_threads_keeps_to_the_planned_one(
    photos: dict[str, Path], lite: Backbone, tmp_path: Path
) -> None:
    """The last bit of a feature may depend on it."""
    with computing_threads(2):
        run(photos, tmp_path / "whole", lite)
        with pytest.raises(Stop):
            run(photos, tmp_path / "store", lite, progress=stop_after(3))
    with computing_threads(1):
        console = quiet()
        run(photos, tmp_path / "store", lite, console=console)
        assert "2 threads compute 11 of them, as was planned, not 1" in printed(console)
        assert content(tmp_path / "store") == content(tmp_path / "whole")
        # What is new is computed as it is now, and a lost shard as it was.
        (tmp_path / "store" / "shard-00001.safetensors").unlink()
        console, new = quiet(), {**photos, "new": photos["00"]}
        run(new, tmp_path / "store", lite, console=console)
        assert "2 threads compute 6 of them" in printed(console)
    index = json.loads((tmp_path / "store" / "index.json").read_bytes())
    assert [each["shard"]["threads"] for each in index["shards"]] == [2, 2, 2, 1]
    shard = "shard-00001.safetensors"
    assert content(tmp_path / "store")[shard] == content(tmp_path / "whole")[shard]


def test_threads_compute_as_many_as_each_shard_says(
    photos: dict[str, Path], lite: Backbone, tmp_path: Path
) -> None:
    seen = []

    class Counting(Colours):
        def forward(self, pixels: Tensor) -> Tensor:
            seen.append(torch.get_num_threads())
            return super().forward(pixels)

    backbone = tiny(lite, Counting())
    with computing_threads(3), pytest.raises(Stop):
        run(photos, tmp_path / "store", backbone, progress=stop_after(2))
    with computing_threads(1):
        run({**photos, "new": photos["00"]}, tmp_path / "store", backbone)
        assert torch.get_num_threads() == 1
    assert seen == [3] * 6 + [1]


@pytest.mark.parametrize("shard_images", [5, 256])
@pytest.mark.parametrize("dtype", ["float16", "int8"])
@pytest.mark.parametrize("batches", [1, 2, 3, 5])
def test_what_ctrl_c_interrupts_keeps_every_batch(
    photos: dict[str, Path],
    lite: Backbone,
    tmp_path: Path,
    batches: int,
    dtype: str,
    shard_images: int,
) -> None:
    colours, config = tiny(lite, dtype=dtype), replace(CONFIG, shard_images=shard_images)
    run(photos, tmp_path / "whole", colours, config)
    store, before = tmp_path / "store", []

    def press(done: int, total: int) -> None:
        before.append(done)
        if len(before) == batches:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(photos, store, colours, config, progress=press)
    seen: list[int] = []
    run(photos, store, colours, config, progress=lambda done, _: seen.append(done))
    # Nothing is computed twice: the first that is told is what was there, in the open shard.
    in_shards = before[-1] // shard_images * shard_images
    assert seen[0] in (before[-1] - in_shards, before[-1])
    assert content(store) == content(tmp_path / "whole")
    assert not list(store.glob(".shard*"))


def test_what_was_kept_of_a_replaced_picture_is_not_used(
    photos: dict[str, Path], lite: Backbone, tmp_path: Path
) -> None:
    there = {image: file for image, file in photos.items() if file.exists()}
    own = {image: Path(shutil.copy(file, tmp_path)) for image, file in there.items()}
    config, store = replace(CONFIG, shard_images=256), tmp_path / "store"

    def press(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(own, store, tiny(lite), config, progress=press)
    first, second = list(own.values())[:2]
    first.write_bytes(second.read_bytes())
    run(own, store, tiny(lite), config)
    run(own, tmp_path / "whole", tiny(lite), config)
    assert content(store) == content(tmp_path / "whole")


KILLED = """
import os, signal, sys, time
from pathlib import Path
from askattend.features.extraction import ExtractConfig, extract

def progress(done, total):
    if done == 10:
        # A shard is saved while the next is computed: the first is whole before this one dies.
        while not Path(sys.argv[1], "shard-00000.safetensors").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)

images = {file.stem: file for file in map(Path, sys.argv[2:])}
config = ExtractConfig(image_size=64, batch_size=4, shard_images=6)
extract(images, Path(sys.argv[1]), config, progress=progress)
"""


def test_a_killed_extraction_goes_on(
    photos: dict[str, Path], lite: Backbone, whole: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    command = [sys.executable, "-c", KILLED, str(store), *map(str, photos.values())]
    assert subprocess.run(command, capture_output=True, check=False).returncode == -9
    assert set(content(store)) == {
        *("plan.json", "manifest.json", ".manifest.lock", "shard-00000.safetensors")
    }
    (store / ".shard-00001.safetensors.0123abcd").write_bytes(b"killed while it was written")
    (store / ".plan.json.4567cdef").write_bytes(b"killed while it was written")
    report = run(photos, store, lite)
    assert report.already == 5
    assert content(store) == content(whole)


def test_a_kill_just_before_the_plan_is_removed(
    photos: dict[str, Path],
    lite: Backbone,
    whole: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = tmp_path / "store"
    with pytest.raises(Stop):
        run(photos, store, lite, progress=stop_after(5))

    def killed(file: Path) -> None:
        raise Stop

    with monkeypatch.context() as patched:
        patched.setattr("askattend.features.writer.remove", killed)
        with pytest.raises(Stop):
            run(photos, store, lite)
    assert (store / "plan.json").exists()
    assert (store / "index.json").exists()
    assert run(photos, store, lite).done == 0
    assert content(store) == content(whole)


@pytest.mark.parametrize("damage", ["missing", "torn"])
def test_a_lost_shard_is_made_again(
    photos: dict[str, Path], lite: Backbone, whole: Path, tmp_path: Path, damage: str
) -> None:
    store = tmp_path / "store"
    shutil.copytree(whole, store)
    shard = store / "shard-00001.safetensors"
    if damage == "missing":
        shard.unlink()
    else:
        shard.write_bytes(shard.read_bytes()[:-1])
    assert run(photos, store, lite).done == 5
    assert content(store) == content(whole)


def test_an_interrupted_extraction_goes_on_with_other_images(
    photos: dict[str, Path], colours: Backbone, tmp_path: Path
) -> None:
    good = {image: file for image, file in photos.items() if image not in BROKEN}
    with pytest.raises(Stop):
        run(good, tmp_path, colours, progress=stop_after(3))
    fewer = {image: file for image, file in good.items() if image != "08"}
    console = quiet()
    report = run(fewer, tmp_path, colours, console=console)
    assert set(report.store.ids) == set(fewer)
    assert "some of its images are not among those given" in printed(console)


def test_a_changed_batch_size_does_not_change_what_was_planned(
    photos: dict[str, Path], lite: Backbone, whole: Path, tmp_path: Path
) -> None:
    with pytest.raises(Stop):
        run(photos, tmp_path, lite, progress=stop_after(3))
    run(photos, tmp_path, lite, replace(CONFIG, batch_size=3, shard_images=2))
    assert content(tmp_path) == content(whole)


def test_a_finished_store_is_left_alone(
    photos: dict[str, Path], lite: Backbone, whole: Path
) -> None:
    before, console = content(whole), quiet()
    unused = Backbone(spec=lite.spec, network=Unused())
    report = run(photos, whole, unused, console=console)
    assert (report.done, report.already) == (0, 14)
    assert set(report.broken) == BROKEN
    assert content(whole) == before
    assert "no image to extract" in printed(console)
    fewer = run({image: photos[image] for image in ("03", "07")}, whole, unused)
    assert (fewer.done, fewer.already, set(fewer.broken)) == (0, 1, {"07"})


def test_new_images_go_into_further_shards(
    photos: dict[str, Path], colours: Backbone, tmp_path: Path
) -> None:
    some = {image: photos[image] for image in list(photos)[:8]}
    earlier = run(some, tmp_path, colours).store
    before = content(tmp_path)
    with pytest.raises(Stop):
        run(photos, tmp_path, colours, progress=stop_after(2))
    assert set(FeatureStore.open(tmp_path).ids) == set(some) - BROKEN  # of use meanwhile
    report = run(photos, tmp_path, colours)
    assert (report.already, report.already + report.done) == (6 + 6, 14)  # the stop left a shard
    after = content(tmp_path)
    assert all(after[name] == before[name] for name in before if "shard" in name)
    assert set(report.store.ids) == set(photos) - BROKEN
    assert torch.equal(report.store.read(earlier.ids), earlier.read(earlier.ids))


def test_a_mended_image_is_extracted_the_next_time(
    photos: dict[str, Path], colours: Backbone, tmp_path: Path
) -> None:
    file = tmp_path / "late.png"
    images = {"00": photos["00"], "late": file, "07": photos["07"]}
    assert set(run(images, tmp_path / "store", colours).broken) == {"late", "07"}
    Image.new("RGB", (9, 8), (255, 255, 255)).save(file)
    report = run(images, tmp_path / "store", colours)
    assert (report.done, report.already, set(report.broken)) == (1, 1, {"07"})
    white = colours.regions(torch.full((1, 3, 64, 64), 255, dtype=torch.uint8))
    assert torch.equal(report.store.read(["late"]), white)
    assert report.store.size("late") == (9, 8)
    file.unlink()  # its features stay
    assert "late" in run(images, tmp_path / "store", colours).store


def test_a_replaced_image_is_extracted_again(
    photos: dict[str, Path], colours: Backbone, tmp_path: Path
) -> None:
    file = tmp_path / "shelf.png"
    images = {"00": photos["00"], "shelf": file}
    Image.new("RGB", (9, 8), (0, 0, 0)).save(file)
    kept = run(images, tmp_path / "store", colours).store.read(["00"])
    Image.new("RGB", (20, 10), (255, 255, 255)).save(file)
    report = run(images, tmp_path / "store", colours)
    assert (report.done, report.already) == (1, 1)
    white = colours.regions(torch.full((1, 3, 64, 64), 255, dtype=torch.uint8))
    assert torch.equal(report.store.read(["shelf"]), white)
    assert torch.equal(report.store.read(["00"]), kept)
    file.write_bytes(b"no image any more")
    assert "shelf" not in run(images, tmp_path / "store", colours).store


@pytest.mark.parametrize("unfinished", [False, True])
def test_other_settings_are_refused(
    photos: dict[str, Path], lite: Backbone, tmp_path: Path, unfinished: bool
) -> None:
    progress = stop_after(3) if unfinished else None
    with pytest.raises(Stop) if unfinished else nullcontext():
        run(photos, tmp_path, tiny(lite), progress=progress)
    before = content(tmp_path)
    other = tiny(lite, dtype="float32", fingerprint="f" * 16)
    with pytest.raises(FeatureError) as caught:
        run(photos, tmp_path, other)
    message = str(caught.value)
    assert "cannot be mixed" in message
    assert "dtype 'float16' against 'float32'" in message
    assert "fingerprint" in message
    assert content(tmp_path) == before


def test_a_store_that_got_nowhere_may_begin_anew(
    photos: dict[str, Path], lite: Backbone, tmp_path: Path
) -> None:
    with pytest.raises(Stop):
        run(photos, tmp_path, tiny(lite), progress=stop_after(0))
    assert run(photos, tmp_path, tiny(lite, dtype="float32")).store.spec.dtype == "float32"


def test_two_writers_take_turns(photos: dict[str, Path], colours: Backbone, tmp_path: Path) -> None:
    begun, told = threading.Event(), threading.Event()

    class Told(io.StringIO):
        def write(self, text: str) -> int:
            if "waiting" in text:
                told.set()
            return super().write(text)

    def hold(done: int, total: int) -> None:
        begun.set()
        assert told.wait(60)

    reports: list[ExtractionReport] = []

    def second() -> None:
        assert begun.wait(60)
        unused = Backbone(spec=colours.spec, network=Unused())
        console = Console(file=Told(), width=200)
        reports.append(run(photos, tmp_path / "store", unused, console=console))

    thread = threading.Thread(target=second)
    thread.start()
    first = run(photos, tmp_path / "store", colours, progress=hold)
    thread.join(60)
    assert first.done == 14
    assert [(report.done, report.already) for report in reports] == [(0, 14)]


def test_results_of_predict_are_not_called_a_damaged_store(
    photos: dict[str, Path], colours: Backbone, tmp_path: Path
) -> None:
    store = tmp_path / "results"
    store.mkdir()
    (store / PLAN).write_text('{"run": "x", "parts": 2}')
    (store / "part-00000.json").touch()
    with pytest.raises(FeatureError, match=r"a folder of something else.*Choose a new folder"):
        run(photos, store, colours)
