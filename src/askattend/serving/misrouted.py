"""Refusals of what no route takes, which name those that there are."""

from __future__ import annotations

from http import HTTPStatus

from starlette.exceptions import HTTPException

from askattend.errors import closest
from askattend.serving.middleware import ROUTES, without_id
from askattend.serving.problems import DESCRIBED, Refusal

_UNREADABLE = "Send what /openapi.json describes, text in UTF-8."


def misrouted(error: HTTPException, method: str, path: str) -> HTTPException:
    """Return an error with what can be done about it, where the framework does not say so."""
    if isinstance(error, Refusal):
        return error
    status = HTTPStatus(error.status_code)
    if status == HTTPStatus.NOT_FOUND:
        near = closest(without_id(path), ROUTES)
        remedy = f"Did you mean {near}? {DESCRIBED}" if near else DESCRIBED
        return Refusal(status, "there is no such route", where=path[:80], remedy=remedy)
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = (error.headers or {}).get("Allow", "")
        problem = f"{method[:20]} is not a method of this route"
        remedy = f"Use {allowed}. {DESCRIBED}" if allowed else DESCRIBED
        return Refusal(status, problem, where=path[:80], remedy=remedy, headers=error.headers)
    return Refusal(
        status,
        str(error.detail).rstrip("."),
        where="body",
        remedy=_UNREADABLE,
        headers=error.headers,
    )
