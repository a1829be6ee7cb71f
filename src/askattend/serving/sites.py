"""Requests that a browser sends on behalf of another site's page, told by their Host and Origin."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from starlette.datastructures import Headers

from askattend.serving.problems import Refusal

# Methods that a page of another site must not use.
CHANGING = ("POST", "DELETE", "PUT", "PATCH")


@dataclass(frozen=True)
class Sites:
    """The names that the service goes by, and the other sites whose pages may ask.

    Attributes:
        hosts: names that a request may be addressed to, in small letters, beside any IP address;
            None where every name will do.
        origins: other sites, such as ``https://example.org``.
    """

    hosts: frozenset[str] | None = None
    origins: tuple[str, ...] = ()

    def check_host(self, headers: Headers) -> None:
        """Refuse a name that is not the service's, which a site may have made to point at it.

        The browser then takes the service for that site's own. It cannot do so with an address.

        Raises:
            Refusal: it is another's (421).
        """
        given = headers.get("Host")
        if self.hosts is None or given is None:  # every browser sends one
            return
        name = host_name(given)
        if name in self.hosts or _is_address(name):
            return
        raise Refusal(
            HTTPStatus.MISDIRECTED_REQUEST,
            f"'{name[:80]}' is not a name of this service",
            where="Host",
            remedy="Ask at 127.0.0.1 or localhost; whoever runs the service can add a name by "
            "--allowed-host.",
        )

    def check_origin(self, headers: Headers) -> None:
        """Refuse what another site's page sends: a browser asks nobody before it sends a form.

        Raises:
            Refusal: it is sent by one that was not named (403).
        """
        origin = headers.get("Origin")
        if origin is None or origin in self.origins:
            return
        # A proxy may speak TLS where this does not, and may replace the name that was asked for:
        # the scheme does not tell, and the browser's own word counts, which no page can write.
        if headers.get("Sec-Fetch-Site") == "same-origin":
            return
        if origin.partition("://")[2].lower() == headers.get("Host", "").lower():
            return
        raise Refusal(
            HTTPStatus.FORBIDDEN,
            f"the pages of '{origin[:80]}' may not ask here",
            where="Origin",
            remedy="Whoever runs the service can name that site by --cors-origin.",
        )


def hosts_of(
    listening: str, address: str, named: Sequence[str], *, has_token: bool
) -> frozenset[str] | None:
    """Return the names that a service goes by; None where it is not known which, or not needed.

    A page of another site lacks the token. Where others than this machine can reach the service,
    the names that they do so by are known only if they are told.

    Args:
        listening: the address that it listens at.
        address: the same as it was named.
        named: further names.
        has_token: True where a client must know a token.
    """
    loopback = ipaddress.ip_address(listening).is_loopback
    if not named and (has_token or not loopback):
        return None
    return frozenset(host_name(name) for name in ("localhost", address, *named))


def host_name(host: str) -> str:
    """Return a name or address without its port, in small letters: ``"[::1]:80"`` is ``"::1"``."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    name, colon, _ = host.rpartition(":")
    return (name if colon and ":" not in name else host).rstrip(".")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
