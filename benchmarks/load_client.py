"""A client that keeps to its timetable, and sends something bad now and then."""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from threading import Event
from typing import Any

from benchmarks.load_truth import Truth

# Of twenty requests one is bad.
BAD_SHARE = 0.05
# Questions about an image after its first.
FURTHER = 9
_TIMEOUT = 30.0
_JSON = "application/json"


@dataclass(frozen=True)
class Outcome:
    """The outcome of a request.

    Attributes:
        kind: ``"first"`` (an upload and its question), ``"further"`` or ``"bad"``.
        seconds: from when it was due to its answer.
        said: ``"right"``, ``"refused"`` (of a bad one), a status, ``"closed"``, or what was wrong.
    """

    kind: str
    seconds: float
    said: str

    @property
    def good(self) -> bool:
        """True where it is as it should be."""
        return self.said == ("refused" if self.kind == "bad" else "right")


class Client:
    """Asks about one image after another.

    Args:
        port: where the service is.
        truth: what is asked, and what is right.
        chance: what it asks when.
    """

    def __init__(self, port: int, truth: Truth, chance: random.Random) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
        self._truth, self._chance = truth, chance
        self._image, self._image_id, self._asked = 0, "", FURTHER

    def run(self, interval: float, stop: Event) -> list[Outcome]:
        """Send a request every so many seconds until told to stop; return what came of each."""
        outcomes: list[Outcome] = []
        due = time.monotonic() + self._chance.random() * interval
        while not stop.wait(max(0.0, due - time.monotonic())):
            outcomes.append(self._one(due))
            due += interval
        self._connection.close()
        return outcomes

    def _one(self, due: float) -> Outcome:
        kind, call = "further", self._further
        if self._chance.random() < BAD_SHARE:
            kind, call = "bad", self._bad
        elif self._asked >= FURTHER or not self._image_id:
            kind, call = "first", self._first
        try:
            said = call()
        except TimeoutError:
            said = "hung"
            self._connection.close()
        except (HTTPException, OSError):
            said = "closed"
            self._connection.close()
        if said not in ("right", "refused"):
            self._image_id = ""  # begin anew with an image
        return Outcome(kind, time.monotonic() - due, said)

    def _first(self) -> str:
        self._image, self._asked = self._chance.randrange(len(self._truth.images)), 0
        content = self._truth.images[self._image]
        status, body = self._send("POST", "/v1/images", content, "image/jpeg")
        if status != 201:
            return str(status)
        self._image_id = str(body["id"])
        return self._question()

    def _further(self) -> str:
        self._asked += 1
        return self._question()

    def _question(self) -> str:
        number = self._chance.randrange(len(self._truth.questions))
        asked = {"question": self._truth.questions[number], "attention": "array"}
        path = f"/v1/images/{self._image_id}/ask"
        status, body = self._send("POST", path, json.dumps(asked).encode(), _JSON)
        if status != 200:
            return str(status)
        (answer,) = body["answers"]
        right = self._truth.is_right(self._image, number, answer)
        return "right" if right else f"{asked['question']} {answer['answer']}"

    def _bad(self) -> str:
        """Send what must be refused: no image, half an image, no JSON, too long, unknown."""
        good = self._truth.images[0]
        path, content, kind = self._chance.choice(
            [
                ("/v1/images", b"hello", "image/png"),
                ("/v1/images", good[: len(good) // 2], "image/jpeg"),
                ("/v1/images", good, "text/html"),
                ("/v1/images/nowhere/ask", b'{"question": "red"}', _JSON),
                ("/v1/ask", b"{", _JSON),
                ("/v1/ask", json.dumps({"image": "", "question": "a" * 10_000}).encode(), _JSON),
            ]
        )
        status, _ = self._send("POST", path, content, kind)
        return "refused" if 400 <= status < 500 else str(status)

    def _send(self, method: str, path: str, body: bytes, content_type: str) -> tuple[int, Any]:
        self._connection.request(method, path, body, {"Content-Type": content_type})
        response = self._connection.getresponse()
        content = response.read()
        return response.status, json.loads(content)
