"""Addresses and interfaces of this host."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from askattend.environment.network import interface_of, local_address


def test_this_host_is_reached_by_its_loopback(refused: Callable[[], list[str]]) -> None:
    assert local_address("127.0.0.1") == "127.0.0.1"
    assert local_address("no-such-host.invalid") == "no-such-host.invalid"
    assert refused() == ["socket.getaddrinfo no-such-host.invalid"]


@pytest.mark.skipif(sys.platform != "linux", reason="interfaces are asked for as Linux does it")
def test_the_loopback_is_an_interface() -> None:
    assert interface_of("127.0.0.1") == "lo"
    assert interface_of("192.0.2.1") is None
