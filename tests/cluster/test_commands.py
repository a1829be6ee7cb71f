"""A cluster's results are the local engine's, byte for byte, whoever is killed meanwhile."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from commands import Call
from features.archives import write_tar

pytestmark = [pytest.mark.xdist_group("ray"), pytest.mark.usefixtures("ray")]

RAY = ("--engine", "ray")


def content(folder: Path) -> dict[str, bytes]:
    files = (file for file in folder.rglob("*") if file.is_file() and file.suffix != ".lock")
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


def workers() -> list[int]:
    """List the processes that compute for this one: those below it that Ray has named so."""
    above: dict[int, int] = {}
    named = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status, words = (folder / "stat").read_text(), (folder / "cmdline").read_bytes()
        except OSError:  # it has ended
            continue
        above[int(folder.name)] = int(status.rpartition(")")[2].split()[1])
        if words.startswith(b"ray::Worker"):
            named.append(int(folder.name))

    def is_below(number: int) -> bool:
        return number == os.getpid() or (number in above and is_below(above[number]))

    return [number for number in named if is_below(number)]


@contextmanager
def once(there: Callable[[], bool], do: Callable[[], None]) -> Iterator[None]:
    """Do something, beside the block, as soon as something is there."""
    over = Event()

    def watch() -> None:
        while not over.wait(0.005):
            if there():
                do()
                return

    thread = Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.fixture
def predict(trained: Path, pictures: Path, questions: Path) -> list[str]:
    """The words that answer shard by shard."""
    run = trained / "runs" / "saaa"
    words = ["predict", run, "--images", pictures, "--questions", questions, "--maps"]
    words += ["--shard-images", 1, "--threads", 1, "--workers", 0]
    return [str(word) for word in words]


def test_answers_are_the_local_ones_though_a_worker_is_killed(
    predict: list[str], tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call(*predict, "--out", tmp_path / "local")[0] == 0
    # Nobody else need be in the same working directory.
    monkeypatch.chdir(tmp_path)
    predict[predict.index("--images") + 1] = "pictures"

    def kill() -> None:
        os.kill(workers()[0], signal.SIGKILL)

    with once((tmp_path / "ray" / "part-00000.json").exists, kill):
        status, _, err = call(*predict, "--out", "ray", *RAY, "--actors", 2)
    assert status == 0, err
    assert "note: a process was lost" in err
    assert "broken: broken.png: not an image" in err
    assert content(tmp_path / "ray") == content(tmp_path / "local")
    # All is done, and nothing was started for it.
    status, out, err = call(*predict, "--out", "ray", *RAY, "--json")
    assert (status, "processes" in err) == (0, False)
    assert '"before": 24' in out.replace("\n", "")


def test_a_killed_driver_loses_its_unfinished_shards_alone(
    predict: list[str], tmp_path: Path, call: Call, ray: Any
) -> None:
    assert call(*predict, "--out", tmp_path / "local")[0] == 0
    out = tmp_path / "out"
    address = ray.get_runtime_context().gcs_address
    words = [sys.executable, "-m", "askattend", *predict, "--out", str(out), *RAY]
    driver = subprocess.Popen([*words, "--address", address], stderr=subprocess.DEVNULL)
    limit = time.monotonic() + 120
    while not (out / "part-00002.json").exists():
        assert time.monotonic() < limit
        assert driver.poll() is None
        time.sleep(0.005)
    driver.kill()
    driver.wait()
    whole = {file.name: file.stat().st_mtime_ns for file in out.glob("part-*.json")}
    assert 0 < len(whole) < 24
    status, _, err = call(*predict, "--out", out, *RAY)
    assert status == 0, err
    assert content(out) == content(tmp_path / "local")
    assert {name: (out / name).stat().st_mtime_ns for name in whole} == whole
    assert {file.name for file in out.glob(".*")} <= {".plan.lock"}


def test_a_tar_file_behind_an_address(
    predict: list[str], pictures: Path, tmp_path: Path, call: Call
) -> None:
    tar = Path(shutil.make_archive(str(tmp_path / "p"), "tar", pictures))
    predict[predict.index("--shard-images") + 1] = "10"
    place = predict.index("--images") + 1
    predict[place] = str(tar)
    assert call(*predict, "--out", tmp_path / "local")[0] == 0
    predict[place] = tar.as_uri()
    assert call(*predict, "--out", tmp_path / "ray", *RAY)[0] == 0
    assert content(tmp_path / "ray") == content(tmp_path / "local")
    tar.write_bytes(tar.read_bytes()[: tar.stat().st_size // 2])
    status, _, err = call(*predict, "--out", tmp_path / "cut", *RAY)
    assert status == 2
    assert "is cut off or damaged" in err
    assert not (tmp_path / "cut").exists()


def test_features_are_the_local_ones_though_a_worker_is_killed(
    pictures: Path, tmp_path: Path, call: Call
) -> None:
    """The cluster's are of tar files, one of them packed, and the local ones of a folder."""
    files = {file.name: file.read_bytes() for file in sorted(pictures.iterdir())}
    names = list(files)
    tar = write_tar(tmp_path / "0.tar", {name: files[name] for name in names[:9]})
    packed = write_tar(tmp_path / "1.tgz", {name: files[name] for name in names[9:]}, "w:gz")
    words = ["--image-size", 64, "--shard-images", 2, "--batch-size", 2]
    assert call("extract", pictures, *words, "--out", tmp_path / "local")[0] == 0

    def kill() -> None:
        os.kill(workers()[0], signal.SIGKILL)

    with once((tmp_path / "ray" / "shard-00000.safetensors").exists, kill):
        words += ["--out", tmp_path / "ray", *RAY]
        status, _, err = call("extract", tar.as_uri(), packed, *words)
    assert status == 0, err
    assert "note: a process was lost" in err
    assert content(tmp_path / "ray") == content(tmp_path / "local")
