"""A client of a service (``askattend serve``), with the predictor's own methods."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import quote, urlsplit

import torch
from PIL import Image

from askattend.errors import ConfigError, ServiceError
from askattend.features.geometry import Crop
from askattend.features.images import Source, open_image
from askattend.runs.answer import Answer
from askattend.runs.asking import answers_to_list, one_question, several_questions
from askattend.runs.word_effects import WordEffect

_JSON, _BYTES = "application/json", "application/octet-stream"
# Beginnings of files that a service reads as they are; others are sent as PNG.
_READ = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"GIF8", b"BM")
# Asked where no answer is wanted.
ANY_QUESTION = "what is it?"
_BUSY, _GONE = (429, 503), 404


class Client:
    """A service somewhere else, which looks and answers as a `Predictor` does.

    It may be used by several threads; their requests go one after the other. One connection is
    kept open: `close` it, or use the client in a ``with`` block.

    Args:
        url: where the service is: ``"http://127.0.0.1:7860"``.
        token: what its ``--token-file`` holds, if it has one.
        run: which of its runs answers; the first by default.
        timeout: seconds to wait for an answer, and for a service that is busy.

    Raises:
        ConfigError: the URL is none.
    """

    def __init__(
        self, url: str, token: str | None = None, *, run: str | None = None, timeout: float = 60.0
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            remedy = "Write it as http://127.0.0.1:7860."
            raise ConfigError(f"'{url}' is not the URL of a service", where="url", remedy=remedy)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._connection = kind(parts.hostname, parts.port, timeout=timeout)
        self._base, self._lock, self._timeout = parts.path.rstrip("/"), Lock(), timeout
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self.url, self.run = url, run

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; a further request opens a new one."""
        self._connection.close()

    def runs(self) -> list[dict[str, Any]]:
        """Return what the service tells of each of its runs.

        Raises:
            ServiceError: it refuses, or cannot be reached.
        """
        runs: list[dict[str, Any]] = self.request("GET", "/v1/runs")["runs"]
        return runs

    def look(self, image: Source) -> RemoteScene:
        """Upload an image, so that any number of questions can be asked about it.

        Args:
            image: a path, a file's bytes, a PIL image, or an array (height × width × channels).

        Raises:
            ImageError: the image is missing, truncated or not an image.
            ServiceError: the service refuses it, or cannot be reached.
        """
        return RemoteScene(self, _file_of(image))

    def upload(self, content: bytes) -> str:
        """Upload an image's file; return its id."""
        return str(self.request("POST", "/v1/images", content, _BYTES)["id"])

    def request(
        self, method: str, path: str, body: bytes | None = None, content_type: str = _JSON
    ) -> Any:
        """Send a request, again where the service is busy; return the JSON that it answers with.

        Raises:
            ServiceError: the service refuses, stays busy, or cannot be reached.
        """
        deadline = time.monotonic() + self._timeout
        headers = {**self._headers, **({} if body is None else {"Content-Type": content_type})}
        while True:
            status, retry_after, content = self._send(method, path, body, headers)
            if status < 400:
                return json.loads(content) if content else None
            if status not in _BUSY or time.monotonic() + retry_after > deadline:
                raise _refused(status, content)
            time.sleep(retry_after)

    def _send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, float, bytes]:
        """Return a response's status, the seconds to wait before another try, and the body."""
        with self._lock:
            # A connection that was kept may have been closed meanwhile: a second one is new.
            for may_be_stale in (self._connection.sock is not None, False):
                try:
                    self._connection.request(method, f"{self._base}{path}", body, dict(headers))
                    response = self._connection.getresponse()
                    return response.status, _retry_after(response), response.read()
                except (HTTPException, OSError) as error:
                    self._connection.close()
                    if not may_be_stale or isinstance(error, TimeoutError):
                        raise self._unreachable(error) from error
        raise AssertionError("the second try either returns or raises")

    def _unreachable(self, error: Exception) -> ServiceError:
        problem = f"does not answer ({str(error) or type(error).__name__})"
        remedy = "Check that askattend serve is running there."
        return ServiceError(problem, where=self.url, remedy=remedy)


@dataclass
class RemoteScene:
    """An image that a service has looked at."""

    _client: Client = field(repr=False)
    _content: bytes = field(repr=False)

    def __post_init__(self) -> None:
        self.id = self._client.upload(self._content)

    def ask(self, question: str, *, top: int = 5, edited: Any = None) -> Answer:
        """Answer one question; see `Scene.ask`.

        Raises:
            DataError: the question is not one.
            ServiceError: the service refuses, or cannot be reached.
        """
        return self.ask_all([one_question(question)], top=top, edited=edited)[0]

    def ask_all(
        self, questions: Iterable[str], *, top: int = 5, edited: Any = None
    ) -> list[Answer]:
        """Answer several questions in one request; see `Scene.ask_all`.

        Raises:
            DataError: the questions are no list of texts.
            ServiceError: the service refuses, or cannot be reached.
        """
        listed, top = several_questions(questions), answers_to_list(top)
        if not listed:
            return []
        sent = self._answers(listed, top=top, edited_attention=_as_lists(edited))
        left, top_edge, right, bottom = sent["seen"]
        seen = (left, top_edge, right, bottom)
        return [replace(_answer(each), image=self.image, seen=seen) for each in sent["answers"]]

    def word_effects(self, question: str) -> list[WordEffect]:
        """Measure how much the answer's probability falls without each word; see `Scene`.

        Raises:
            ServiceError: the service refuses, or cannot be reached.
        """
        (answer,) = self._answers([one_question(question)], words=True)["answers"]
        return [WordEffect(**effect) for effect in answer["words"]]

    @cached_property
    def image(self) -> Image.Image:
        """The picture, upright, RGB."""
        return open_image(self._content)

    @cached_property
    def seen(self) -> Crop:
        """The part of the image that the backbone saw, which attention maps lie over."""
        left, top, right, bottom = self._answers([ANY_QUESTION])["seen"]
        return left, top, right, bottom

    def forget(self) -> None:
        """Let the service forget the image at once."""
        self._client.request("DELETE", self._path())

    def _answers(self, questions: Sequence[str], **options: Any) -> Any:
        asked = {"questions": list(questions), "run": self._client.run, "attention": "array"}
        body = json.dumps({**asked, **options}).encode()
        try:
            return self._client.request("POST", f"{self._path()}/ask", body)
        except ServiceError as error:
            if error.status != _GONE:
                raise
            # The service keeps images for a while; a scene is kept for as long as it is needed.
            self.id = self._client.upload(self._content)
            return self._client.request("POST", f"{self._path()}/ask", body)

    def _path(self) -> str:
        return f"/v1/images/{quote(self.id, safe='')}"


def _answer(sent: Mapping[str, Any]) -> Answer:
    return Answer(
        question=sent["question"],
        text=sent["answer"],
        probability=sent["probability"],
        top=tuple((each["answer"], each["probability"]) for each in sent["top"]),
        attention=torch.tensor(sent["attention"]["values"]),
        sure=sent["sure"],
        unknown_words=tuple(sent["unknown_words"]),
    )


def _as_lists(edited: Any) -> Any:
    """Return edited maps as JSON has them: the numbers of tensors, arrays or lists of these."""
    if hasattr(edited, "tolist"):
        return edited.tolist()
    return [_as_lists(each) for each in edited] if isinstance(edited, list | tuple) else edited


def _file_of(image: Source) -> bytes:
    """Return an image's file: its own where a service reads it, else a PNG of the same pixels."""
    content = image
    if isinstance(image, str | Path) and Path(image).is_file():
        content = Path(image).read_bytes()
    if isinstance(content, bytes) and content.startswith(_READ):
        return content
    encoded = BytesIO()
    open_image(image).save(encoded, "PNG")
    return encoded.getvalue()


def _retry_after(response: HTTPResponse) -> float:
    given = response.headers.get("Retry-After", "1")
    return float(given) if given.isdigit() else 1.0


def _refused(status: int, content: bytes) -> ServiceError:
    try:
        problem = json.loads(content)
        detail, request_id = str(problem["detail"]), str(problem["request_id"])
    except (ValueError, KeyError, TypeError):  # a proxy in between may answer in its own words
        return ServiceError(f"refused with status {status}", status=status)
    return ServiceError(
        detail,
        where=problem.get("where"),
        remedy=problem.get("remedy") or "",
        status=status,
        request_id=request_id,
    )
