"""A server that chats about pictures by OpenAI's interface: llama.cpp's, vLLM's, an API's."""

from __future__ import annotations

import base64
import io
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from PIL import Image

from askattend.data.questions import QASet, Question
from askattend.errors import ConfigError, ServiceError
from askattend.features.images import open_image
from askattend.files import read_whole, readable
from askattend.foreign.answer import MOST_TOKENS, SHORT, Ask, ForeignAnswer, prompt_of

_PATH = "/v1/chat/completions"
# The service is busy, restarts, or something before it does: the same may be answered later.
_LATER = (408, 409, 425, 429, 500, 502, 503, 504, 529)
_LONGEST_WAIT = 60.0
_LONGEST_ANSWER = 16 * 2**20
# What every such server reads; others are sent as PNG.
_READ = {"JPEG": "image/jpeg", "PNG": "image/png"}
_ORIENTATION = 0x0112


@dataclass(frozen=True)
class ChatServer:
    """A server, and how it is asked.

    Attributes:
        url: its root, or that of its interface: ``"http://localhost:8080"``, ``"https://…/v1"``.
        model: the name that it gives the model; ``""`` where it has one alone.
        prompt: with ``{question}`` in it.
        token: by which it knows who asks; None without.
        max_tokens: that an answer may have.
        timeout: seconds to wait for an answer.
        retries: how often the same is asked again where it is busy or not to be reached.
    """

    url: str
    model: str = ""
    prompt: str = SHORT
    token: str | None = field(default=None, repr=False)
    max_tokens: int = MOST_TOKENS
    timeout: float = 120.0
    retries: int = 5

    def __post_init__(self) -> None:
        _parts(self.url)
        token = self.token
        if token is not None and not (token and token.isascii() and token.isprintable()):
            remedy = "Give the token alone, in a line of its own."
            raise ConfigError("a header cannot carry it", where="token", remedy=remedy)

    @property
    def described(self) -> dict[str, Any]:
        """Settings without which an answer is not this server's."""
        told = {"server": self.url, "model": self.model, "prompt": self.prompt}
        return {**told, "max_tokens": self.max_tokens}

    def ask(self, questions: QASet) -> Ask:
        """Return what asks the server about these questions, from any thread."""

        def ask(group: Sequence[Question]) -> list[ForeignAnswer]:
            address = image_address(questions.images[group[0].image])
            return [ForeignAnswer(self.answer(address, question.text)) for question in group]

        return ask

    def answer(self, image: str, question: str) -> str:
        """Ask one question about an image that is written as an address of its content.

        Raises:
            ServiceError: the server refuses, stays busy, cannot be reached, or answers otherwise.
        """
        content = [
            {"type": "image_url", "image_url": {"url": image}},
            {"type": "text", "text": prompt_of(self.prompt, question)},
        ]
        asked: dict[str, Any] = {
            "messages": [{"role": "user", "content": content}],
            "max_tokens": self.max_tokens,
            "temperature": 0,
        }
        if self.model:
            asked["model"] = self.model
        return self._said(self._sent(json.dumps(asked).encode()))

    def _sent(self, body: bytes) -> bytes:
        """Send a request, again where that may help, and return what is answered."""
        for attempt in range(self.retries + 1):
            last = attempt == self.retries
            try:
                status, waiting, content = self._once(body)
            except (HTTPException, OSError) as error:
                if last:
                    raise self._unreachable(error, attempt) from error
                time.sleep(min(2.0**attempt, _LONGEST_WAIT))
                continue
            if 200 <= status < 300:
                return content
            if status not in _LATER or last:
                raise self._refused(status, content, attempt)
            time.sleep(min(2.0**attempt if waiting is None else waiting, _LONGEST_WAIT))
        raise AssertionError("the last attempt either returns or raises")

    def _once(self, body: bytes) -> tuple[int, float | None, bytes]:
        """Send a request; return its status, how long to wait before another, and what came."""
        secure, host, port, path = _parts(self.url)
        kind = HTTPSConnection if secure else HTTPConnection
        connection = kind(host, port, timeout=self.timeout)
        headers = {"Content-Type": "application/json"}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        try:
            connection.request("POST", path, body, headers)
            response = connection.getresponse()
            given = response.headers.get("Retry-After", "")
            content = response.read(_LONGEST_ANSWER)
            seconds = float(given) if given.isascii() and given.isdigit() else None
            return response.status, seconds, content
        finally:
            connection.close()

    def _said(self, content: bytes) -> str:
        try:
            message = json.loads(content)["choices"][0]["message"]["content"]
            if isinstance(message, list):
                parts = [part["text"] for part in message if part.get("type") == "text"]
                message = "".join(parts)
            if message is None:  # as where the answer's tokens went on thinking
                message = ""
            if isinstance(message, str):
                return readable(message.strip())  # half a character is in no file
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            pass
        problem = "answers with something else than OpenAI's chat completions"
        raise ServiceError(problem, where=self.url, remedy=_REMEDY, status=200)

    def _unreachable(self, error: Exception, attempt: int) -> ServiceError:
        said = str(error) or type(error).__name__
        if isinstance(error, TimeoutError):
            said = f"nothing within {self.timeout:g} s"
        problem = f"does not answer ({said}), {_times(attempt + 1)}"
        remedy = "Check that it runs there, or raise --timeout. What was answered is kept."
        return ServiceError(problem, where=self.url, remedy=remedy)

    def _refused(self, status: int, content: bytes, attempt: int) -> ServiceError:
        tried = f", {_times(attempt + 1)}" if attempt else ""
        problem = f"refuses with status {status}{tried}{_reason(content)}"
        remedy = {401: _TOKEN, 403: _TOKEN, 404: _REMEDY, 429: _FEWER}.get(status, _KEPT)
        return ServiceError(problem, where=self.url, remedy=remedy, status=status)


_KEPT = "What was answered is kept: the same command goes on from there."
_TOKEN = "Name a file with the token that it wants: --token-file FILE."
_FEWER = f"Ask fewer at once: --workers 1. {_KEPT}"
_REMEDY = (
    f"Name the root of a server that has {_PATH} and takes pictures (llama-server --mmproj …)."
)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _reason(content: bytes) -> str:
    """Return what a refusal says, in a parenthesis; nothing where that is not told."""
    try:
        told = json.loads(content)
        error = told.get("error", told)
        said = error.get("message") if isinstance(error, Mapping) else error
    except (ValueError, AttributeError, RecursionError):
        said = content[:200].decode("utf-8", errors="replace")
    text = " ".join(str(said or "").split())[:300].rstrip(".")
    return f" ({text})" if text else ""


def _parts(url: str) -> tuple[bool, str, int | None, str]:
    """Return whether it is secure, its host, port and the path of its chat.

    Raises:
        ConfigError: it is not the URL of a server, or holds a secret, which would be written down.
    """
    remedy = "Write it as http://localhost:8080."
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        (host or "").encode("idna")
    except ValueError as error:
        problem = f"'{url}' is not the URL of a server ({error})"
        raise ConfigError(problem, where="--server", remedy=remedy) from None
    if parts.username is not None or parts.query or parts.fragment:
        problem = "a name, a password or a query in the URL of a server is not sent to it"
        raise ConfigError(problem, where="--server", remedy=f"{remedy} {_TOKEN}")
    plain = url.isprintable() and parts.path.isascii() and " " not in url
    if parts.scheme not in ("http", "https") or not host or not plain:
        problem = f"'{url}' is not the URL of a server"
        raise ConfigError(problem, where="--server", remedy=remedy)
    path = parts.path.rstrip("/")
    if not path.endswith(_PATH):
        path = path.removesuffix("/v1") + _PATH
    return parts.scheme == "https", host, port, path


def image_address(file: Path) -> str:
    """Write an image's file as an address of its content, upright, in a format that all read.

    Raises:
        ImageError: it is missing, damaged or no image.
    """
    opened = open_image(file)  # which holds it to its limits
    content = read_whole(file)
    with Image.open(io.BytesIO(content)) as picture:
        kind = _READ.get(picture.format or "", "")
        upright = picture.getexif().get(_ORIENTATION, 1) == 1
        plain = picture.mode in ("RGB", "L") and not getattr(picture, "is_animated", False)
    if not (kind and upright and plain):
        encoded = io.BytesIO()
        opened.save(encoded, "PNG")
        content, kind = encoded.getvalue(), _READ["PNG"]
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
