"""Nothing but a model of the hub that is named needs a network, and the tests have none."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from commands import train_command
from no_network import sitecustomize as no_network
from squares import write_squares

OTHER = ("192.0.2.1", 80)  # of no host (RFC 5737)
INLINE = ("--workers", "0")
Refused = Callable[[], list[str]]


def connect() -> None:
    with socket.socket() as tcp:
        tcp.connect(OTHER)


def send() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.sendto(b"hello", OTHER)


def look_up() -> None:
    socket.getaddrinfo("example.org", 80)


def look_up_old() -> None:
    socket.gethostbyname("example.org")


@pytest.mark.parametrize("attempt", [connect, send, look_up, look_up_old])
def test_the_tests_reach_no_other_host(attempt: Callable[[], None], refused: Refused) -> None:
    with pytest.raises(no_network.NetworkForbidden, match="the tests reach no other host"):
        attempt()
    (noted,) = refused()
    assert noted.split()[1] in (OTHER[0], "example.org")


def test_nor_do_the_commands_they_start(refused: Refused) -> None:
    code = "import urllib.request; urllib.request.urlopen('http://192.0.2.1')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode
    assert "NetworkForbidden" in done.stderr
    assert refused() == ["socket.connect 192.0.2.1"]


@pytest.mark.parametrize(
    ("host", "own"),
    [
        *((host, True) for host in ("localhost", b"localhost", "127.0.0.1", "127.9.9.9", "::1")),
        *((host, True) for host in (None, "", "0.0.0.0", "::", "::1%lo")),
        *((host, False) for host in ("example.org", "10.0.0.1", "fe80::1%lo", "localhost.org")),
    ],
)
def test_what_is_this_host(host: object, own: bool) -> None:
    assert no_network.is_this_host(host) == own


# All in one process, since each start takes seconds.
COMMANDS = """
import json, socket, sys
from askattend.cli import main
for index, name in socket.if_nameindex():
    assert name == "lo", name
try:
    socket.create_connection(("127.0.0.1", 9), timeout=1)
except OSError as error:
    assert "unreachable" in str(error), error
else:
    raise AssertionError("there is a network after all")
for words in json.loads(sys.argv[1]):
    try:
        main(words)
    except SystemExit as stop:
        assert not stop.code, (words, stop.code)
"""


def without_interfaces() -> list[str]:
    """Return the words that start a command where even the loopback is down."""
    words = ["unshare", "--net", "--map-root-user"]
    found = shutil.which("unshare") is not None
    if found and subprocess.run([*words, "true"], capture_output=True).returncode == 0:
        return words
    if os.environ.get("CI"):
        pytest.fail("no network namespace can be made (unshare)")
    pytest.skip("no network namespace can be made (unshare)")


def test_everything_works_with_the_network_cut(tmp_path: Path) -> None:
    table, run = write_squares(tmp_path), tmp_path / "run"
    image, out = tmp_path / "square 0.png", tmp_path / "out"
    questions = tmp_path / "questions.txt"
    questions.write_text("What colour is it?\n")
    commands: list[Sequence[object]] = [
        ["data", f"table:{table}"],
        train_command("saaa", table, run),
        ["evaluate", run, "--split", "test"],
        ["ask", run, image, "What colour is it?"],
        ["predict", run, "--images", tmp_path, "--questions", questions, "--out", out, *INLINE],
        ["pack", run, tmp_path / "run.zip"],
        ["compare", run, run],
    ]
    words = json.dumps([[str(word) for word in command] for command in commands])
    done = subprocess.run(
        [*without_interfaces(), sys.executable, "-c", COMMANDS, words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert (run / "evaluations" / "test" / "report.html").exists()
    assert "What colour is it?" in done.stdout
