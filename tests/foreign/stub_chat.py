"""A server on loopback that chats about pictures as llama.cpp's does, and misbehaves if told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

PATH = "/v1/chat/completions"


@dataclass
class Chat:
    """What the server does.

    Attributes:
        url: of its root.
        says: makes an answer of what was asked.
        troubles: status, headers and body of the next requests, one each; None lets one through.
        asked: body of each request that was answered.
        tokens: what came with each request.
    """

    url: str = ""
    says: Callable[[str], Any] = lambda text: text
    troubles: list[tuple[int, dict[str, str], bytes] | None] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    tokens: set[str | None] = field(default_factory=set)


@contextmanager
def running_chat() -> Iterator[Chat]:
    """Run a server for the length of the block."""
    chat = Chat()
    handler = type("Handler", (_Handler,), {"chat": chat, "lock": Lock()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    chat.url = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield chat
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    chat: Chat
    lock: Lock

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.lock:
            self.chat.tokens.add(self.headers["Authorization"])
            trouble = self.chat.troubles.pop(0) if self.chat.troubles else None
            if trouble is None and self.path == PATH:
                self.chat.asked.append(body)
        if trouble is not None:
            return self._send(*trouble)
        if self.path != PATH:
            return self._send(404, {}, b'{"error": {"message": "no such path"}}')
        text = next(p["text"] for p in body["messages"][0]["content"] if p["type"] == "text")
        message = {"role": "assistant", "content": self.chat.says(text)}
        self._send(200, {}, json.dumps({"choices": [{"index": 0, "message": message}]}).encode())

    def _send(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        pass
