"""Refuse connections to other hosts, and note who tried.

Python imports a module of this name when it starts: with this folder on ``PYTHONPATH``, commands
that tests start are held to it like the tests themselves.
"""

from __future__ import annotations

import ipaddress
import os
import platform
import sys
from pathlib import Path
from typing import Any

# Names the file of attempts; where it is not set, this module does nothing.
LOG = "ASKATTEND_TESTS_NETWORK_LOG"
_OWN = {"", "localhost", "testserver", platform.node()}
# Where the host, or the address, is among what Python tells of an event.
_HOST, _ADDRESS = 0, 1
_EVENTS = {
    "socket.connect": _ADDRESS,
    "socket.sendto": _ADDRESS,
    "socket.sendmsg": _ADDRESS,
    "socket.getaddrinfo": _HOST,
    "socket.gethostbyname": _HOST,
    "socket.gethostbyaddr": _HOST,
}


class NetworkForbidden(OSError):
    """Something tried to reach another host while the tests ran."""


def is_this_host(host: object) -> bool:
    """True for this host's names, and addresses that lead to nobody else."""
    name = host.decode("idna") if isinstance(host, bytes | bytearray) else host
    if name is None or name in _OWN:
        return True
    try:
        address = ipaddress.ip_address(str(name).partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _is_literal(host: object) -> bool:
    try:
        ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return False
    return True


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    place = _EVENTS.get(event)
    if place is None or (log := os.environ.get(LOG)) is None:
        return
    found = arguments[place]
    if place == _ADDRESS:
        if not isinstance(found, tuple):  # of a Unix socket: a path
            return
        found = found[0]
    # An address asks no name server.
    elif event == "socket.getaddrinfo" and _is_literal(found):
        return
    if is_this_host(found):
        return
    with Path(log).open("a", encoding="utf-8") as file:
        file.write(f"{event} {found}\n")
    raise NetworkForbidden(f"the tests reach no other host, but {event} asks for {found}")


def forbid() -> None:
    """Refuse from now on; an audit hook cannot be taken back, nor got round from Python."""
    sys.addaudithook(_watch)


if LOG in os.environ:
    forbid()
