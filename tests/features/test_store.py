from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.utils.data import DataLoader

from askattend.batching.device_placement import DeviceFeatures
from askattend.errors import FeatureError
from askattend.features.spec import UNKNOWN, FeatureSpec
from askattend.features.storage import DTYPES, Dtype, dequantise, digest_of_tensors, quantise
from askattend.features.store import FeatureStore
from askattend.features.store_files import damaged, read_written
from askattend.features.store_index import (
    STORE_FILES,
    VERSION,
    Index,
    Plan,
    Shard,
    WrittenShard,
    divide,
    find_slots,
)
from askattend.files import digest
from askattend.files.writing import accept


def spec(dtype: Dtype = "float16") -> FeatureSpec:
    return FeatureSpec(
        backbone="efficientnet-lite2",
        fingerprint="0123456789abcdef",
        image_size=64,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        rows=2,
        columns=2,
        region_dim=3,
        dtype=dtype,
    )


def features(image: str, dtype: Dtype = "float16") -> Tensor:
    """Numbers that are an image's own."""
    return (torch.arange(12.0).view(4, 3) + 12 * int(image)).to(DTYPES[dtype])


def write(
    folder: Path,
    *shards: Sequence[str],
    broken: Sequence[str] = (),
    dtype: Dtype = "float16",
) -> Path:
    """A finished store, written with safetensors alone."""
    folder.mkdir(parents=True, exist_ok=True)
    index = []
    for number, images in enumerate(shards):
        shard = Shard(f"shard-{number:05d}.safetensors", 2, tuple(images))
        regions = torch.stack([torch.zeros(4, 3).to(DTYPES[dtype])] * len(images))
        sizes = []
        for slot, image in enumerate(images):
            if image not in broken:
                regions[slot] = features(image, dtype)
            sizes.append((0, 0) if image in broken else (100 + int(image), 7))
        written = WrittenShard(
            shard,
            tuple(sizes),
            (1,) * len(sizes),
            ("",) * len(sizes),
            {i: "torn" for i in images if i in broken},
        )
        metadata = {"askattend": msgspec.json.encode(written).decode()}
        tensors = {"regions": regions}
        if dtype == "int8":
            tensors = dict(zip(("regions", "ranges"), quantise(regions), strict=True))
        save_file(tensors, folder / shard.name, metadata=metadata)
        index.append(written)
    content = msgspec.json.encode(Index(spec(dtype), tuple(index)))
    (folder / "index.json").write_bytes(content)
    accept(folder, STORE_FILES)
    return folder


def rewrite(folder: Path, index: object) -> None:
    """Write a store's index anew, on purpose."""
    (folder / "index.json").write_text(json.dumps(index))
    accept(folder, STORE_FILES)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> FeatureStore:
    folder = tmp_path_factory.mktemp("store")
    return FeatureStore.open(write(folder, ["3", "1", "4"], ["5", "9"], ["2"], broken=["4"]))


@given(st.lists(st.sampled_from(["1", "2", "3", "5", "9"])))
def test_read_gathers_in_the_order_asked_for(store: FeatureStore, ids: list[str]) -> None:
    regions = store.read(ids)
    assert regions.shape == (len(ids), 4, 3)
    assert regions.dtype == torch.float16
    assert all(torch.equal(row, features(image)) for row, image in zip(regions, ids, strict=True))


def test_what_a_store_knows(store: FeatureStore) -> None:
    assert store.ids == ("3", "1", "5", "9", "2")
    assert len(store) == 5
    assert "9" in store
    assert "4" not in store
    assert "7" not in store
    assert store.size("9") == (109, 7)
    assert dict(store.broken) == {"4": "torn"}
    assert store.spec == spec()


def test_float32(tmp_path: Path) -> None:
    store = FeatureStore.open(write(tmp_path, ["8"], dtype="float32"))
    assert torch.equal(store.read(["8"])[0], features("8", "float32"))
    assert store.read([]).dtype == torch.float32


def test_codes_in_the_memory_of_a_device_are_what_is_read(tmp_path: Path) -> None:
    store = FeatureStore.open(write(tmp_path / "store", ["3", "1"], ["5"], dtype="int8"))
    codes, ranges = store.read_stored(["5", "3"]).values()
    assert codes.dtype == torch.uint8
    assert torch.equal(dequantise(codes, ranges).half(), store.read(["5", "3"]))
    resident = DeviceFeatures.copy_of(store, ["1", "5", "3"], torch.device("cpu"), torch.float16)
    for asked in (["5", "3", "5"], ["1"]):
        assert torch.equal(resident.read(asked), store.read(asked))


def test_places_are_appended_when_it_is_read(store: FeatureStore, tmp_path: Path) -> None:
    placed = store.with_coordinates()
    assert (placed.spec, store.spec.coordinates) == (replace(spec(), coordinates=True), False)
    assert placed.ids == store.ids
    read = placed.read(["9", "2"])
    assert torch.equal(read[..., :3], store.read(["9", "2"]))
    for image, regions in zip(("9", "2"), read, strict=True):
        norms = features(image).float().norm(dim=1)
        # Columns and rows of 2 × 2 regions lie at -1/2 and 1/2, and count half.
        for region, (x, y) in enumerate([(-1, -1), (1, -1), (-1, 1), (1, 1)]):
            expected = norms[region] * torch.tensor([x, y]) / 4
            torch.testing.assert_close(regions[region, 3:].float(), expected, rtol=1e-3, atol=0)
    # Another process reads it alike.
    again = pickle.loads(pickle.dumps(placed))
    assert torch.equal(again.read(["9", "2"]), read)
    assert not pickle.loads(pickle.dumps(store)).spec.coordinates


def test_the_part_of_an_image_that_maps_lie_over(tmp_path: Path) -> None:
    shards = write(tmp_path, ["0", "1"], broken=["1"])
    assert FeatureStore.open(shards).crop("0") == (0, 0, 1, 1)
    index = json.loads((shards / "index.json").read_text())
    (written,) = index["shards"]
    for sizes, geometry, crop in (
        ([[0, 0], [0, 0]], "squash", (0, 0, 1, 1)),  # of whatever shape, all of it is used
        ([[0, 0], [0, 0]], "pad", None),
        ([[5, 0], [0, 0]], "pad", None),
        ([[100, 50], [0, 0]], "pad", (0, -0.5, 1, 1.5)),
    ):
        other = {**index, "spec": {**index["spec"], "geometry": geometry}}
        other["shards"] = [{**written, "sizes": sizes}]
        rewrite(shards, other)
        store = FeatureStore.open(shards)
        assert store.crop("0") == crop
        assert store.size("0") == tuple(sizes[0])
        with pytest.raises(FeatureError, match="image '1' could not be read: torn"):
            store.crop("1")


def test_files_that_have_changed_are_listed(tmp_path: Path) -> None:
    files = {name: tmp_path / f"{name}.png" for name in ("0", "1", "2", "3", "new")}
    for name, file in files.items():
        file.write_bytes(name.encode() * 9)
    folder = write(tmp_path / "store", ["0", "1", "2", "3"], broken=["2"])
    index = json.loads((folder / "index.json").read_text())
    (written,) = index["shards"]
    written["digests"] = [digest(files[name].read_bytes()) for name in "0123"]
    written["file_sizes"] = [9] * 4
    rewrite(folder, index)
    files["1"].write_bytes(b"111111112")  # as long as before
    files["2"].write_bytes(b"another")  # but there are no features of it
    files["3"].unlink()
    store = FeatureStore.open(folder)
    assert store.outdated(files) == ["1"]
    assert (tmp_path / ".store.seen").exists()  # what was read need not be again
    index["spec"]["fingerprint"] = UNKNOWN
    rewrite(folder, index)
    store = FeatureStore.open(folder)
    assert store.spec.imported
    assert store.outdated(files) == []


@given(st.integers(0, 20), st.integers(1, 7), st.integers(0, 3), st.integers(0, 4))
def test_images_are_divided_in_order(count: int, size: int, first: int, threads: int) -> None:
    images = [str(number) for number in range(count)]
    shards = divide(images, batch_size=3, shard_images=size, threads=threads, first=first)
    assert [image for shard in shards for image in shard.images] == images
    assert [len(shard.images) for shard in shards[:-1]] == [size] * (len(shards) - 1)
    names = [f"shard-{number:05d}.safetensors" for number in range(first, first + len(shards))]
    assert [shard.name for shard in shards] == names
    assert {(shard.batch_size, shard.threads) for shard in shards} <= {(3, threads)}
    plain = divide(images, batch_size=3, shard_images=size)
    assert [(shard.threads, shard.images) for shard in plain] == [(0, s.images) for s in shards]
    assert [shard.name for shard in plain[:1]] == ["shard-00000.safetensors"][:count]


def test_slots_and_broken_images_are_those_of_the_last_shard_that_names_them() -> None:
    def written(images: str, broken: str) -> WrittenShard:
        number, why = len(images), dict.fromkeys(broken, images)
        told = ((0, 0),) * number, (0,) * number, ("",) * number
        return WrittenShard(Shard("", 1, tuple(images)), *told, why)

    shards = (written("abc", "b"), written("bd", ""), written("ca", "a"), written("e", "e"))
    assert find_slots(shards) == {"b": (1, 0), "d": (1, 1), "c": (2, 0)}
    assert Index(spec(), shards).broken() == {"a": "ca", "e": "e"}


def test_a_later_slot_stands_for_an_image_mended(tmp_path: Path) -> None:
    write(tmp_path, ["1", "2"], broken=["1"])
    before = json.loads((tmp_path / "index.json").read_text())
    write(tmp_path / "more", ["0"], ["1"])
    after = json.loads((tmp_path / "more" / "index.json").read_text())
    (tmp_path / "more" / "shard-00001.safetensors").rename(tmp_path / "shard-00001.safetensors")
    before["shards"].append(after["shards"][1])
    rewrite(tmp_path, before)
    store = FeatureStore.open(tmp_path)
    assert not store.broken
    assert set(store.ids) == {"1", "2"}
    assert torch.equal(store.read(["1", "2"]), torch.stack([features("1"), features("2")]))


def test_what_is_not_there_is_named(store: FeatureStore) -> None:
    for call in (store.size, lambda image: store.read(["1", image])):
        with pytest.raises(FeatureError, match="no features of image '7' among its 5") as caught:
            call("7")
        assert caught.value.where == store.path
        assert caught.value.remedy
        with pytest.raises(FeatureError, match="image '4' could not be read: torn"):
            call("4")


def test_reading_does_not_share_memory_with_the_file(tmp_path: Path) -> None:
    store = FeatureStore.open(write(tmp_path, ["1", "2"]))
    store.read(["1"]).zero_()
    assert torch.equal(store.read(["1"])[0], features("1"))


def test_a_store_can_be_pickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = FeatureStore.open(write(Path("here"), ["1", "2"]))
    store.read(["1"])
    data = pickle.dumps(store)
    assert len(data) < 1000  # the path, not the features
    monkeypatch.chdir("/")
    assert torch.equal(pickle.loads(data).read(["2"])[0], features("2"))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_store_can_be_read_in_worker_processes(store: FeatureStore) -> None:
    store.read(["3"])  # mapped before the fork
    ids = list(store.ids) * 4
    loader: DataLoader[Tensor] = DataLoader(
        ids,  # type: ignore[arg-type]  # a list is a data set
        batch_size=3,
        num_workers=2,
        collate_fn=store.read,
    )
    assert torch.equal(torch.cat(list(loader)), store.read(ids))


def test_no_store(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(FeatureError, match=r"no feature store\. Make one"):
            FeatureStore.open(path)


def test_an_unfinished_store(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_bytes(msgspec.json.encode(Plan(spec(), ())))
    with pytest.raises(FeatureError, match=r"not finished\. Run the same extraction again"):
        FeatureStore.open(tmp_path)


def test_a_damaged_index(tmp_path: Path) -> None:
    whole = (write(tmp_path, ["1"]) / "index.json").read_text()
    for content in ("", "[]", whole[:-9], whole.replace("float16", "float8")):
        (tmp_path / "index.json").write_text(content)
        with pytest.raises(FeatureError, match=r"index\.json: is not as it was written"):
            FeatureStore.open(tmp_path)
        accept(tmp_path, STORE_FILES)
        with pytest.raises(FeatureError, match=r"index\.json: damaged \("):
            FeatureStore.open(tmp_path)


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (VERSION + 1, r"a newer format .*Upgrade"),
        (VERSION - 1, r"an older format .*Delete the store and extract it again"),
    ],
)
def test_an_index_of_another_format(tmp_path: Path, version: int, message: str) -> None:
    index = json.loads((write(tmp_path, ["1"]) / "index.json").read_text())
    other = {**index, "version": version, "shards": "new"}
    rewrite(tmp_path, other)
    with pytest.raises(FeatureError, match=message):
        FeatureStore.open(tmp_path)


def test_missing_and_damaged_shards(tmp_path: Path) -> None:
    shard = write(tmp_path, ["1", "2"]) / "shard-00000.safetensors"
    whole = shard.read_bytes()
    store = FeatureStore.open(tmp_path)
    shard.write_bytes(whole[:-1])
    with pytest.raises(FeatureError, match=r"shard-00000\.safetensors: damaged"):
        store.read(["1"])
    save_file({"regions": torch.zeros(2, 4, 5).half()}, shard)
    with pytest.raises(
        FeatureError, match=r"damaged \(its regions are torch\.float16 of shape \(2, 4, 5\)"
    ):
        store.read(["1"])
    shard.unlink()
    with pytest.raises(FeatureError, match=r"shard-00000\.safetensors: a shard is missing"):
        FeatureStore.open(tmp_path)


@pytest.mark.parametrize(
    ("reason", "told"),
    [("torn.", "torn"), ("torn...", "torn"), (".5 bytes", ".5 bytes"), ("no X", "no X")],
)
def test_a_damaged_file_is_named_with_what_to_do(reason: str, told: str) -> None:
    again = "Delete this file and run the same extraction again."
    assert (
        str(damaged(Path("a.safetensors"), reason)) == f"a.safetensors: damaged ({told}). {again}"
    )
    again = "Delete the store and extract it again."
    assert str(damaged(Path("index.json"), reason)) == f"index.json: damaged ({told}). {again}"


def test_files_of_two_stores_or_exchanged_names_are_refused(tmp_path: Path) -> None:
    one, other = write(tmp_path / "a", ["1", "2"]), write(tmp_path / "b", ["3", "4"])
    index = one / "index.json"
    index.write_bytes(index.read_bytes().replace(b'"1","2"', b'"2","1"'))
    with pytest.raises(FeatureError, match=r"index\.json: is not as it was written"):
        FeatureStore.open(one)
    accept(one, STORE_FILES)
    with pytest.raises(FeatureError, match="holds other images than the store's index says"):
        FeatureStore.open(one).read(["1"])
    shard = "shard-00000.safetensors"
    (other / shard).write_bytes((one / shard).read_bytes())
    with pytest.raises(FeatureError, match="holds other images than the store's index says"):
        FeatureStore.open(other).read(["3"])


def test_only_a_whole_shard_counts_as_written(tmp_path: Path) -> None:
    file = write(tmp_path, ["1", "2"]) / "shard-00000.safetensors"
    shard = Shard(file.name, 2, ("1", "2"))
    written = read_written(tmp_path, spec(), shard)
    assert written is not None
    assert written.sizes == ((101, 7), (102, 7))
    assert read_written(tmp_path, spec(), Shard(file.name, 3, ("1", "2"))) is None
    assert read_written(tmp_path, spec(), Shard(file.name, 2, ("2", "1"))) is None
    assert read_written(tmp_path, spec(), Shard("shard-00001.safetensors", 2, ("1",))) is None
    regions = load_file(file)
    save_file(regions, file)  # without what it says of itself
    assert read_written(tmp_path, spec(), shard) is None
    file.write_bytes(b"")
    assert read_written(tmp_path, spec(), shard) is None


@pytest.mark.parametrize("field", ["sizes", "file_sizes", "digests"])
@pytest.mark.parametrize("values", [0, 1, 3])
def test_an_index_that_does_not_tell_of_every_image(
    tmp_path: Path, field: str, values: int
) -> None:
    file = write(tmp_path, ["1", "2"]) / "index.json"
    index = json.loads(file.read_text())
    told = index["shards"][0][field]
    index["shards"][0][field] = [*told, told[0]][:values]
    file.write_text(json.dumps(index))
    accept(tmp_path, STORE_FILES)
    with pytest.raises(FeatureError, match=rf"index\.json: damaged .*{values} {field}, not 2"):
        FeatureStore.open(tmp_path)


def test_an_index_of_a_backbone_that_cannot_be(tmp_path: Path) -> None:
    file = write(tmp_path, ["1", "2"]) / "index.json"
    file.write_bytes(file.read_bytes().replace(b'"rows":2', b'"rows":2000000000'))
    accept(tmp_path, STORE_FILES)
    with pytest.raises(FeatureError, match=r"index\.json: damaged .2,000,000,000 × 2 regions"):
        FeatureStore.open(tmp_path)


def test_features_that_are_not_those_of_the_index(tmp_path: Path) -> None:
    """The header may be what it was: a bit of the numbers is not."""
    file = write(tmp_path, ["1", "2"]) / "shard-00000.safetensors"
    with safe_open(file, "pt") as opened:
        told = json.loads(opened.metadata()["askattend"])
    index = json.loads((tmp_path / "index.json").read_text())
    digest = digest_of_tensors(load_file(file))
    for each in (told, index["shards"][0]):
        each["content"] = digest
    (tmp_path / "index.json").write_text(json.dumps(index))
    accept(tmp_path, STORE_FILES)
    save_file(load_file(file), file, metadata={"askattend": json.dumps(told)})
    expected = FeatureStore.open(tmp_path).read(["2"])
    whole = file.read_bytes()
    start = 8 + int.from_bytes(whole[:8], "little")
    for at in range(start, len(whole)):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(FeatureError, match=r"its features are not those that were extracted"):
            FeatureStore.open(tmp_path).read(["2"])
    file.write_bytes(whole)
    assert torch.equal(FeatureStore.open(tmp_path).read(["2"]), expected)


@given(st.integers(0, 5), st.sampled_from([torch.float16, torch.uint8, torch.float32]))
def test_a_digest_of_tensors_is_that_of_their_names_and_bytes(
    seed: int, dtype: torch.dtype
) -> None:
    generator = torch.Generator().manual_seed(seed)
    tensors = {n: torch.randint(0, 9, (2, 3, 4), generator=generator).to(dtype) for n in "ba"}
    told = b"".join(n.encode() + b"\0" + tensors[n].numpy().tobytes() for n in "ab")
    assert digest_of_tensors(tensors) == hashlib.sha256(told).hexdigest()
    assert digest_of_tensors({"a": tensors["b"], "b": tensors["a"]}) != digest_of_tensors(tensors)


def test_a_damaged_shard_of_imported_features_says_what_to_do(tmp_path: Path) -> None:
    file = write(tmp_path, ["1", "2"]) / "shard-00000.safetensors"
    index = tmp_path / "index.json"
    for fingerprint, remedy in (
        ("0123456789abcdef", "Delete this file and run the same extraction again"),
        ("unknown", "Delete the store and import its features again"),
    ):
        index.write_bytes(index.read_bytes().replace(b"0123456789abcdef", fingerprint.encode()))
        accept(tmp_path, STORE_FILES)
        file.write_bytes(b"x")
        with pytest.raises(FeatureError, match=remedy):
            FeatureStore.open(tmp_path).read(["1"])
