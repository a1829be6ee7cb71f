"""The routes: what is read of a request, what the service does, what is sent."""

from __future__ import annotations

import time
from http import HTTPStatus

import msgspec
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from askattend.serving.bodies import (
    JSON,
    MULTIPART,
    read_form,
    read_json,
    require_type,
)
from askattend.serving.image_cache import CachedImage
from askattend.serving.images import ANY_BYTES, MEDIA_TYPES
from askattend.serving.metrics import CONTENT_TYPE
from askattend.serving.page import Page
from askattend.serving.presenting import present
from askattend.serving.problems import too_many_bytes, unavailable
from askattend.serving.questions import questions_of
from askattend.serving.schemas import (
    Questions,
    Runs,
    Status,
    TraceQuestion,
    UploadedImage,
)
from askattend.serving.service import Service


class Routes:
    """The service's routes.

    Args:
        service: does the work.
        page: the page.
    """

    def __init__(self, service: Service, page: Page) -> None:
        self._service, self._page = service, page

    async def page(self) -> Response:
        """Send the page."""
        headers = {"Content-Security-Policy": self._page.policy, "Cache-Control": "no-cache"}
        return Response(self._page.content, media_type="text/html", headers=headers)

    async def healthz(self) -> Response:
        """Say whether the process can do its work: 503 where its worker is dead or stuck."""
        if (problem := self._service.ailment) is not None:
            raise unavailable(problem)
        return as_json(Status(status="ok"))

    async def readyz(self) -> Response:
        """Say whether requests are welcome: 503 before the first answer and from the end on."""
        self._service.require_ready()
        return as_json(Status(status="ready"))

    async def metrics(self) -> Response:
        """Send what was counted, as Prometheus reads it."""
        return Response(self._service.metrics.text(), media_type=CONTENT_TYPE)

    async def runs(self) -> Response:
        """List the runs that answer; the first is asked by default."""
        runs = [run.describe() for run in self._service.runs]
        limits = self._service.limits
        return as_json(
            Runs(
                runs=runs,
                max_question_length=limits.max_question_length,
                images_expire_in=limits.cache_seconds,
            )
        )

    async def upload(self, request: Request) -> Response:
        """Keep an image for a while, to be asked about."""
        require_type(request, (*MEDIA_TYPES, ANY_BYTES), default=ANY_BYTES)
        image_id, image = await self._service.add_image(await request.body())
        width, height = image.picture.size
        uploaded = UploadedImage(
            id=image_id,
            width=width,
            height=height,
            expires_in=self._service.limits.cache_seconds,
        )
        return as_json(uploaded, HTTPStatus.CREATED)

    async def ask(self, request: Request, image_id: str, body: Questions) -> Response:
        """Answer one or several questions about an image that was uploaded."""
        return await self._answers(request, self._service.image(image_id), body)

    async def ask_at_once(self, request: Request) -> Response:
        """Answer questions about an image that comes with them, and is not kept."""
        kind = require_type(request, (JSON, MULTIPART))
        if kind == JSON:
            content, body = await self._service.read(read_json, await request.body())
        else:
            content, body = await read_form(request, self._service.limits.max_questions)
        if len(content) > self._service.limits.max_image_bytes:
            raise too_many_bytes(self._service.limits.max_image_bytes)
        # Before an image is decoded for nothing.
        self._service.check(questions_of(body, self._service.limits), body)
        image = CachedImage(await self._service.decode(content))
        return await self._answers(request, image, body)

    async def trace(self, image_id: str, body: TraceQuestion) -> Response:
        """Tell the forward pass of a question step by step, in the paper's symbols."""
        trace = await self._service.trace(self._service.image(image_id), body)
        return Response(msgspec.json.encode(trace), media_type=JSON)

    async def forget(self, image_id: str) -> Response:
        """Forget an image at once."""
        self._service.images.remove(image_id)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _answers(self, request: Request, image: CachedImage, body: Questions) -> Response:
        questions = questions_of(body, self._service.limits)
        asked = await self._service.ask(image, questions, body)
        request.state.logged = {"run": asked.run.id, "questions": len(asked.answered)}
        seconds = time.perf_counter() - request.state.arrived
        if body.attention == "png":  # pictures are drawn in a thread
            answers = await self._service.draw(present, asked, body, seconds)
        else:
            answers = present(asked, body, seconds)
        return as_json(answers)


def as_json(body: BaseModel, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Write a body that is valid as it stands."""
    return Response(body.model_dump_json(), status_code=status, media_type=JSON)
