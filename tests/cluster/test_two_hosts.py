"""A cluster of two hosts, of which the second is cut off, or ends: the first does the rest."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from askattend.cli import main
from training import impatient
from training.two_hosts import Host, two_hosts

pytestmark = pytest.mark.xdist_group("ray")

# What is promised, and how long a start may take on a busy machine.
ENDS_WITHIN, STARTS_WITHIN = 60, 120
PORT = 6379
NODE = (
    *("--num-cpus", "1", "--object-store-memory", str(80 * 10**6)),
    *("--disable-usage-stats", "--block"),
)


def end_all(host: Host) -> None:
    """Kill whatever runs on a host."""
    listed = subprocess.run(["ip", "netns", "pids", host.name], capture_output=True, check=True)
    for process in listed.stdout.split():
        try:
            os.kill(int(process), signal.SIGKILL)
        except ProcessLookupError:  # it ended by itself meanwhile
            continue


def cut_off(host: Host) -> None:
    host.link("down")


def start_node(host: Host, words: Sequence[str], logs: Path) -> subprocess.Popen[bytes]:
    """Have a host run a node of Ray's, and wait until it is there."""
    log = logs / f"{host.name}-{time.monotonic()}.log"
    ray = str(Path(sys.executable).with_name("ray"))
    node = host.start([ray, "start", "--node-ip-address", host.address, *words, *NODE], log)
    limit = time.monotonic() + STARTS_WITHIN
    while "Ray runtime started" not in log.read_text():
        assert time.monotonic() < limit, log.read_text()
        assert node.poll() is None, log.read_text()
        time.sleep(0.1)
    return node


@contextmanager
def cluster(logs: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Host, Host]]:
    """Two hosts of which the first runs a head; nothing of theirs outlives the block."""
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    # Sockets have short paths.
    with two_hosts() as (first, second), TemporaryDirectory(prefix="aa", dir="/tmp") as folder:
        head = ["--head", "--port", str(PORT), "--include-dashboard", "false", "--temp-dir", folder]
        try:
            node = start_node(first, head, logs)
            yield first, second
        finally:
            end_all(first)
            end_all(second)
        node.wait()


@pytest.fixture
def many(pictures: Path) -> Path:
    """Enough pictures to be still at work when a slow second host begins."""
    for number in range(23):
        for copy in "abc":
            shutil.copy(pictures / f"{number:02}.png", pictures / f"{number:02}{copy}.png")
    return pictures


def broken_off(
    hosts: tuple[Host, Host], words: Sequence[str], out: Path, broken: Callable[[Host], None]
) -> str:
    """Break the second host once both are at work; return what was printed until the end."""
    first, second = hosts
    log = out.with_suffix(".log")
    command = [sys.executable, impatient.__file__, *words, "--out", str(out)]
    command += ["--engine", "ray", "--address", f"{first.address}:{PORT}", "--wait", "120"]
    driver = first.start(command, log)
    limit = time.monotonic() + STARTS_WITHIN
    # A shard that somebody is at has a lock.
    while len([*out.glob(".part-*.lock"), *out.glob(".shard-*.lock")]) < 2:
        assert time.monotonic() < limit, log.read_text()
        assert driver.poll() is None, log.read_text()
        time.sleep(0.002)
    broken(second)
    assert driver.wait(ENDS_WITHIN) == 0, log.read_text()
    return log.read_text()


def content(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name[0] != "."}


def test_the_first_host_does_what_the_second_cannot(
    trained: Path,
    many: Path,
    questions: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("ray")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    predict = ["predict", str(trained / "runs" / "saaa"), "--images", str(many)]
    predict += ["--questions", str(questions), "--shard-images", "1", "--workers", "0"]
    predict += ["--threads", "1"]
    extract = ["extract", str(many), "--image-size", "64", "--shard-images", "1", "--workers", "0"]
    for name, words in (("answers", predict), ("store", extract)):
        main([*words, "--out", str(tmp_path / name)])
    with cluster(tmp_path, monkeypatch) as hosts:
        node = ["--address", f"{hosts[0].address}:{PORT}"]
        second = start_node(hosts[1], node, tmp_path)
        printed = broken_off(hosts, predict, tmp_path / "cut off", cut_off)
        assert f"has given no sign for {impatient.CLUSTER:.0f} s" in printed
        assert content(tmp_path / "cut off") == content(tmp_path / "answers")
        end_all(hosts[1])
        second.wait()
        hosts[1].link("up")
        second = start_node(hosts[1], node, tmp_path)
        printed = broken_off(hosts, extract, tmp_path / "killed", end_all)
        assert "note: a process was lost" in printed
        assert content(tmp_path / "killed") == content(tmp_path / "store")
        second.wait()
