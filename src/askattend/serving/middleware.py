"""Around every request: its id, its log, what is counted of it, and the limits it is held to."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import re
import secrets
import time
from dataclasses import dataclass, field
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from askattend.serving.logs import REQUESTS, log, log_failure
from askattend.serving.problems import (
    MOST_JSON,
    Refusal,
    problem_response,
    too_many_bytes,
    unavailable,
)
from askattend.serving.service import Service
from askattend.serving.sites import CHANGING, Sites

REQUEST_ID = "X-Request-Id"
HEALTH = ("/healthz", "/readyz")
# What works while the service is starting or stopping, too.
ALWAYS = (*HEALTH, "/", "/metrics", "/openapi.json")
IMAGE = "/v1/images/{image_id}"
ROUTES = (*ALWAYS, "/v1/runs", "/v1/images", "/v1/ask", IMAGE, f"{IMAGE}/ask", f"{IMAGE}/trace")
_IMAGE_ID = re.compile(r"^(/v1/images/)[^/]+")
_METHODS = ("GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT", "PATCH")
_GIVEN_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
# What nginx logs of a client that did not wait for its answer.
CLIENT_GONE = 499


def request_id(scope: Scope) -> str:
    """Return the id of the request that a scope is of."""
    return str(scope.get("state", {}).get("request_id", ""))


def route_of(path: str) -> str:
    """Return the route that a path belongs to; paths hold ids, which are as good as keys."""
    route = without_id(path)
    return route if route in ROUTES else "unknown"


def without_id(path: str) -> str:
    """Return a path with ``{image_id}`` in the place of an image's id."""
    return _IMAGE_ID.sub(r"\1{image_id}", path, count=1)


@dataclass
class Observed:
    """Gives each request an id and each response its headers; counts and logs both."""

    app: ASGIApp
    service: Service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_ID, "")
        own = given if _GIVEN_ID.fullmatch(given) else secrets.token_hex(8)
        scope.setdefault("state", {}).update(request_id=own, arrived=time.perf_counter())
        status = CLIENT_GONE

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID] = own
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        with self.service.metrics.in_flight.track_inprogress():
            try:
                await self.app(scope, receive, send_with_headers)
            finally:
                self._note(scope, status)

    def _note(self, scope: Scope, status: int) -> None:
        seconds = time.perf_counter() - scope["state"]["arrived"]
        route = route_of(scope["path"])
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self.service.metrics.count(route, method, status, seconds)
        log(
            REQUESTS,
            "request",
            request_id=request_id(scope),
            method=method,
            route=route,
            status=status,
            milliseconds=round(1000 * seconds, 1),
            **scope["state"].get("logged", {}),
        )


@dataclass
class Guarded:
    """Refuses what is beyond a limit, gives up what takes too long, and explains what fails.

    Attributes:
        app: what comes behind.
        service: the service, whose limits are meant.
        token: what a client must know; None where anybody may ask.
        sites: the names that the service goes by, and other sites whose pages may ask.
    """

    app: ASGIApp
    service: Service
    token: bytes | None = field(default=None, repr=False)
    sites: Sites = field(default_factory=Sites)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, unless it is refused."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def noting_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._guard(scope, receive, noting_send)
        except ClientDisconnect:
            pass
        except Exception as error:
            if started:  # half a response cannot be mended: the connection is closed
                log_failure("failed while answering", error, request_id=request_id(scope))
                raise
            response = problem_response(_as_refusal(error, scope), request_id(scope))
            await response(scope, receive, send)

    async def _guard(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, headers = scope["path"], Headers(scope=scope)
        if path not in HEALTH:
            self.sites.check_host(headers)
            self._check_token(headers, path)
        if scope["method"] in CHANGING:
            self.sites.check_origin(headers)
        if path in ALWAYS:
            await self._in_time(scope, receive, send)
            return
        self.service.require_ready()
        limits = self.service.limits
        if self.service.at_work >= limits.queue:
            raise Refusal(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"{limits.queue} requests are waiting",
                remedy="Try again after Retry-After seconds.",
            )
        self.service.at_work += 1
        try:
            counted = _count_bytes(receive, headers, self._most_bytes(path))
            await self._in_time(scope, counted, send)
        finally:
            self.service.at_work -= 1

    async def _in_time(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; its body, its answer and the sending of that have so much time."""
        try:
            async with asyncio.timeout(seconds := self.service.limits.timeout):
                await self.app(scope, receive, send)
        except TimeoutError:
            raise unavailable(f"not answered within {seconds:g} s") from None

    def _check_token(self, headers: Headers, path: str) -> None:
        if self.token is None:
            return
        if hmac.compare_digest(_given_token(headers.get("Authorization", "")), self.token):
            return
        # A browser that opens the page asks its user for a password, and sends it on its own.
        scheme = "Basic" if path == "/" else "Bearer"
        raise Refusal(
            HTTPStatus.UNAUTHORIZED,
            "no token, or a wrong one",
            where="Authorization",
            remedy="Send 'Authorization: Bearer TOKEN'; in a browser, the token as the password.",
            headers={"WWW-Authenticate": f'{scheme} realm="askattend"'},
        )

    def _most_bytes(self, path: str) -> int:
        image = self.service.limits.max_image_bytes
        if path == "/v1/images":
            return image
        # In base64 three bytes become four.
        return image * 4 // 3 + MOST_JSON if path == "/v1/ask" else MOST_JSON


def _count_bytes(receive: Receive, headers: Headers, most: int) -> Receive:
    """Refuse a body that says it is too large, or turns out to be.

    Raises:
        Refusal: it says so (413).
    """
    length = headers.get("Content-Length", "")
    if length.isdigit() and int(length) > most:
        raise too_many_bytes(most)
    received = 0

    async def counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > most:
            raise too_many_bytes(most)
        return message

    return counted


def _given_token(authorization: str) -> bytes:
    """Return the token of an Authorization header: a bearer's, or the password of a browser."""
    scheme, _, value = authorization.partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer":
        return value.encode()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).partition(b":")[2]
        except (binascii.Error, ValueError):
            return b""
    return b""


def _as_refusal(error: Exception, scope: Scope) -> HTTPException:
    if isinstance(error, HTTPException):
        return error
    log_failure("failed", error, request_id=request_id(scope))
    return Refusal(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "something failed that should not",
        remedy="Tell who runs this service the request_id: its log says where.",
    )
