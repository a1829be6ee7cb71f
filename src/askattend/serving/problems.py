"""Refusals and failures as problem details (RFC 9457): what, where, what to do."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response

from askattend.errors import AskAttendError
from askattend.serving.schemas import Problem

MEDIA_TYPE = "application/problem+json"
# Bytes of a request without an image: many questions and edited maps fit.
MOST_JSON = 1_000_000
DESCRIBED = "See /openapi.json for what is expected."
# Seconds after which a busy service may be asked again.
RETRY_AFTER = 1
_RETRIED = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


class Refusal(HTTPException):
    """A request that is refused or given up.

    An HTTPException, since FastAPI turns any other that is raised while a body is read into 400.

    Args:
        status: the HTTP status.
        problem: what is wrong, without a final full stop.
        where: the part of the request at fault.
        remedy: what the client can do, as a full sentence.
        headers: more headers of the response.
    """

    def __init__(
        self,
        status: HTTPStatus,
        problem: str,
        *,
        where: str | None = None,
        remedy: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        retry = {"Retry-After": str(RETRY_AFTER)} if status in _RETRIED else {}
        super().__init__(status, problem, headers={**retry, **(headers or {})})
        self.where, self.remedy = where, remedy


def refusal_of(error: AskAttendError, status: HTTPStatus, *, where: str | None = None) -> Refusal:
    """Turn a mistake that the library found into a refusal."""
    place = where or (None if error.where is None else str(error.where))
    return Refusal(status, error.problem, where=place, remedy=error.remedy or None)


def too_many_bytes(most: int, *, beside: str = "") -> Refusal:
    """Make the refusal of a body, or an image in it, that is too large; `beside` what it counts."""
    return Refusal(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"more than {most:,} bytes{beside}",
        where="body",
        remedy="Send less: shrink the image, or ask fewer questions at once.",
    )


def unavailable(problem: str) -> Refusal:
    """Make the refusal of a service that cannot answer now."""
    return Refusal(
        HTTPStatus.SERVICE_UNAVAILABLE, problem, remedy="Try again after Retry-After seconds."
    )


def problem_response(error: HTTPException, request_id: str) -> Response:
    """Write a refusal as the response's body."""
    status = HTTPStatus(error.status_code)
    problem = Problem(
        type="about:blank",
        title=status.phrase,
        status=status,
        detail=_writable(error.detail),
        where=_writable(getattr(error, "where", None)),
        remedy=_writable(getattr(error, "remedy", None)),
        request_id=request_id,
    )
    return Response(
        problem.model_dump_json(),
        status_code=status,
        media_type=MEDIA_TYPE,
        headers=dict(error.headers or {}),
    )


def _writable(text: str | None) -> Any:
    """Write halves of characters, which a client's JSON may hold, as escapes."""
    return None if text is None else text.encode(errors="backslashreplace").decode()
