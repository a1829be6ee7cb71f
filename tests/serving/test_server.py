"""The server's life: from the address that it takes to the last answer."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

import pytest

from askattend.errors import ConfigError
from askattend.serving.server import announce, bind
from askattend.serving.settings import Address
from commands import Call
from serving.services import Process, serving


def slow_request(process: Process, image: bytes) -> HTTPConnection:
    """Begin an upload whose last byte is still to come."""
    connection = HTTPConnection("127.0.0.1", process.port, timeout=30)
    connection.putrequest("POST", "/v1/images")
    connection.putheader("Content-Length", str(len(image)))
    connection.endheaders()
    connection.send(image[:-1])
    return connection


def refusal_or_none(process: Process) -> int | None:
    try:
        return process.status("/v1/runs")
    except (ConnectionError, OSError):
        return None


def test_told_to_end_it_answers_what_it_has_begun_and_refuses_what_is_new(
    run: Path, trained: Path, tmp_path: Path
) -> None:
    image = (trained / "square 0.png").read_bytes()
    with serving(tmp_path, run) as process:
        begun = slow_request(process, image)
        # A request is at work once the service has seen its first bytes.
        while b"askattend_in_flight 2.0" not in metrics(process):
            time.sleep(0.02)
        process.popen.send_signal(signal.SIGTERM)
        statuses = {process.status("/readyz")}
        while statuses != {503}:
            statuses = {process.status("/readyz")}
        assert process.status("/v1/runs") == 503
        assert process.status("/healthz") == 200
        begun.send(image[-1:])
        answer = begun.getresponse()
        assert (answer.status, json.loads(answer.read())["width"]) == (201, 48)
        begun.close()
        assert process.popen.wait(timeout=10) == 0
        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(refusal_or_none, [process] * 4)) == {None}
        events = [json.loads(line) for line in process.log.read_text().splitlines()]
    assert {"ready", "listening", "request"} <= {event["event"] for event in events}
    assert all({"time", "level", "event"} <= event.keys() for event in events)


def metrics(process: Process) -> bytes:
    connection = HTTPConnection("127.0.0.1", process.port, timeout=30)
    connection.request("GET", "/metrics")
    content = connection.getresponse().read()
    connection.close()
    return content


def test_it_ends_within_ten_seconds_whatever_a_client_does(
    run: Path, trained: Path, tmp_path: Path
) -> None:
    with serving(tmp_path, run) as process:
        begun = slow_request(process, (trained / "square 0.png").read_bytes())
        while b"askattend_in_flight 2.0" not in metrics(process):
            time.sleep(0.02)
        process.popen.send_signal(signal.SIGTERM)
        assert process.popen.wait(timeout=10) == 0
        begun.close()


def test_an_address_that_is_taken_is_named(call: Call, run: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, _, err = call("serve", run, "--port", port)
    assert status == 2
    assert f"127.0.0.1:{port}: cannot listen there" in err


def test_an_address_that_is_none_is_named(refused: Callable[[], list[str]]) -> None:
    with pytest.raises(ConfigError, match="cannot listen there"):
        bind(Address("256.1.1.1"))
    assert refused() == ["socket.getaddrinfo 256.1.1.1"]  # as a name it could be one
    with pytest.raises(ConfigError, match="between 0 and 65535"):
        Address(port=70_000)


def test_what_is_sent_goes_out_at_once() -> None:
    """A socket without a named protocol would hold back small packets for 40 ms."""
    with bind(Address(port=0)) as listener:
        assert listener.proto == socket.IPPROTO_TCP


@pytest.mark.parametrize(
    ("host", "has_token", "warns"),
    [("127.0.0.1", False, False), ("0.0.0.0", False, True), ("0.0.0.0", True, False)],
)
def test_it_says_loudly_when_anybody_may_ask(
    host: str, has_token: bool, warns: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    with bind(Address(host, 0)) as listener:
        announce(listener, has_token=has_token)
    out = capsys.readouterr().out
    shown = host if host == "127.0.0.1" else "localhost"
    assert f"answers at http://{shown}:" in out
    assert (f"from other machines at http://{socket.gethostname()}:" in out) == (host == "0.0.0.0")
    assert ("ANYBODY" in out) == warns


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_does_not_come_is_not_waited_for(
    chunked: bool, run: Path, trained: Path, tmp_path: Path
) -> None:
    image = (trained / "square 0.png").read_bytes()
    with serving(tmp_path, run, "--timeout", "1") as process:
        if chunked:
            begun = HTTPConnection("127.0.0.1", process.port, timeout=30)
            begun.putrequest("POST", "/v1/images")
            begun.putheader("Transfer-Encoding", "chunked")
            begun.endheaders()
            begun.send(b"10\r\n" + image[:16] + b"\r\n")
        else:
            begun = slow_request(process, image)
        answer = begun.getresponse()
        assert answer.status == 503
        assert "within 1 s" in json.loads(answer.read())["detail"]
        begun.close()
        assert b"askattend_in_flight 1.0" in metrics(process)


def test_pages_of_other_names_are_refused_by_the_command(run: Path, tmp_path: Path) -> None:
    def status(process: Process, host: str) -> int:
        connection = HTTPConnection("127.0.0.1", process.port, timeout=30)
        connection.request("GET", "/v1/runs", headers={"Host": host})
        answer = connection.getresponse().status
        connection.close()
        return answer

    with serving(tmp_path, run, "--allowed-host", "vqa.example.org") as process:
        hosts = ("evil.example", "vqa.example.org", f"localhost:{process.port}")
        assert [status(process, host) for host in hosts] == [421, 200, 200]
