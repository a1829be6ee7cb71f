"""What is verified besides runs and stores, which the damage tests are about."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from askattend.bulk.parts import Parts
from askattend.bulk.plan import Plan, settle_plan
from askattend.environment.packing import pack, run_folder
from askattend.errors import ConfigError, RunError
from askattend.experiment.verify import accept_changes, kind_of, verify
from askattend.files.manifest import MANIFEST
from askattend.runs.predictor import Predictor
from askattend.runs.run_folder import Run

PLAN = Plan(
    askattend="0.1.0",
    torch="2",
    run="0" * 32,
    images=4,
    listed="listed",
    questions="asked",
    parts=2,
    shard_images=2,
    batch_size=2,
    threads=1,
    kernels=False,
    device="cpu",
    precision="float32",
    features="none",
    format="jsonl",
    maps=False,
    top=3,
    threshold=0.5,
)
# Of the status of a shard, or of the shard: a file and what it is changed to.
CHANGES: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("part-00000.jsonl", lambda c: c + b"{}"),
    ("part-00000.json", lambda c: c.replace(b'"images": 2', b'"images": 3')),
    ("part-00000.json", lambda c: c.replace(b"torn", b"born")),
    ("part-00000.json", lambda c: c[:-9]),
]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Results of a plan of two shards."""
    out = tmp_path / "results"
    settle_plan(out, PLAN)
    parts = Parts(out, plan=PLAN.digest, format="jsonl", attention=False)
    for number in range(2):
        parts.write(number, [], images=2, broken={"a.png": "torn"})
    return out


def damaged(path: Path) -> list[str]:
    found = verify(path)
    assert found.whole == (not found.damaged)
    assert all(one.problem and one.remedy for one in found.damaged)
    return [Path(one.file).name for one in found.damaged]


def test_results_are_compared_with_their_plan_and_status(results: Path) -> None:
    assert (kind_of(results), damaged(results), verify(results).files) == ("results", [], 2)
    for name, change in CHANGES:
        content = (results / name).read_bytes()
        (results / name).write_bytes(change(content))
        assert (results / name).read_bytes() != content
        assert damaged(results) == ["part-00000"]
        (results / name).write_bytes(content)
    plan = results / "plan.json"
    content = plan.read_bytes()
    plan.write_bytes(content.replace(b'"top": 3', b'"top": 4'))
    assert damaged(results) == ["plan.json"]
    plan.write_bytes(content[:-9])
    assert damaged(results) == ["plan.json"]
    plan.write_bytes(content)
    for file in results.glob("part-00001.*"):
        file.unlink()
    found = verify(results)
    assert found.whole
    assert found.notes == (f"{results}: 1 of 2 shards are not answered yet",)


def test_what_accepts_no_changes_says_so(results: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"changes of results cannot be accepted\. Answer its"):
        accept_changes(results)
    for path in (tmp_path, tmp_path / "nowhere", results / "plan.json"):
        with pytest.raises(ConfigError):
            verify(path)


@pytest.fixture
def packed(untrained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASKATTEND_CACHE", str(tmp_path / "cache"))
    pack(untrained.folder, tmp_path / "run.zip")
    return tmp_path / "run.zip"


def test_a_packed_run_carries_its_manifest(packed: Path, untrained: Run) -> None:
    assert (kind_of(packed), damaged(packed)) == ("packed run", [])
    listed = json.loads((run_folder(packed) / MANIFEST).read_text())["files"]
    assert set(listed) == {
        *("config.toml", "words.json", "answers.json", "floors.json", "features.json"),
        "best.safetensors",
    }
    with pytest.raises(ConfigError, match="changes of packed run cannot be accepted"):
        accept_changes(packed)


def test_a_damaged_pack_is_named(packed: Path) -> None:
    whole = packed.read_bytes()
    for at in (60, len(whole) // 2, len(whole) - 30):
        packed.write_bytes(whole[:at] + bytes([whole[at] ^ 16]) + whole[at + 1 :])
        if kind_of(packed) == "packed run":
            found = verify(packed)
            assert str(packed) in found.damaged[0].file, at
    packed.write_bytes(whole)
    assert damaged(packed) == []


def test_what_was_unpacked_is_checked_too(packed: Path) -> None:
    words = run_folder(packed) / "words.json"
    words.write_bytes(words.read_bytes().replace(b"what", b"that"))
    assert damaged(packed) == ["words.json"]
    with pytest.raises(RunError, match=r"words\.json: is not as it was written"):
        Predictor.load(packed)


def test_a_damaged_run_is_not_packed(untrained: Run, tmp_path: Path) -> None:
    words = untrained.folder / "words.json"
    words.write_bytes(words.read_bytes().replace(b"what", b"that"))
    with pytest.raises(RunError, match=r"words\.json: is not as it was written"):
        pack(untrained.folder, tmp_path / "run.zip")
    assert not (tmp_path / "run.zip").exists()


def test_a_run_is_known_without_its_settings(untrained: Run) -> None:
    assert damaged(untrained.folder) == []
    (untrained.folder / "config.toml").unlink()
    assert damaged(untrained.folder) == ["config.toml"]


def test_a_damaged_manifest_is_named_itself(untrained: Run) -> None:
    (untrained.folder / MANIFEST).write_text("{}")
    assert damaged(untrained.folder) == [MANIFEST]
    assert accept_changes(untrained.folder).whole
    assert damaged(untrained.folder) == []


def test_what_is_accepted_must_be_readable(untrained: Run, tmp_path: Path) -> None:
    shutil.copytree(untrained.folder, tmp_path / "copy")
    (tmp_path / "copy" / "best.safetensors").write_bytes(b"x")
    found = accept_changes(tmp_path / "copy")
    assert ["unreadable" in one.problem for one in found.damaged] == [True]
    assert found.damaged[0].file == str(tmp_path / "copy" / "best.safetensors")
