"""The life of the server: it begins by listening, and ends without breaking an answer off."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
import time
from collections.abc import Callable
from functools import partial
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from askattend.errors import ConfigError
from askattend.serving.idle import IdleConnections, most_idle
from askattend.serving.logs import SERVICE, log, set_up_logs
from askattend.serving.service import Service
from askattend.serving.settings import Address

# Seconds that a connection may be open without asking anything, or be at its headers.
IDLE = 15.0
# Connections that wait to be accepted.
BACKLOG = 128
# After a signal to end: at least so long is answered with 503, that a balancer may notice; at most
# so long requests at work are waited for; and so long for connections to close.
LEAST_DRAIN, MOST_DRAIN, LAST_CLOSING = 0.5, 6.0, 1


class Server(uvicorn.Server):
    """A server that, told to end, first finishes what it has begun and refuses what is new."""

    def __init__(
        self, config: uvicorn.Config, service: Service, on_start: Callable[[], object]
    ) -> None:
        super().__init__(config)
        self._service, self._on_start, self._ends_at = service, on_start, 0.0
        self._idle = IdleConnections(IDLE, most=most_idle())

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, and say so."""
        await super().startup(sockets)
        self._on_start()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end; at a second signal, end at once."""
        if self._service.stopping:
            self.should_exit = self.force_exit = True
            return
        self._service.stopping = True
        self._ends_at = time.monotonic() + LEAST_DRAIN

    async def on_tick(self, counter: int) -> bool:
        """Close connections that ask nothing; return True once it is time to close them all."""
        self._idle.close(self.server_state.connections)
        if self._service.stopping and not self.should_exit:
            late = time.monotonic() - self._ends_at
            idle = self._service.at_work == 0
            self.should_exit = (late >= 0 and idle) or late >= MOST_DRAIN - LEAST_DRAIN
        return await super().on_tick(counter)


def bind(address: Address) -> socket.socket:
    """Take the address, before anything that takes long.

    Raises:
        ConfigError: it is not to be had.
    """
    try:
        found = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, kind, protocol, _, place = found[0]
        # Only where the protocol is named does asyncio send small packets at once.
        taken = socket.socket(family, kind, protocol)
        try:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(place)
        except OSError:
            taken.close()
            raise
    except OSError as error:
        raise ConfigError(
            f"cannot listen there ({error.strerror or error})",
            where=f"{address.host}:{address.port}",
            remedy="Choose another --host or --port.",
        ) from None
    return taken


def serve(app: ASGIApp, service: Service, listener: socket.socket, *, has_token: bool) -> None:
    """Listen, until a signal to end."""
    set_up_logs()
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        ws="none",
        # Where no more can be opened, asyncio says so for each that waits.
        backlog=BACKLOG,
        timeout_graceful_shutdown=LAST_CLOSING,
    )
    server = Server(config, service, partial(announce, listener, has_token=has_token))
    asyncio.run(server.serve(sockets=[listener]))


def announce(listener: socket.socket, *, has_token: bool) -> None:
    """Say where the service is, and loudly so if anybody may ask."""
    host, port = listener.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    log(SERVICE, "listening", url=url)
    elsewhere = ""
    if ipaddress.ip_address(
        host
    ).is_unspecified:  # all addresses, of which nobody can open that one
        elsewhere = f"; from other machines at http://{socket.gethostname()}:{port}"
        url = f"http://localhost:{port}"
    print(f"askattend answers at {url}{elsewhere}", flush=True)
    if not has_token and not ipaddress.ip_address(host).is_loopback:
        warning = "ANYBODY who reaches it may ask: there is no --token-file"
        log(SERVICE, warning, level=logging.WARNING)
        print(f"WARNING: {warning}", flush=True)
