"""The network as this host sees it: by which address and interface it reaches another."""

from __future__ import annotations

import socket
import struct
import sys

# ioctl's request for an interface's IPv4 address, and where that stands in its answer
# (netdevice(7)).
_ADDRESS_OF_INTERFACE, _FROM, _TO = 0x8915, 20, 24
_ANY_PORT = 9


def local_address(other: str) -> str:
    """Return this host's address on the way to another; the other's name where there is no way."""
    try:
        family, _, _, _, target = socket.getaddrinfo(other, _ANY_PORT, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(target)  # nothing is sent
            return str(probe.getsockname()[0])
    except OSError:
        return other


def interface_of(address: str) -> str | None:
    """Find the network interface that has an IPv4 address; None elsewhere than on Linux."""
    if sys.platform != "linux":
        return None
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            request = struct.pack("256s", name.encode()[:15])
            try:
                answer = fcntl.ioctl(probe.fileno(), _ADDRESS_OF_INTERFACE, request)
            except OSError:  # it has none
                continue
            if socket.inet_ntoa(answer[_FROM:_TO]) == address:
                return name
    return None
