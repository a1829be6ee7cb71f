"""The application: routes with their description, behind the middleware."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from askattend.serving.bodies import invalid, require_json
from askattend.serving.description import describe, responses
from askattend.serving.middleware import IMAGE, REQUEST_ID, Guarded, Observed, request_id
from askattend.serving.misrouted import misrouted
from askattend.serving.page import load_page
from askattend.serving.problems import problem_response
from askattend.serving.routes import Routes
from askattend.serving.schemas import (
    Answers,
    Questions,
    Runs,
    Status,
    TraceQuestion,
    UploadedImage,
)
from askattend.serving.service import Service
from askattend.serving.sites import Sites

_ABOUT = """Ask questions about images, and see where the network looked.

Upload an image once, and ask it any number of questions: further ones take milliseconds."""


def make_app(
    service: Service,
    *,
    token: str | None = None,
    cors_origins: Sequence[str] = (),
    hosts: frozenset[str] | None = None,
) -> FastAPI:
    """Make the application of a service.

    Args:
        service: what answers.
        token: what a client must know; None where anybody may ask.
        cors_origins: other sites whose pages may ask, such as ``https://example.org``.
        hosts: names that a request may be addressed to; None where any will do. See `Sites`.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.start()
        tidying = asyncio.create_task(service.tidy())
        yield
        tidying.cancel()
        service.stop()

    # FastAPI's own pages of documentation load scripts from elsewhere.
    app = FastAPI(
        title="askattend",
        version=version("askattend"),
        description=_ABOUT,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    _add_routes(app, Routes(service, load_page()))
    app.add_exception_handler(HTTPException, _explain)
    app.add_exception_handler(RequestValidationError, _explain_invalid)
    secret = None if token is None else token.encode()
    # The last one added is the outermost.
    sites = Sites(hosts, tuple(cors_origins))
    app.add_middleware(Guarded, service=service, token=secret, sites=sites)
    if cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(cors_origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type", REQUEST_ID],
            expose_headers=[REQUEST_ID, "Retry-After"],
        )
    app.add_middleware(Observed, service=service)
    describe(app, needs_token=token is not None)
    return app


def _add_routes(app: FastAPI, routes: Routes) -> None:
    def add(method: str, path: str, endpoint: Any, *refusals: int, **more: Any) -> None:
        app.add_api_route(path, endpoint, methods=[method], responses=responses(*refusals), **more)

    image, body = IMAGE, {"dependencies": [Depends(require_json)]}
    add("GET", "/v1/runs", routes.runs, 429, 503, response_model=Runs)
    add("POST", "/v1/images", routes.upload, 413, 415, 422, 503, 429, **_UPLOAD)
    add("POST", f"{image}/ask", routes.ask, *_ASKED, response_model=Answers, **body)
    add("POST", "/v1/ask", routes.ask_at_once, *_ASKED, response_model=Answers)
    add("POST", f"{image}/trace", routes.trace, *_ASKED, **body)
    add("DELETE", image, routes.forget, 404, 503, 429, status_code=204)
    add("GET", "/healthz", routes.healthz, 503, response_model=Status)
    add("GET", "/readyz", routes.readyz, 503, response_model=Status)
    add("GET", "/metrics", routes.metrics, response_class=PlainTextResponse)
    add("GET", "/", routes.page, response_class=HTMLResponse)


_ASKED = (400, 404, 413, 415, 422, 429, 503)
_UPLOAD: Any = {"response_model": UploadedImage, "status_code": 201}


async def _explain(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    error = misrouted(error, request.method, request.url.path)
    return problem_response(error, request_id(request.scope))


async def _explain_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    kind = TraceQuestion if request.url.path.endswith("/trace") else Questions
    return problem_response(invalid(error.errors(), kind), request_id(request.scope))
