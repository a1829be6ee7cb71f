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
_RUNNING = "Check that askattend serve is running there."
_BUSY, _GONE = (429, 503), 404
# Questions a request: as many as a service takes that was not told otherwise.
AT_ONCE = 32


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
        ConfigError: the URL is none, or a header cannot carry the token.
    """

    def __init__(
        self, url: str, token: str | None = None, *, run: str | None = None, timeout: float = 60.0
    ) -> None:
        self._connection, self._base = _connection_to(url, timeout)
        self._lock, self._timeout = Lock(), timeout
        self._headers = {} if token is None else {"Authorization": f"Bearer {_checked(token)}"}
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
        runs: list[dict[str, Any]] = self.field("runs", self.request("GET", "/v1/runs"))
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
        return str(self.field("id", self.request("POST", "/v1/images", content, _BYTES)))

    def request(
        self, method: str, path: str, body: bytes | None = None, content_type: str = _JSON
    ) -> Any:
        """Send a request, again where the service is busy; return the JSON that it answers with.

        Raises:
            ServiceError: the service refuses, stays busy, cannot be reached, or is no such service.
        """
        deadline = time.monotonic() + self._timeout
        headers = {**self._headers, **({} if body is None else {"Content-Type": content_type})}
        while True:
            status, retry_after, content = self._send(method, path, body, headers)
            if status < 300:
                return self._parsed(status, content)
            if status < 400:
                raise self._no_service(f"is somewhere else (status {status})", status)
            if status not in _BUSY or time.monotonic() + retry_after > deadline:
                raise _refused(status, content, self.url)
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
                except (HTTPException, OSError, UnicodeError) as error:
                    self._connection.close()
                    if not may_be_stale or isinstance(error, TimeoutError):
                        raise self._unreachable(error) from error
        raise AssertionError("the second try either returns or raises")

    def _parsed(self, status: int, content: bytes) -> Any:
        try:
            return json.loads(content) if content else None
        except ValueError:
            raise self._no_service("answers with something else than JSON", status) from None

    def field(self, name: str, sent: Any) -> Any:
        """Return a field of what a service sent.

        Raises:
            ServiceError: there is none, so that it is another service.
        """
        if isinstance(sent, dict) and name in sent:
            return sent[name]
        raise self._no_service(f"answers with something else, without '{name}'", 200)

    def _no_service(self, problem: str, status: int) -> ServiceError:
        remedy = "Name the address that askattend serve is at, with its scheme and its path if any."
        return ServiceError(problem, where=self.url, remedy=remedy, status=status)

    def _unreachable(self, error: Exception) -> ServiceError:
        problem = f"does not answer ({str(error) or type(error).__name__})"
        return ServiceError(problem, where=self.url, remedy=_RUNNING)


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
        """Answer several questions, 32 a request; see `Scene.ask_all`.

        Raises:
            DataError: the questions are no list of texts.
            ServiceError: the service refuses, or cannot be reached.
        """
        listed, top = several_questions(questions), answers_to_list(top)
        answers: list[Answer] = []
        for first in range(0, len(listed), AT_ONCE):
            part = listed[first : first + AT_ONCE]
            sent = self._asked(part, top=top, edited_attention=_as_lists(edited))
            found = self._client.field("answers", sent)
            left, upper, right, lower = self._client.field("seen", sent)
            known: dict[str, Any] = {"image": self.image, "seen": (left, upper, right, lower)}
            answers += [replace(_answer(each), **known) for each in found]
        return answers

    def word_effects(self, question: str) -> list[WordEffect]:
        """Measure how much the answer's probability falls without each word; see `Scene`.

        Raises:
            ServiceError: the service refuses, or cannot be reached.
        """
        (answer,) = self._answers([one_question(question)], words=True)
        return [WordEffect(**effect) for effect in answer["words"]]

    @cached_property
    def image(self) -> Image.Image:
        """The picture, upright, RGB."""
        return open_image(self._content)

    @cached_property
    def seen(self) -> Crop:
        """The part of the image that the backbone saw, which attention maps lie over."""
        left, top, right, bottom = self._client.field("seen", self._asked([ANY_QUESTION]))
        return left, top, right, bottom

    def forget(self) -> None:
        """Let the service forget the image at once."""
        self._client.request("DELETE", self._path())

    def _answers(self, questions: Sequence[str], **options: Any) -> Any:
        return self._client.field("answers", self._asked(questions, **options))

    def _asked(self, questions: Sequence[str], **options: Any) -> Any:
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


def _connection_to(url: str, timeout: float) -> tuple[HTTPConnection, str]:
    """Return a connection that is not yet made, and the path that all others begin with.

    Raises:
        ConfigError: it is not the URL of a service.
    """
    why = ""
    try:
        parts = urlsplit(url)
        kind = {"http": HTTPConnection, "https": HTTPSConnection}.get(parts.scheme)
        if kind is not None and parts.hostname:
            connection = kind(parts.hostname, parts.port, timeout=timeout)
            return connection, parts.path.rstrip("/")
    except (ValueError, HTTPException) as error:  # such as a port or a name that cannot be
        why = f" ({error})"
    remedy = "Write it as http://127.0.0.1:7860."
    raise ConfigError(f"'{url}' is not the URL of a service{why}", where="url", remedy=remedy)


def _checked(token: str) -> str:
    if token and token.isascii() and token.isprintable():
        return token
    remedy = "Give what the service's --token-file holds, without the end of its line."
    raise ConfigError("a header cannot carry it", where="token", remedy=remedy)


def _answer(sent: Mapping[str, Any]) -> Answer:
    return Answer(
        question=sent["question"],
        text=sent["answer"],
        probability=sent["probability"],
        top=tuple((each["answer"], each["probability"]) for each in sent["top"]),
        attention=torch.tensor(sent["attention"]["values"]),
        sure=sent["sure"],
        unknown_words=tuple(sent["unknown_words"]),
        unlike_training=sent["unlike_training"],
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


def _refused(status: int, content: bytes, url: str) -> ServiceError:
    try:
        problem = json.loads(content)
        detail, request_id = str(problem["detail"]), str(problem["request_id"])
    except (ValueError, KeyError, TypeError):  # a proxy in between may answer in its own words
        problem = f"refused with status {status}"
        return ServiceError(problem, where=url, remedy=_RUNNING, status=status)
    return ServiceError(
        detail,
        where=problem.get("where"),
        remedy=problem.get("remedy") or "",
        status=status,
        request_id=request_id,
    )
