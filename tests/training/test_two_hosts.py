"""Two hosts train as one process does, also where one is killed, and where the cable is pulled."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file

from askattend.cli import main
from commands import train_command
from squares import write_squares
from training.two_hosts import Host, two_hosts

# Adam would make steps out of rounding where a gradient is 0.
OPTIONS = (
    *("--recipe", "paper", "--train.optimizer", "sgd", "--train.learning-rate", "0.05"),
    *("--model.dropout", "0", "--train.precision", "float32", "--train.min-steps", "250"),
    *("--train.checkpoint-minutes", "0.003"),
)
# What is promised, and how long a start may take on a busy machine.
ENDS_WITHIN, STARTS_WITHIN = 60, 120


def killed(host: Host) -> None:
    listed = subprocess.run(["ip", "netns", "pids", host.name], capture_output=True, check=True)
    for process in listed.stdout.split():
        os.kill(int(process), signal.SIGKILL)


def pulled(host: Host) -> None:
    host.link("down")


def test_two_hosts_train_as_one_process(tmp_path: Path) -> None:
    table = write_squares(tmp_path)
    main(train_command("san", table, tmp_path / "runs" / "one", *OPTIONS))
    out = tmp_path / "runs" / "two"
    command = train_command("san", table, out, *OPTIONS)
    with two_hosts() as hosts:
        messages = broken_off(hosts, command, out, killed, tmp_path)
        assert "another process has ended or cannot be reached" in messages[0]
        messages = broken_off(hosts, [*command, "--resume"], out, pulled, tmp_path)
        assert f"process 1 on {os.uname().nodename} (10.77.0.2) has given no sign" in messages[0]
        # Whichever it notices first: no sign of the other, or a connection that breaks.
        told = ("10.77.0.1 has not answered", "another process has ended or cannot be reached")
        assert any(each in messages[1] for each in told), messages[1]
        hosts[1].link("up")
        started, logs = start(hosts, [*command, "--resume"], tmp_path)
        assert [each.wait(STARTS_WITHIN) for each in started] == [0, 0], logs[0].read_text()
        # The first alone prints, and each line once.
        assert logs[0].read_text().count("The run is in") == 1
        assert "epoch" not in logs[1].read_text()
    ours, theirs = (load_file(folder / "best.safetensors") for folder in (out, out.parent / "one"))
    for name, weight in theirs.items():
        torch.testing.assert_close(ours[name], weight, rtol=1e-4, atol=1e-4)


def start(
    hosts: Sequence[Host], command: Sequence[str], logs: Path
) -> tuple[list[subprocess.Popen[bytes]], list[Path]]:
    files = [logs / f"{host.name}.log" for host in hosts]
    return [
        host.torchrun(node, hosts, command, file)
        for node, (host, file) in enumerate(zip(hosts, files, strict=True))
    ], files


def broken_off(
    hosts: Sequence[Host],
    command: Sequence[str],
    out: Path,
    broken: Callable[[Host], None],
    logs: Path,
) -> list[str]:
    """Break the second host once training goes on; return what was printed, when all has ended."""
    last = out / "last.safetensors"
    before = last.stat().st_mtime_ns if last.exists() else 0
    started, files = start(hosts, command, logs)
    limit = time.monotonic() + STARTS_WITHIN
    while not (last.exists() and last.stat().st_mtime_ns > before):
        assert time.monotonic() < limit, files[0].read_text()
        assert all(each.poll() is None for each in started), files[0].read_text()
        time.sleep(0.05)
    broken(hosts[1])
    assert all(each.wait(ENDS_WITHIN) for each in started), "one of them ended well"
    return [file.read_text() for file in files]
