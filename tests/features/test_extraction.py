from __future__ import annotations

import io
import shutil
import subprocess
import sys
import threading
from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from rich.console import Console
from torch import Tensor, nn

from askattend.errors import AskAttendError, ConfigError, FeatureError, ImageError
from askattend.features import decoding, extraction
from askattend.features.backbones import backbone_of, load_backbone
from askattend.features.extraction import ExtractConfig, ExtractionReport, extract, images_in
from askattend.features.images import open_image, resize
from askattend.features.spec import Backbone, FeatureSpec
from askattend.features.store import FeatureStore

CONFIG = ExtractConfig(image_size=64, batch_size=4, shard_images=6)
IMAGES = 17
ORIENTATION = 0x0112


class Stop(Exception):
    """What interrupts an extraction in these tests."""


class Colours(nn.Module):
    """A backbone small enough to follow: the mean red, green and blue of each quarter."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, pixels: Tensor) -> Tensor:
        quarters = nn.functional.adaptive_avg_pool2d(pixels, 2)
        return self.scale * quarters.flatten(2).transpose(1, 2)


class Unused(nn.Module):
    def forward(self, pixels: Tensor) -> Tensor:
        raise AssertionError("the backbone was used")


@pytest.fixture(scope="module")
def lite() -> Backbone:
    return load_backbone(image_size=64)


@pytest.fixture(scope="module")
def colours(lite: Backbone) -> Backbone:
    return tiny(lite)


def tiny(lite: Backbone, network: nn.Module | None = None, **changes: Any) -> Backbone:
    spec = replace(lite.spec, backbone="colours", region_dim=3, **changes)
    return Backbone(spec=spec, network=network or Colours())


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Images of several sizes and formats, three of them broken."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for number in range(IMAGES):
        shape = (40 + number, 90 - number, 3)
        exif = Image.Exif()
        exif[ORIENTATION] = 6 if number == 2 else 1
        suffix = ("png", "jpg")[number % 2]
        image = Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8))
        image.save(folder / f"{number:02d}.{suffix}", exif=exif)
    torn = folder / "05.jpg"
    torn.write_bytes(torn.read_bytes()[:-200])
    (folder / "07.jpg").write_text("no image")
    images = {file.stem: file for file in sorted(folder.iterdir())}
    (folder / "16.png").unlink()
    return images


BROKEN = {"05", "07", "16"}


def quiet() -> Console:
    return Console(file=io.StringIO(), width=200)


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def run(
    images: Mapping[str, Path],
    store: Path,
    backbone: Backbone,
    config: ExtractConfig = CONFIG,
    **arguments: Any,
) -> ExtractionReport:
    return extract(images, store, config, backbone=backbone, **{"console": quiet(), **arguments})


def content(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def stop_after(batches: int) -> Callable[[int, int], None]:
    left = iter(range(batches))

    def progress(done: int, total: int) -> None:
        if next(left, None) is None:
            raise Stop

    return progress


@pytest.fixture(scope="module")
def whole(
    photos: dict[str, Path], lite: Backbone, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A store made without interruption."""
    store = tmp_path_factory.mktemp("whole") / "store"
    run(photos, store, lite)
    return store


# What is extracted


def test_features_are_the_backbone_s(photos: dict[str, Path], lite: Backbone, whole: Path) -> None:
    store = FeatureStore.open(whole)
    assert store.ids == tuple(image for image in photos if image not in BROKEN)
    assert store.spec == lite.spec
    for image in store.ids:
        opened = open_image(photos[image])
        assert store.size(image) == opened.size
        alone = lite.regions(resize(opened, 64)[None])
        torch.testing.assert_close(store.read([image]), alone, rtol=2e-2, atol=2e-2)
    assert store.size("02") == (42, 88)  # turned upright


def test_a_batch_is_computed_as_a_batch(
    photos: dict[str, Path], lite: Backbone, whole: Path
) -> None:
    """To the last bit, a broken image being a black one."""
    names = list(photos)[4:6]  # the second batch of the first shard
    black = torch.zeros(3, 64, 64, dtype=torch.uint8)
    pixels = [black if n in BROKEN else resize(open_image(photos[n]), 64) for n in names]
    regions = lite.regions(torch.stack(pixels))
    assert names == ["04", "05"]
    assert torch.equal(FeatureStore.open(whole).read(["04"])[0], regions[0])


def test_files_of_a_store(whole: Path) -> None:
    shards = [f"shard-{number:05d}.safetensors" for number in range(3)]  # 6 + 6 + 5 images
    assert sorted(content(whole)) == ["index.json", *shards]
    modes = {file.stat().st_mode for file in whole.iterdir()}
    assert len(modes) == 1  # safetensors alone would keep the shards from other users


def test_broken_images_are_reported(
    photos: dict[str, Path], colours: Backbone, tmp_path: Path
) -> None:
    report = run(photos, tmp_path / "store", colours)
    assert (report.done, report.already) == (14, 0)
    assert set(report.broken) == BROKEN == set(report.store.broken)
    assert report.broken["16"] == "no such file"
    assert "cannot be decoded" in report.broken["05"]
    assert "not an image" in report.broken["07"]
    with pytest.raises(FeatureError, match="'16' could not be read: no such file"):
        report.store.read(["16"])


def test_threads_change_nothing(
    photos: dict[str, Path], lite: Backbone, whole: Path, tmp_path: Path
) -> None:
    run(photos, tmp_path / "store", lite, replace(CONFIG, workers=0))
    assert content(tmp_path / "store") == content(whole)
    shutil.rmtree(tmp_path / "store")
    run(photos, tmp_path / "store", lite, replace(CONFIG, workers=5))
    assert content(tmp_path / "store") == content(whole)


def test_it_says_what_it_will_do(photos: dict[str, Path], lite: Backbone, tmp_path: Path) -> None:
    console, seen = quiet(), []

    def progress(done: int, total: int) -> None:
        seen.append((done, total))

    run(photos, tmp_path / "[store]", lite, console=console, progress=progress)
    first = printed(console).splitlines()[0]
    assert "17 images → 2 × 2 regions of 1,280 float16 by efficientnet-lite2 at 64 px" in first
    assert "are free on the disk" in first
    assert "17/17" in printed(console)
    assert "images/s" in printed(console)
    assert seen == [(4, 17), (6, 17), (10, 17), (12, 17), (16, 17), (17, 17)]


def test_the_backbone_is_loaded_as_configured(photos: dict[str, Path], tmp_path: Path) -> None:
    config = replace(CONFIG, dtype="float32", image_size=96)
    report = extract({"00": photos["00"]}, tmp_path / "store", config, console=quiet())
    spec = report.store.spec
    assert spec == load_backbone(image_size=96, dtype="float32").spec
    assert report.store.read(["00"]).dtype == torch.float32


@pytest.mark.parametrize("dtype", ["float16", "float32", "int8"])
def test_a_store_gives_back_what_the_backbone_gives(
    photos: dict[str, Path], lite: Backbone, tmp_path: Path, dtype: str
) -> None:
    """To the last bit, so that a new picture is seen as those of a store are."""
    backbone = tiny(lite, Colours(0.3), dtype=dtype)
    store = run({"00": photos["00"]}, tmp_path / "store", backbone).store
    pixels = resize(open_image(photos["00"]), 64)[None]
    assert torch.equal(store.read(["00"]), backbone.regions(pixels))
    assert backbone.compute(pixels).dtype == torch.float32


def test_eight_bits_take_half_the_room(
    photos: dict[str, Path], lite: Backbone, whole: Path, tmp_path: Path
) -> None:
    kept = Backbone(spec=replace(lite.spec, dtype="int8"), network=lite.network)
    store = run(photos, tmp_path / "store", kept).store
    whole_store = FeatureStore.open(whole)
    shard = "shard-00000.safetensors"
    half, full = ((folder / shard).stat().st_size for folder in (store.path, whole))
    assert 2 * (store.spec.image_bytes - 4 * 8) == whole_store.spec.image_bytes
    assert full - half == 6 * (whole_store.spec.image_bytes - store.spec.image_bytes) - (
        _header(store.path / shard) - _header(whole / shard)
    )
    ours, theirs = store.read(store.ids).float(), whole_store.read(store.ids).float()
    assert (ours - theirs).norm() / theirs.norm() < 0.01
    with pytest.raises(FeatureError, match="dtype 'float16' against 'int8'"):
        whole_store.spec.require(store.spec, where="run")


def _header(shard: Path) -> int:
    """Bytes before a shard's tensors."""
    return 8 + int.from_bytes(shard.read_bytes()[:8], "little")


# Precision


def test_bfloat16_is_recorded_and_not_mixed(
    photos: dict[str, Path], whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, some = replace(CONFIG, precision="bfloat16"), {"00": photos["00"]}
    console = quiet()
    monkeypatch.setattr(extraction, "native_bfloat16", lambda kind: False)
    store = extract(some, tmp_path / "store", config, console=console).store
    assert store.spec.compute_dtype == "bfloat16"
    assert "note: efficientnet-lite2 errs" in printed(console)
    assert "note: this processor has no bfloat16 instructions" in printed(console)
    exact = FeatureStore.open(whole)
    with pytest.raises(FeatureError, match="compute_dtype 'float32' against 'bfloat16'"):
        exact.spec.require(store.spec, where="run")
    with pytest.raises(FeatureError, match="compute_dtype 'bfloat16' against 'float32'"):
        extract(some, tmp_path / "store", CONFIG, console=quiet())
    again = backbone_of(store.spec, where="run")
    pixels = resize(open_image(photos["00"]), 64)[None]
    assert torch.equal(again.regions(pixels), store.read(["00"]))
    assert not torch.equal(store.read(["00"]), exact.read(["00"]))


def test_no_notes_where_the_precision_is_right(
    photos: dict[str, Path], lite: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    console = quiet()
    run({"00": photos["00"]}, tmp_path / "exact", lite, console=console)
    monkeypatch.setattr(extraction, "native_bfloat16", lambda kind: True)
    other = tiny(lite, compute_dtype="bfloat16")
    run({"00": photos["00"]}, tmp_path / "low", other, console=console)
    assert "note" not in printed(console)


# Interruption


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


KILLED = """
import os, signal, sys
from pathlib import Path
from askattend.features.extraction import ExtractConfig, extract

def progress(done, total):
    if done == 10:
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
    assert set(content(store)) == {"plan.json", "shard-00000.safetensors"}
    (store / ".shard-00001.safetensors.part").write_bytes(b"killed while it was written")
    (store / ".plan.json.12345").write_bytes(b"killed while it was written")
    report = run(photos, store, lite)
    assert report.already == 5
    assert content(store) == content(whole)


def test_a_kill_just_before_the_plan_is_removed(
    photos: dict[str, Path], lite: Backbone, whole: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    with pytest.raises(Stop):
        run(photos, store, lite, progress=stop_after(5))
    plan = (store / "plan.json").read_bytes()
    run(photos, store, lite)
    (store / "plan.json").write_bytes(plan)
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


# A store that is there


def test_a_finished_store_is_left_alone(
    photos: dict[str, Path], lite: Backbone, whole: Path
) -> None:
    before, console = content(whole), quiet()
    unused = Backbone(spec=lite.spec, network=Unused())
    report = run(photos, whole, unused, console=console)
    assert (report.done, report.already) == (0, 14)
    assert set(report.broken) == BROKEN
    assert content(whole) == before
    assert "nothing to do" in printed(console)
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
    assert all(after[name] == before[name] for name in before if name != "index.json")
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
    with pytest.raises(Stop) if unfinished else _nothing():
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


class _nothing:  # noqa: N801 — a context like pytest.raises, that expects nothing
    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...


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


# What is refused


def test_nothing_is_left_where_no_image_can_be_read(colours: Backbone, tmp_path: Path) -> None:
    missing = {f"{number}": tmp_path / f"{number}.jpg" for number in range(9)}
    with pytest.raises(FeatureError, match=r"no image could be read, of 9\. The first, '0': no"):
        run(missing, tmp_path / "store", colours)
    assert not (tmp_path / "store").exists()
    (tmp_path / "empty").mkdir()
    with pytest.raises(FeatureError, match="no image could be read"):
        run(missing, tmp_path / "empty", colours)
    assert content(tmp_path / "empty") == {}


def test_a_value_too_large_for_float16(
    photos: dict[str, Path], lite: Backbone, tmp_path: Path
) -> None:
    images = {image: photos[image] for image in ("05", "00", "01")}
    network = Colours(scale=1e9)
    with pytest.raises(FeatureError) as caught:
        run(images, tmp_path / "store", tiny(lite, network))
    message = str(caught.value)
    assert message.startswith(f"{photos['00']}: ")
    assert "not finite in float16" in message
    assert "--dtype float32" in message
    report = run(images, tmp_path / "store", tiny(lite, network, dtype="float32"))
    assert report.done == 2
    with pytest.raises(FeatureError, match=r"not finite in float32.*another backbone"):
        run(images, tmp_path / "other", tiny(lite, Colours(float("inf")), dtype="float32"))


def test_a_disk_too_small(
    photos: dict[str, Path], lite: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    needed = 14 * 4 * 1280 * 2  # less than for all 17 slots
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 0, needed))
    with pytest.raises(FeatureError, match=r"but only 143\.4 kB are free.*another disk"):
        run(photos, tmp_path / "new" / "store", lite)
    assert not (tmp_path / "new" / "store").exists()


def test_a_folder_that_is_no_store(
    photos: dict[str, Path], colours: Backbone, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FeatureError, match="a folder of something else"):
        run(photos, tmp_path, colours)
    with pytest.raises(FeatureError, match="not a folder"):
        run(photos, tmp_path / "notes.txt", colours)
    with pytest.raises(FeatureError, match="cannot be written"):
        run(photos, tmp_path / "notes.txt" / "store", colours)
    assert content(tmp_path)["notes.txt"] == b"mine"


def test_no_images(colours: Backbone, tmp_path: Path) -> None:
    with pytest.raises(FeatureError, match="no images to extract"):
        run({}, tmp_path / "store", colours)
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"batch_size": 0}, ConfigError, "batch_size = 0"),
        ({"workers": -1}, ConfigError, "workers = -1"),
        ({"shard_images": 0}, ConfigError, "shard_images = 0"),
        ({"image_size": 0}, ConfigError, "image_size = 0"),
        ({"backbone": "eficientnet-lite2"}, FeatureError, "Did you mean 'efficientnet-lite2'"),
        ({"backbone": "resnet"}, FeatureError, "hf:NAME"),
    ],
)
def test_settings_out_of_range(
    settings: dict[str, Any], error: type[AskAttendError], message: str
) -> None:
    with pytest.raises(error, match=message):
        ExtractConfig(**settings)


def test_an_unknown_dtype() -> None:
    config = ExtractConfig()
    object.__setattr__(config, "dtype", "flot16")  # the type checker would stop it on its way in
    with pytest.raises(FeatureError, match="Did you mean 'float16'"):
        config.__post_init__()


# Images and decoding


def test_images_of_a_folder(tmp_path: Path) -> None:
    for name in ("b.JPG", "a/c.png", "a/B.webp", ".hidden.png", ".cache/d.png", "text.txt", "e"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.touch()
    (tmp_path / "folder.png").mkdir()
    found = images_in(tmp_path)
    assert list(found) == ["a/B.webp", "a/c.png", "b.JPG"]
    assert found["a/c.png"] == tmp_path / "a" / "c.png"
    with pytest.raises(ImageError, match=r"no image in this folder.*\.jpg"):
        images_in(tmp_path / "folder.png")
    with pytest.raises(ImageError, match="no such folder"):
        images_in(tmp_path / "nowhere")


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_decoding_runs_ahead_but_not_away(
    photos: dict[str, Path], colours: Backbone, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    decode = decoding.decode

    def counted(image: str, file: Path, *, spec: FeatureSpec) -> decoding.DecodedImage:
        begun.append(image)
        return decode(image, file, spec=spec)

    monkeypatch.setattr(decoding, "decode", counted)
    pictures: Iterator[decoding.DecodedImage] = decoding.decode_ahead(
        list(photos.items()), spec=colours.spec, workers=workers, ahead=4
    )
    for taken, image in enumerate(photos, start=1):
        assert next(pictures).image == image
        assert len(begun) <= taken + (4 if workers else 0)
    assert next(pictures, None) is None


def test_a_stop_ends_the_threads(
    photos: dict[str, Path], colours: Backbone, tmp_path: Path
) -> None:
    with pytest.raises(Stop):
        run(photos, tmp_path / "store", colours, progress=stop_after(1))
    assert not [t for t in threading.enumerate() if t.name.startswith("decode")]
