"""Connections that ask nothing are closed, and those at work are not."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from askattend.serving.idle import IdleConnections, most_idle
from askattend.serving.server import Server, bind
from askattend.serving.service import Service
from askattend.serving.settings import Address, ServingLimits
from serving.conftest import wait_until

ASK = b"GET / HTTP/1.1\r\nHost: localhost\r\n"


class Connection:
    def __init__(self, cycle: Any = None) -> None:
        self.cycle, self.transport, self.closed = cycle, self, False

    def close(self) -> None:
        self.closed = True


def test_only_what_is_idle_for_long_is_closed() -> None:
    now = 0.0
    idle = IdleConnections(10, most=100, clock=lambda: now)
    silent, at_work = Connection(), Connection(SimpleNamespace(response_complete=False))
    again = Connection(SimpleNamespace(response_complete=True))
    for now in (0.0, 5.0, 10.0):  # noqa: B007
        idle.close({silent, at_work, again})
        again.cycle = SimpleNamespace(response_complete=True)  # has asked in between
    assert not silent.closed
    now = 10.1
    idle.close({silent, at_work, again})
    assert (silent.closed, at_work.closed, again.closed) == (True, False, False)
    now = 20.2
    idle.close({at_work, again})
    assert again.closed
    assert not at_work.closed


def test_of_too_many_those_that_are_idle_for_longest_are_closed() -> None:
    now = 0.0
    idle = IdleConnections(10, most=3, clock=lambda: now)
    old, at_work = Connection(), Connection(SimpleNamespace(response_complete=False))
    idle.close([old, at_work])
    now = 1.0
    new = [Connection() for _ in range(3)]
    idle.close([*new, at_work, old])
    assert [each.closed for each in (old, at_work, *new)] == [True, False, False, False, False]
    assert 0 < most_idle() <= 512


async def slow(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.sleep(1.5)
    await PlainTextResponse(Request(scope).url.path)(scope, receive, send)


@pytest.fixture
def port() -> Iterator[int]:
    """A server that closes what is idle for half a second."""
    config = uvicorn.Config(slow, log_config=None, lifespan="off", ws="none")
    server = Server(config, Service((), ServingLimits()), lambda: None)
    server._idle = IdleConnections(0.5, most=100)
    with bind(Address(port=0)) as listener:
        thread = Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True)
        thread.start()
        wait_until(lambda: server.started)
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join(timeout=30)


@pytest.mark.parametrize(
    ("sent", "answered"), [(b"", False), (ASK[:20], False), (ASK, False), (ASK + b"\r\n", True)]
)
def test_a_server_closes_what_asks_nothing(port: int, sent: bytes, answered: bool) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(sent)
        assert connection.recv(100).startswith(b"HTTP/1.1 200") == answered
