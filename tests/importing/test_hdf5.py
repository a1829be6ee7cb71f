"""Feature files of pytorch-vqa as stores: every value, and what is refused."""

from __future__ import annotations

import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from askattend.errors import FeatureError
from askattend.features import disk
from askattend.features.backbones import load_backbone
from askattend.features.extraction import ExtractConfig, extract
from askattend.features.spec import UNKNOWN
from askattend.features.store import FeatureStore
from askattend.importing import hdf5
from askattend.importing.hdf5 import import_hdf5
from askattend.runs.predictor import Predictor
from askattend.runs.run_folder import Run

h5py = pytest.importorskip("h5py")
QUIET = Console(quiet=True)


def write(file: Path, features: Any, ids: Any) -> Path:
    with h5py.File(file, "w") as content:
        content["features"], content["ids"] = features, ids
    return file


def sample(images: int = 5, *, dtype: str = "float16") -> np.ndarray:
    """Images × 3 × 2 × 4, every value its own."""
    count = images * 3 * 2 * 4
    return (np.arange(count) / 8).reshape(images, 3, 2, 4).astype(dtype)


def test_the_golden_file(features_file: Path, tmp_path: Path) -> None:
    store = import_hdf5(features_file, tmp_path / "store", console=QUIET)
    with h5py.File(features_file) as content:
        features, ids = content["features"][()], content["ids"][()]
    assert store.ids == tuple(str(image) for image in ids)
    regions = store.read(store.ids)
    assert regions.dtype == torch.float16
    for image, row, column in np.ndindex(len(ids), 5, 5):
        expected = torch.from_numpy(features[image, :, row, column])
        assert torch.equal(regions[image, 5 * row + column], expected)
    spec = store.spec
    assert (spec.rows, spec.columns, spec.region_dim, spec.dtype) == (5, 5, 24, "float16")
    assert (spec.backbone, spec.fingerprint, spec.image_size) == (UNKNOWN, UNKNOWN, 0)
    assert {file.name for file in store.path.iterdir()} == {
        *("index.json", "manifest.json", "shard-00000.safetensors")
    }


@given(st.integers(1, 9), st.integers(1, 4), st.integers(1, 5), st.sampled_from([16, 32]))
def test_chunks_and_shards_of_any_size(
    tmp_path_factory: pytest.TempPathFactory, images: int, chunk: int, shard: int, bits: int
) -> None:
    folder = tmp_path_factory.mktemp("hdf5")
    features = sample(images, dtype=f"float{bits}")
    file = write(folder / "f.h5", features, np.arange(images)[::-1] * 7)
    store = import_hdf5(
        file, folder / "store", chunk_images=chunk, shard_images=shard, console=QUIET
    )
    assert len(list(store.path.glob("*.safetensors"))) == -(-images // shard)
    assert (store.spec.dtype, len(store)) == (f"float{bits}", images)
    for position in range(images):
        regions = store.read([str(7 * (images - 1 - position))])[0]
        expected = features[position].reshape(3, -1).T
        assert np.array_equal(regions.numpy(), expected)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_either_order_of_bytes(tmp_path: Path, dtype: str) -> None:
    swapped = np.dtype(dtype).newbyteorder(">")
    file = write(tmp_path / "f.h5", sample().astype(swapped), np.arange(5, dtype=">i4"))
    with h5py.File(file) as content:
        assert content["features"].dtype.byteorder == ">"
    store = import_hdf5(file, tmp_path / "store", console=QUIET)
    expected = torch.from_numpy(sample(dtype=dtype)).flatten(2).transpose(1, 2)
    assert (store.ids, store.spec.dtype) == (("0", "1", "2", "3", "4"), dtype)
    assert torch.equal(store.read(store.ids), expected)


def test_features_may_be_kept_in_another_type(features_file: Path, tmp_path: Path) -> None:
    exact = import_hdf5(features_file, tmp_path / "exact", console=QUIET)
    store = import_hdf5(features_file, tmp_path / "store", dtype="int8", console=QUIET)
    assert (store.spec.dtype, store.ids) == ("int8", exact.ids)
    ours, theirs = store.read(store.ids).float(), exact.read(exact.ids).float()
    span = theirs.amax(dim=-1, keepdim=True) - theirs.amin(dim=-1, keepdim=True)
    rounding = theirs.abs().amax(dim=-1, keepdim=True) / 2**11
    assert ((ours - theirs).abs() <= span / 255 / 2 + rounding).all()
    assert not torch.equal(ours, theirs)
    large = write(tmp_path / "f.h5", np.full((1, 3, 2, 4), 1e6, "float32"), [7])
    for dtype in ("float16", "int8"):
        with pytest.raises(FeatureError, match="image '7' are not all finite in " + dtype):
            import_hdf5(large, tmp_path / dtype, dtype=dtype, console=QUIET)
        assert not (tmp_path / dtype).exists()


def test_what_the_user_knows_is_recorded(features_file: Path, tmp_path: Path) -> None:
    store = import_hdf5(
        features_file,
        tmp_path / "store",
        backbone="hf:microsoft/resnet-152",
        image_size=160,
        console=QUIET,
    )
    assert (store.spec.backbone, store.spec.image_size) == ("hf:microsoft/resnet-152", 160)


def test_an_imported_run_takes_imported_features_of_its_grid_alone(
    imported: Run, features_file: Path, tmp_path: Path
) -> None:
    predictor = Predictor.load(imported.folder, device="cpu")
    store = import_hdf5(features_file, tmp_path / "store", console=QUIET)
    (answer,) = predictor.ask_stored(store, "42", ["what color is the table?"])
    look = predictor.look_at(store.read(["42"]))
    (again,) = predictor.answer(look, [0], ["what color is the table?"])
    assert answer.top == again.top
    assert answer.attention.shape == (2, 5, 5)
    with pytest.raises(FeatureError, match="no features of image '43'"):
        predictor.ask_stored(store, "43", ["what is it?"])
    other = import_hdf5(write(tmp_path / "o.h5", sample(), range(5)), tmp_path / "o", console=QUIET)
    with pytest.raises(FeatureError, match="rows 5 against 2, columns 5 against 4, region_dim 24"):
        predictor.ask_stored(other, "1", ["what is it?"])


def test_nothing_is_extracted_into_an_imported_store(tmp_path: Path) -> None:
    file = write(tmp_path / "f.h5", np.ones((1, 1280, 2, 2), "float16"), [1])
    import_hdf5(file, tmp_path / "store", console=QUIET)
    config = ExtractConfig(image_size=64)
    backbone = load_backbone(image_size=64)
    with pytest.raises(FeatureError, match="holds imported features"):
        extract({"a": file}, tmp_path / "store", config, backbone=backbone, console=QUIET)


def without(key: str) -> Callable[[Any], None]:
    return lambda content: content.__delitem__(key)


def put(key: str, value: Any) -> Callable[[Any], None]:
    def spoil(content: Any) -> None:
        del content[key]
        content[key] = value

    return spoil


def grouped(content: Any) -> None:
    del content["features"]
    content.create_group("features")


def elsewhere(content: Any) -> None:
    """The features as bytes of any file that its reader may open."""
    del content["features"]
    content.create_dataset(
        "features", (5, 3, 2, 4), "float16", external=[("/etc/passwd", 0, 5 * 3 * 2 * 4 * 2)]
    )


def virtual(content: Any) -> None:
    """Features put together from another file, which is not there: zeros are read in its place."""
    del content["features"]
    layout = h5py.VirtualLayout((5, 3, 2, 4), "float16")
    layout[:] = h5py.VirtualSource("none.h5", "features", shape=(5, 3, 2, 4))
    content.create_virtual_dataset("features", layout)


def declared(content: Any) -> None:
    """Features that were declared, and never written: nothing but zeros."""
    del content["features"]
    content.create_dataset("features", (5, 3, 2, 4), "float16")


def half_written(content: Any) -> None:
    """Features of which two chunks of five were written."""
    del content["features"]
    made = content.create_dataset("features", (5, 3, 2, 4), "float16", chunks=(1, 3, 2, 4))
    made[:2] = sample()[:2]


def large_images(content: Any) -> None:
    del content["features"]
    content.create_dataset("features", (5, 2**18, 32, 32), "float16", chunks=(1, 8, 32, 32))


def large_chunks(content: Any) -> None:
    """A few kilobytes that unpack to 128 MiB at once."""
    del content["features"]
    shape = (5, 2**12, 2, 4)
    chunks = (2**11, *shape[1:])
    content.create_dataset(
        "features", shape, "float16", chunks=chunks, maxshape=(None, *shape[1:]), compression=9
    )


def many_ids(content: Any) -> None:
    del content["ids"]
    made = content.create_dataset("ids", (10**12,), "int64", chunks=(2**17,))
    made[:5] = [1, 2, 3, 4, 5]


def linked(link: Any) -> Callable[[Any], None]:
    def spoil(content: Any) -> None:
        del content["features"]
        content["features"] = link

    return spoil


def infinite(position: int) -> np.ndarray:
    features = sample()
    features[position, 1, 0, 2] = np.inf
    return features


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (without("features"), "lacks 'features'; it holds 'ids'"),
        (without("ids"), "lacks 'ids'; it holds 'features'"),
        (grouped, "'features' is a group"),
        (linked(h5py.SoftLink("/none")), "'features' is a link, not the data itself"),
        (linked(h5py.SoftLink("/features")), "'features' is a link, not the data itself"),
        (linked(h5py.ExternalLink("none.h5", "/x")), "'features' is a link, not the data"),
        (elsewhere, "'features' is kept in other files"),
        (virtual, "'features' is kept in other files"),
        (declared, "'features' is declared larger than what was written of it"),
        (half_written, "'features' is declared larger than what was written of it"),
        (large_images, "'features' has 512 MiB an image. If it is meant, set ASKATTEND_MAX"),
        (large_chunks, "'features' is packed in chunks of 128 MiB"),
        (many_ids, "'features' holds 5 images, but 'ids' 1,000,000,000,000"),
        (put("features", sample()[0]), r"shape \(3, 2, 4\) and float16; expected were images ×"),
        (put("features", 3.0), r"shape \(\) and float64"),
        (put("features", sample().astype("int16")), r"\(5, 3, 2, 4\) and int16; expected"),
        (put("features", sample().astype("float64")), "float64; expected"),
        (put("features", sample()[:0]), "is empty"),
        (put("ids", sample()[:, 0, 0, 0]), "'ids' is of shape .* float16; .* whole numbers"),
        (put("ids", [[1], [2], [3], [4], [5]]), r"'ids' is of shape \(5, 1\)"),
        (put("ids", [1, 2, 3, 4]), "'features' holds 5 images, but 'ids' 4"),
        (put("ids", [3, 1, 3, 1, 9]), "2 of the numbers in 'ids' .* more than once: 1, 3"),
        (put("features", infinite(3)), "features of image '40' are not all finite"),
    ],
)
def test_a_spoilt_file_is_refused_and_leaves_nothing(
    tmp_path: Path, spoil: Callable[[Any], None], message: str
) -> None:
    file = write(tmp_path / "f.h5", sample(), [10, 20, 30, 40, 50])
    with h5py.File(file, "a") as content:
        spoil(content)
    with pytest.raises(FeatureError, match=message) as refused:
        import_hdf5(file, tmp_path / "store", chunk_images=2, shard_images=3, console=QUIET)
    assert str(file) in str(refused.value)
    assert [entry.name for entry in tmp_path.iterdir() if not entry.name.endswith(".lock")] == [
        "f.h5"
    ]


def test_files_that_are_not_hdf5(tmp_path: Path) -> None:
    with pytest.raises(FeatureError, match="no such file"):
        import_hdf5(tmp_path / "f.h5", tmp_path / "store", console=QUIET)
    with pytest.raises(FeatureError, match="a folder, not a file"):
        import_hdf5(tmp_path, tmp_path / "store", console=QUIET)
    (tmp_path / "f.h5").write_bytes(b"\x89HDF\r\n\x1a\n torn")
    with pytest.raises(FeatureError, match="not an HDF5 file, or damaged"):
        import_hdf5(tmp_path / "f.h5", tmp_path / "store", console=QUIET)
    (tmp_path / "f.h5").write_text("no")
    with pytest.raises(FeatureError, match="not an HDF5 file, or damaged"):
        import_hdf5(tmp_path / "f.h5", tmp_path / "store", console=QUIET)


def test_without_h5py_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(FeatureError, match=r"pip install 'h5py>="):
        import_hdf5(tmp_path / "f.h5", tmp_path / "store", console=QUIET)


def test_a_taken_folder_is_refused(features_file: Path, tmp_path: Path) -> None:
    store = import_hdf5(features_file, tmp_path / "store", console=QUIET)
    before = {file: file.read_bytes() for file in store.path.iterdir()}
    with pytest.raises(FeatureError, match="holds a feature store already"):
        import_hdf5(features_file, tmp_path / "store", console=QUIET)
    assert {file: file.read_bytes() for file in store.path.iterdir()} == before
    (tmp_path / "mine").mkdir()
    import_hdf5(
        features_file, tmp_path / "mine", console=QUIET
    )  # an empty folder is as good as none
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").touch()
    with pytest.raises(FeatureError, match="is a folder of something else"):
        import_hdf5(features_file, tmp_path / "full", console=QUIET)
    with pytest.raises(FeatureError, match="is not a folder"):
        import_hdf5(features_file, tmp_path / "full" / "letter.txt", console=QUIET)


class Stop(BaseException):
    """As an interrupt, but not to be mistaken for one of pytest's."""


def test_an_interruption_leaves_no_store_and_the_next_import_a_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "f.h5", sample(), range(5))
    saved = disk.save_shard
    calls: list[str] = []

    def interrupted(folder: Path, regions: Any, written: Any) -> Any:
        calls.append(written.shard.name)
        if len(calls) == 2:
            raise Stop
        return saved(folder, regions, written)

    monkeypatch.setattr(hdf5, "save_shard", interrupted)
    with pytest.raises(Stop):
        import_hdf5(file, tmp_path / "store", shard_images=2, console=QUIET)
    assert len(calls) == 2
    with pytest.raises(FeatureError, match="no feature store"):
        FeatureStore.open(tmp_path / "store")
    monkeypatch.setattr(hdf5, "save_shard", saved)
    # What a killed one would have left beside it is no obstacle.
    (tmp_path / ".store.0123abcd").mkdir()
    (tmp_path / ".store.0123abcd" / "shard-00009.safetensors").touch()
    assert len(import_hdf5(file, tmp_path / "store", shard_images=2, console=QUIET)) == 5
    assert not (tmp_path / ".store.0123abcd").exists()
    assert len(list((tmp_path / "store").iterdir())) == 5


def test_no_more_than_a_chunk_is_read_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "f.h5", sample(9), range(9))
    read: list[int] = []
    getitem = h5py.Dataset.__getitem__

    def counted(self: Any, key: Any, *more: Any, **named: Any) -> Any:
        block = getitem(self, key, *more, **named)
        if self.name == "/features":
            read.append(len(block))
        return block

    monkeypatch.setattr(h5py.Dataset, "__getitem__", counted)
    import_hdf5(file, tmp_path / "store", chunk_images=2, shard_images=5, console=QUIET)
    assert read == [2, 2, 1, 2, 2]


def test_progress_is_shown(features_file: Path, tmp_path: Path) -> None:
    console = Console(file=StringIO(), force_terminal=True, width=80)
    import_hdf5(features_file, tmp_path / "store", console=console)
    assert "importing" in console.file.getvalue()  # type: ignore[attr-defined]
