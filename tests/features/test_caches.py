"""Caches are found, measured and deleted; what pictures cannot make again stays."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from filelock import FileLock

from askattend.errors import ConfigError
from askattend.features.caches import clear, find_cached, unused
from askattend.importing.hdf5 import import_hdf5
from commands import Call


@pytest.fixture
def stores(trained: Path, tmp_path: Path) -> Path:
    """A folder with the feature stores of two runs."""
    (found,) = find_cached([trained])
    for name in ("a", "b"):
        shutil.copytree(found.path, tmp_path / "runs" / name / "features")
    return tmp_path / "runs"


def test_stores_are_found_at_any_depth_and_measured(stores: Path) -> None:
    found = find_cached([stores])
    assert {each.path for each in found} == {str(stores / n / "features") for n in ("a", "b")}
    for each in found:
        files = list(Path(each.path).rglob("*"))
        assert (each.kind, each.files) == ("features", len(files))
        assert each.bytes == sum(file.stat().st_size for file in files)
    assert find_cached([stores / "a", stores / "b"]) == found
    assert find_cached([stores / "a" / "features"])[0].path == str(stores / "a" / "features")


def test_the_user_s_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASKATTEND_CACHE", str(tmp_path / "cache"))
    assert find_cached() == []
    kept = (
        ("packed/0123", 10),
        ("scenes/seed0-v1", 20),
        ("onnxruntime-web/1.2", 5),
        ("else/x", 30),
    )
    for folder, size in kept:
        (tmp_path / "cache" / folder).mkdir(parents=True)
        (tmp_path / "cache" / folder / "file").write_bytes(bytes(size))
    found = find_cached()
    told = [("drawings", 20), ("packed run", 10), ("onnxruntime-web", 5)]
    assert [(e.kind, e.bytes) for e in found] == told
    for each in found:
        clear(each)
    assert find_cached() == []
    assert (tmp_path / "cache" / "else" / "x" / "file").exists()


def test_what_was_written_lately_is_left_out(stores: Path) -> None:
    for file in (stores / "a" / "features").iterdir():
        os.utime(file, (1e9, 1e9))
    found = find_cached([stores])
    assert [each.path for each in unused(found, 30)] == [str(stores / "a" / "features")]
    assert unused(found, 0) == found


def test_a_store_in_use_and_an_imported_one_stay(
    stores: Path, features_file: Path, tmp_path: Path
) -> None:
    store = stores / "a" / "features"
    before = sorted(file.name for file in store.iterdir())
    found = next(each for each in find_cached([stores]) if each.path == str(store))
    with (
        FileLock(store.with_name(".features.lock")),
        pytest.raises(ConfigError, match="in use by another process"),
    ):
        clear(found)
    assert sorted(file.name for file in store.iterdir()) == before
    clear(found)
    assert list((stores / "a").iterdir()) == []
    import_hdf5(features_file, tmp_path / "imported")
    (imported,) = find_cached([tmp_path / "imported"])
    assert (imported.kind, imported.remade) == ("imported features", False)
    with pytest.raises(ConfigError, match="pictures cannot make it again"):
        clear(imported)
    assert find_cached([tmp_path / "imported"]) == [imported]


def test_the_command(stores: Path, call: Call) -> None:
    status, out, _ = call("cache", stores)
    assert status == 0
    assert out.count("features") == 4  # two kinds, two paths
    assert "in all" in out
    assert call("cache", stores, "--older-than", 1, "--clear")[:2] == (0, "  0 bytes  deleted\n")
    with FileLock(stores / "a" / ".features.lock"):
        status, out, err = call("cache", stores, "--clear", "--json")
    told = json.loads(out)
    assert (status, list(told["left"])) == (1, [str(stores / "a" / "features")])
    assert "is in use by another process" in err
    assert [each["path"] for each in json.loads(call("cache", stores, "--json")[1])["cached"]] == [
        str(stores / "a" / "features")
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nowhere",), "nowhere: no such folder"),
        (("--older-than", "-1"), "--older-than: is no number of days"),
        (("--older-than", "inf"), "--older-than: is no number of days"),
    ],
)
def test_what_makes_no_sense(call: Call, words: tuple[str, ...], message: str) -> None:
    status, out, err = call("cache", *words)
    assert (status, out) == (2, "")
    assert message in err
