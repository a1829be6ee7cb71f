"""``askattend serve`` in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path


@dataclass
class Process:
    """A service's process, its port and the file of its log."""

    popen: subprocess.Popen[str]
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def status(self, path: str) -> int:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", path)
        status = connection.getresponse().status
        connection.close()
        return status

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            assert self.popen.poll() is None, self.log.read_text()
            if self.status("/readyz") == 200:
                return
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())


@contextmanager
def serving(folder: Path, *words: object) -> Iterator[Process]:
    """Start a service at a free port, wait until it is ready, and end it."""
    command = [sys.executable, "-m", "askattend", "serve", *map(str, words), "--port", "0"]
    log = folder / "service.log"
    with log.open("w") as stderr:
        popen = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
    assert popen.stdout is not None
    try:
        line = popen.stdout.readline()
        assert "answers at http://" in line, log.read_text()
        process = Process(popen, int(line.rpartition(":")[2]), log)
        process.wait_until_ready()
        yield process
    finally:
        popen.kill()
        popen.wait()
        popen.stdout.close()
