"""Two hosts with addresses of their own on one machine: network namespaces joined by a cable."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from no_network import sitecustomize as no_network
from training import impatient

PORT = 29517


@dataclass(frozen=True)
class Host:
    """A network namespace: what it is called, and its address."""

    name: str
    address: str
    cable: str

    def start(self, words: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
        """Start a command on it; what it prints goes to a file."""
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
        environment.pop("TRITON_INTERPRET", None)
        # Nobody is to be reached here but the other host, which is to be.
        environment.pop(no_network.LOG, None)
        with log.open("wb") as file:
            return subprocess.Popen(
                ["ip", "netns", "exec", self.name, *words],
                stdout=file,
                stderr=subprocess.STDOUT,
                env=environment,
            )

    def torchrun(
        self, node: int, of: Sequence[Host], command: Sequence[str], log: Path
    ) -> subprocess.Popen[bytes]:
        """Start a command as torchrun does, in a process a host."""
        words = ["-m", "torch.distributed.run", "--nnodes", str(len(of)), "--nproc-per-node", "1"]
        words += ["--node-rank", str(node), "--master-addr", of[0].address]
        words += ["--master-port", str(PORT), impatient.__file__, *command]
        return self.start([sys.executable, *words], log)

    def link(self, state: str) -> None:
        """Plug the cable in (``"up"``) or out (``"down"``)."""
        _ip("-n", self.name, "link", "set", self.cable, state)


@contextmanager
def two_hosts() -> Iterator[tuple[Host, Host]]:
    """Make two hosts and remove them; skip where it is not permitted, unless CI requires it."""
    number = os.getpid() % 10_000
    hosts = tuple(
        Host(f"aa{number}{x}", f"10.77.0.{i}", f"aa{number}{x}v") for i, x in ((1, "a"), (2, "b"))
    )
    try:
        if shutil.which("ip") is None:
            raise OSError("there is no command ip (iproute2)")
        for host in hosts:
            _ip("netns", "add", host.name)
        first, second = hosts
        _ip(
            "link",
            "add",
            first.cable,
            "netns",
            first.name,
            "type",
            "veth",
            "peer",
            "name",
            second.cable,
            "netns",
            second.name,
        )
        for host in hosts:
            _ip("-n", host.name, "address", "add", f"{host.address}/24", "dev", host.cable)
            _ip("-n", host.name, "link", "set", "lo", "up")
            host.link("up")
    except OSError as error:
        _remove(hosts)
        reason = f"no hosts in network namespaces: {error}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    try:
        yield first, second
    finally:
        _remove(hosts)


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(done.stderr.strip())


def _remove(hosts: Sequence[Host]) -> None:
    for host in hosts:
        subprocess.run(["ip", "netns", "delete", host.name], capture_output=True, check=False)
