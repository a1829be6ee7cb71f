"""A service in a process of its own, to be asked, measured, ended and killed."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType

STARTING, ENDING = 120.0, 10.0


class RunningService:
    """``askattend serve RUN`` at one port, however often it is started."""

    def __init__(self, run: Path, *options: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        words = ["-m", "askattend", "serve", str(run), "--port", str(self.port), *options]
        self._command = [sys.executable, *words]

    def __enter__(self) -> RunningService:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(self._command, stdout=quiet, stderr=quiet)
        deadline = time.monotonic() + STARTING
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"it did not start: {' '.join(self._command)}")
            time.sleep(0.05)

    def end(self) -> None:
        """Tell it to end; it has ten seconds."""
        self._process.send_signal(signal.SIGTERM)
        if self._process.wait(timeout=ENDING):
            raise RuntimeError(f"it ended with status {self._process.returncode}")

    def kill(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.wait()

    def memory(self) -> float:
        """Return the bytes of memory that are its own; 0 where the system does not tell."""
        file = Path(f"/proc/{self._process.pid}/status")
        if not file.exists():
            return 0.0
        fields = dict(line.split(":", 1) for line in file.read_text().splitlines())
        return 1024.0 * int(fields["VmRSS"].split()[0]) if "VmRSS" in fields else 0.0

    def _is_ready(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (HTTPException, OSError):
            return False
        finally:
            connection.close()
