"""The interface's description (OpenAPI): what FastAPI finds, with bodies that it cannot know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from askattend.serving.images import ANY_BYTES, MEDIA_TYPES
from askattend.serving.problems import MEDIA_TYPE
from askattend.serving.schemas import MOST_TOP, Options, Problem, QuestionsWithImage
from askattend.tracing.trace import Trace

_SCHEMAS = "#/components/schemas/"
_OPEN = ("/healthz", "/readyz")
_MEANINGS = {
    400: "The body cannot be read.",
    401: "No token, or a wrong one.",
    403: "Sent by a page of a site that may not ask.",
    404: "No such image, or not any more.",
    421: "Addressed to a name that is not this service's.",
    413: "Too many bytes or pixels.",
    415: "Not one of the types of body, or formats of image, that are read.",
    422: "What was sent does not fit; says what does not, and what would.",
    429: "Too many requests at once; come back after Retry-After seconds.",
    503: "Starting, stopping, broken or too slow; come back after Retry-After seconds.",
}
_RETRY = {"Retry-After": {"schema": {"type": "string"}, "description": "Seconds to wait."}}


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe the refusals of a route."""
    return {status: _problem(status) for status in statuses}


def describe(app: FastAPI, *, needs_token: bool) -> None:
    """Let an application describe itself completely, once it is asked to."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
            )
            app.openapi_schema = _completed(found, needs_token=needs_token)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _completed(found: dict[str, Any], *, needs_token: bool) -> dict[str, Any]:
    paths, components = found["paths"], found.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas |= _more_schemas()
    for name in ("HTTPValidationError", "ValidationError"):  # FastAPI's own errors are never sent
        schemas.pop(name, None)
    paths["/v1/images"]["post"]["requestBody"] = _image_body()
    paths["/v1/ask"]["post"]["requestBody"] = _ask_body()
    traced = paths["/v1/images/{image_id}/trace"]["post"]["responses"]["200"]
    traced["content"] = {"application/json": {"schema": {"$ref": f"{_SCHEMAS}Trace"}}}
    for path, operations in paths.items():
        for method, operation in operations.items():
            given: dict[str, Any] = operation["responses"]
            for status in [s for s, each in given.items() if _is_fastapis(each)]:
                del given[status]
            if needs_token and path not in _OPEN:
                given["401"] = _problem(401)
            if path not in _OPEN:
                given["421"] = _problem(421)
            if method in ("post", "delete"):
                given["403"] = _problem(403)
    if needs_token:
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        found["security"] = [{"token": []}]
        for path in _OPEN:
            paths[path]["get"]["security"] = []
    return found


def _more_schemas() -> dict[str, Any]:
    """Return the schemas of bodies that FastAPI does not see."""
    _, models = models_json_schema(
        [(Options, "validation"), (QuestionsWithImage, "validation"), (Problem, "serialization")],
        ref_template=f"{_SCHEMAS}{{model}}",
    )
    _, traces = msgspec.json.schema_components([Trace], ref_template=f"{_SCHEMAS}{{name}}")
    return {**models["$defs"], **traces}


def _problem(status: int) -> dict[str, Any]:
    described: dict[str, Any] = {
        "description": _MEANINGS[status],
        "content": {MEDIA_TYPE: {"schema": {"$ref": f"{_SCHEMAS}Problem"}}},
    }
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        described["headers"] = _RETRY
    return described


def _is_fastapis(response: Mapping[str, Any]) -> bool:
    """Return True for the response that FastAPI adds to every route with parameters."""
    contents: Iterable[Mapping[str, Any]] = response.get("content", {}).values()
    refs = (each.get("schema", {}).get("$ref", "") for each in contents)
    return any(ref.endswith("HTTPValidationError") for ref in refs)


def _image_body() -> dict[str, Any]:
    binary = {"schema": {"type": "string", "format": "binary"}}
    return {
        "required": True,
        "description": "The image's file.",
        "content": dict.fromkeys((*MEDIA_TYPES, ANY_BYTES), binary),
    }


def _ask_body() -> dict[str, Any]:
    form = {
        "type": "object",
        "required": ["image", "question"],
        "additionalProperties": False,
        "properties": {
            "image": {"type": "string", "format": "binary", "description": "The image's file."},
            "question": {
                "oneOf": [
                    {"type": "string"},
                    {"type": "array", "items": {"type": "string"}, "minItems": 1},
                ],
                "description": "One or several: the part is repeated.",
            },
            "options": {
                "type": "string",
                "description": f"The schema Options as JSON; top is {MOST_TOP} at most.",
                "contentMediaType": "application/json",
                "examples": ['{"top": 3, "attention": "array"}'],
            },
        },
    }
    return {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": f"{_SCHEMAS}QuestionsWithImage"}},
            "multipart/form-data": {"schema": form},
        },
    }
