"""Extraction of images into a store, and what is refused."""

from __future__ import annotations

import os
import pickle
import shutil
from collections import namedtuple
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from askattend.batching.device_placement import DeviceFeatures
from askattend.errors import AskAttendError, ConfigError, FeatureError, ImageError
from askattend.features import extraction
from askattend.features.backbones import backbone_of, load_backbone
from askattend.features.extraction import (
    ExtractConfig,
    extract,
    with_mirror_images,
)
from askattend.features.geometry import regions_of, shown_regions
from askattend.features.image_sources import images_in
from askattend.features.images import open_image, resize
from askattend.features.spec import Backbone, Strides
from askattend.features.storage import Dtype
from askattend.features.store import FeatureStore
from features.feature_cases import (
    BROKEN,
    CONFIG,
    Colours,
    content,
    printed,
    quiet,
    run,
    tiny,
)


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
    assert sorted(content(whole)) == ["index.json", "manifest.json", *shards]
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


def test_a_mirror_image_is_the_mirrored_picture_s(
    photos: dict[str, Path], colours: Backbone, tmp_path: Path
) -> None:
    wanted = with_mirror_images({"00": photos["00"], "05": photos["05"]})
    assert list(wanted.values()) == [photos["00"], photos["05"]] * 2
    report = run(wanted, tmp_path / "store", colours)
    assert set(report.broken) == {"05", "mirror image of 05"}
    pixels = resize(ImageOps.mirror(open_image(photos["00"])), 64)[None]
    mirrored = report.store.read(["mirror image of 00"])
    torch.testing.assert_close(mirrored, colours.regions(pixels))
    assert not torch.equal(mirrored, report.store.read(["00"]))


@pytest.mark.parametrize("strides", ["last", "16+32"])
def test_a_store_of_padded_pictures_gives_what_is_seen_of_a_new_one(
    photos: dict[str, Path], tmp_path: Path, strides: Strides
) -> None:
    wide = tmp_path / "wide.png"
    Image.new("RGB", (90, 20), "red").save(wide)
    config = replace(CONFIG, strides=strides, geometry="pad", image_size=96)
    store = extract({"wide": wide}, tmp_path / "store", config, console=quiet()).store
    backbone = backbone_of(store.spec, where="run")
    regions = store.read(["wide"])
    assert torch.equal(regions, regions_of(open_image(wide), backbone))
    shown = shown_regions((90, 20), store.spec)
    assert shown is not None
    assert 0 < shown.sum() < len(shown)
    assert torch.equal(regions[0].any(dim=1), shown)
    placed = store.with_coordinates()
    assert pickle.loads(pickle.dumps(placed)).read(["wide"]).equal(placed.read(["wide"]))
    in_run = backbone_of(placed.spec, where="run")
    assert torch.equal(placed.read(["wide"]), regions_of(open_image(wide), in_run))
    on_device = DeviceFeatures.copy_of(placed, ["wide"], torch.device("cpu"), torch.float16)
    assert torch.equal(on_device.read(["wide"]), placed.read(["wide"]))
    assert run({"wide": wide}, tmp_path / "again", in_run).store.spec == store.spec


@pytest.mark.parametrize("dtype", ["float16", "int8"])
def test_a_store_of_two_strides_joins_them_when_read(
    photos: dict[str, Path], tmp_path: Path, dtype: Dtype
) -> None:
    config = replace(CONFIG, dtype=dtype, strides="16+32")
    store = extract({"00": photos["00"], "01": photos["01"]}, tmp_path / "store", config).store
    backbone = load_backbone(image_size=64, dtype=dtype, strides="16+32")
    assert store.spec == backbone.spec
    pixels = torch.stack([resize(open_image(photos[name]), 64) for name in ("00", "01")])
    assert store.read([]).shape == (0, 16, 1400)
    assert torch.equal(store.read(["00", "01"]), backbone.regions(pixels))
    on_device = DeviceFeatures.copy_of(store, store.ids, torch.device("cpu"), torch.float16)
    assert torch.equal(on_device.read(["01", "00"]), store.read(["01", "00"]))
    # The coarse map is stored once a region of its own, not once a region of the finer one.
    sizes = {name: tensor[0].nbytes for name, tensor in store.read_stored(["00"]).items()}
    assert sum(sizes.values()) == store.spec.image_bytes
    assert sizes["coarse_regions"] == 4 * 1280 * (1 if dtype == "int8" else 2)


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


def test_bfloat16_is_recorded_and_not_mixed(
    photos: dict[str, Path], whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, some = replace(CONFIG, precision="bfloat16"), {"00": photos["00"]}
    console = quiet()
    monkeypatch.setattr(extraction, "native_bfloat16", lambda kind: False)
    store = extract(some, tmp_path / "store", config, console=console).store
    assert store.spec.precision == "bfloat16"
    assert "note: efficientnet-lite2 errs" in printed(console)
    assert "note: this processor has no bfloat16 instructions" in printed(console)
    exact = FeatureStore.open(whole)
    with pytest.raises(FeatureError, match="precision 'float32' against 'bfloat16'"):
        exact.spec.require(store.spec, where="run")
    with pytest.raises(FeatureError, match="precision 'bfloat16' against 'float32'"):
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
    other = tiny(lite, precision="bfloat16")
    run({"00": photos["00"]}, tmp_path / "low", other, console=console)
    assert "note" not in printed(console)


def test_nothing_is_left_where_no_image_can_be_read(colours: Backbone, tmp_path: Path) -> None:
    files = {f"{number}": tmp_path / f"{number}.jpg" for number in range(9)}
    console = quiet()
    with pytest.raises(FeatureError, match=r"none of the 9 images is there, such as .*0\.jpg"):
        run(files, tmp_path / "store", colours, console=console)
    assert "extracting" not in printed(console)  # no bar runs over what is not there
    files["3"].write_text("no image")
    with pytest.raises(FeatureError, match=r"no image could be read, of 9\. The first, '0': no"):
        run(files, tmp_path / "store", colours)
    assert not (tmp_path / "store").exists()
    (tmp_path / "empty").mkdir()
    with pytest.raises(FeatureError, match="no image could be read"):
        run(files, tmp_path / "empty", colours)
    assert content(tmp_path / "empty") == {}


def test_the_ranges_of_greys_are_told(colours: Backbone, tmp_path: Path) -> None:
    files = {f"{most}": tmp_path / f"{most}.png" for most in (4000, 4095, 60_000)}
    for most, file in files.items():
        Image.fromarray(np.array([[0, int(most)]], dtype=np.uint16)).save(file)
    console = quiet()
    run(files, tmp_path / "store", colours, console=console)
    told = "note: 3 images hold more than 8 bits, scaled from 0..4095 (2), 0..65535 (1)"
    assert told in printed(console)


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


def test_images_of_a_folder(tmp_path: Path) -> None:
    for name in ("b.JPG", "a/c.png", "a/B.webp", ".hidden.png", ".cache/d.png", "text.txt", "e"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.touch()
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "a" / "lost.png").symlink_to("nowhere")
    (tmp_path / "loop.png").symlink_to("loop.png")
    found = images_in(tmp_path)
    # A link that leads nowhere is a broken image, and none that nobody hears of.
    assert list(found) == ["a/B.webp", "a/c.png", "a/lost.png", "b.JPG", "loop.png"]
    assert found["a/c.png"] == tmp_path / "a" / "c.png"
    with pytest.raises(ImageError, match=r"no image in this folder.*\.jpg"):
        images_in(tmp_path / "folder.png")
    with pytest.raises(ImageError, match="no such folder"):
        images_in(tmp_path / "nowhere")


def test_two_files_that_can_only_be_written_alike(tmp_path: Path) -> None:
    (tmp_path / "caf\\xe9.png").touch()
    (tmp_path / "caf\udce9.png").touch()
    with pytest.raises(ImageError, match="two files have this name"):
        images_in(tmp_path)


def test_a_folder_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.png").touch()
    (tmp_path / "below").mkdir()
    scandir = os.scandir

    def refuse(place: str | Path) -> Any:
        if Path(place).name == "below":
            raise PermissionError(13, "Permission denied", str(place))
        return scandir(place)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(ImageError, match=r"below: this folder cannot be read \(Permission denied"):
        images_in(tmp_path)
