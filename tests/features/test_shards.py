"""Shards that become shorter while they are open: an error, and no signal; files of others."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest
import torch

from askattend.errors import FeatureError
from askattend.features.shards import is_own
from askattend.features.store import FeatureStore
from attacks.limited import attempt


@pytest.fixture(params=[0o644, 0o666], ids=["own", "anybody's"])
def copied(request: pytest.FixtureRequest, whole: Path, tmp_path: Path) -> Path:
    store = tmp_path / "store"
    shutil.copytree(whole, store)
    for shard in store.glob("shard-*"):
        shard.chmod(request.param)
    return store


def test_both_ways_read_the_same(copied: Path, whole: Path) -> None:
    one, other = FeatureStore.open(copied), FeatureStore.open(whole)
    ids = list(one.ids)
    assert torch.equal(one.read(ids), other.read(ids))
    for name, tensor in one.read_stored(ids).items():
        assert torch.equal(tensor, other.read_stored(ids)[name])


@pytest.mark.parametrize("left", [0, 700, -1])
def test_a_shard_that_becomes_shorter_is_damaged(copied: Path, left: int) -> None:
    def deed() -> object:
        store = FeatureStore.open(copied)
        store.read(store.ids)
        for shard in copied.glob("shard-*"):
            os.truncate(shard, left if left >= 0 else shard.stat().st_size + left)
        return store.read(store.ids)

    attempt(deed).refused("it has become shorter since it was opened")


def test_a_shard_that_is_removed_stays_readable_where_it_is_mapped(
    whole: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "store"
    shutil.copytree(whole, copy)
    store = FeatureStore.open(copy)
    before = store.read(store.ids)
    for shard in copy.glob("shard-*"):
        shard.unlink()
    assert torch.equal(store.read(store.ids), before)


@pytest.mark.parametrize(
    ("mode", "user", "group", "own"),
    [
        (0o644, "me", "mine", True),
        (0o644, "root", "other", True),
        (0o664, "me", "mine", True),
        (0o664, "me", "other", False),
        (0o646, "me", "mine", False),
        (0o600, "other", "mine", False),
    ],
)
def test_whose_a_file_is(
    mode: int, user: str, group: str, own: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "getegid", lambda: 1000)
    uid = {"me": 1000, "root": 0, "other": 1001}[user]
    gid = {"mine": 1000, "other": 1001}[group]
    fields = (stat.S_IFREG | mode, 1, 1, 1, uid, gid, 9, 0, 0, 0)
    assert is_own(os.stat_result(fields)) is own


def test_a_name_elsewhere_is_no_shard(whole: Path, tmp_path: Path) -> None:
    copy = tmp_path / "store"
    shutil.copytree(whole, copy, ignore=shutil.ignore_patterns("manifest*"))
    index = (copy / "index.json").read_text()
    for name in ("/etc/passwd", "../shard-00000.safetensors", "x" * 5000, ".", ""):
        (copy / "index.json").write_text(index.replace("shard-00000.safetensors", name))
        with pytest.raises(FeatureError, match="damaged"):
            FeatureStore.open(copy)
