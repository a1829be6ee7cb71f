"""A model hub on loopback: it answers what huggingface-hub asks to fill and fetch a repository."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CONVERTED = "refs/convert/parquet"


@dataclass
class Hub:
    """What the hub holds.

    Attributes:
        address: of its root.
        files: repository → path → content.
        data_sets: repository → revision → path → content.
        private: repositories whose files only a token opens.
        tokens: what came with each request.
        asked: path of each request.
    """

    address: str = ""
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    data_sets: dict[str, dict[str, dict[str, bytes]]] = field(default_factory=dict)
    private: set[str] = field(default_factory=set)
    tokens: set[str | None] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def commit_of(self, revision: str) -> str:
        """A commit, another for each revision."""
        return COMMIT if revision == "main" else hashlib.sha1(revision.encode()).hexdigest()


@contextmanager
def running_hub() -> Iterator[Hub]:
    """Run a hub for the length of the block."""
    hub = Hub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        path = urlsplit(self.path).path
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.hub.tokens.add(self.headers["Authorization"])
        if path == "/api/repos/create":
            told = json.loads(body)
            name = "/".join(filter(None, (told.get("organization"), told["name"])))
            self.hub.files.setdefault(name, {})
            if told.get("private") or told.get("visibility") == "private":
                self.hub.private.add(name)
            return self._json({"url": f"{self.hub.address}/{name}"})
        if path == "/api/validate-yaml":
            return self._json({"warnings": [], "errors": []})
        parts = path.split("/")
        name = f"{parts[3]}/{parts[4]}"
        if "preupload" in path:
            files = [file["path"] for file in json.loads(body)["files"]]
            modes = [
                {"path": file, "uploadMode": "regular", "shouldIgnore": False} for file in files
            ]
            return self._json({"files": modes})
        for line in body.splitlines():
            operation = json.loads(line)
            if operation["key"] == "file":
                value = operation["value"]
                self.hub.files[name][value["path"]] = base64.b64decode(value["content"])
        return self._json({"commitUrl": f"{self.hub.address}/{name}/commit/x", "commitOid": COMMIT})

    def do_GET(self) -> None:
        self._answer(with_content=True)

    def do_HEAD(self) -> None:
        self._answer(with_content=False)

    def _answer(self, *, with_content: bool) -> None:
        self.hub.tokens.add(self.headers["Authorization"])
        # A revision may hold slashes, which its address has not.
        parts = [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]
        self.hub.asked.append("/".join(parts))
        if parts[:2] in (["api", "models"], ["api", "datasets"]):
            name, more = "/".join(parts[2:4]), parts[4:]
            revision = more[1] if more[:1] in (["revision"], ["tree"]) else "main"
            files = self._files(parts[1], name, revision)
            return self._repository(name, files, revision, asks_files="tree" in more[:1])
        kind = "datasets" if parts[0] == "datasets" else "models"
        parts = parts[1:] if kind == "datasets" else parts
        name, revision, file = "/".join(parts[:2]), "".join(parts[3:4]), "/".join(parts[4:])
        content = (self._files(kind, name, revision) or {}).get(file)
        if content is None or self._is_closed(name):
            return self._refuse()
        etag = hashlib.sha1(content).hexdigest()
        commit = self.hub.commit_of(self._branch(revision))
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": commit}
        self._send(content if with_content else b"", headers, length=len(content))

    def _files(self, kind: str, name: str, revision: str) -> dict[str, bytes] | None:
        if kind == "models":
            return self.hub.files.get(name)
        return self.hub.data_sets.get(name, {}).get(self._branch(revision))

    def _branch(self, revision: str) -> str:
        """The branch that a revision is, or the last commit of."""
        commits = {self.hub.commit_of(each): each for each in ("main", CONVERTED)}
        return commits.get(revision, revision)

    def _repository(
        self, name: str, files: dict[str, bytes] | None, revision: str, *, asks_files: bool
    ) -> None:
        if files is None or self._is_closed(name):
            return self._refuse()
        listed = [{"rfilename": file} for file in files]
        if asks_files:  # api/models/NAME/tree/main
            tree = [
                {"type": "file", "path": file, "size": len(content), "oid": "0" * 40}
                for file, content in files.items()
            ]
            return self._json(tree)
        self._json(
            {"id": name, "sha": self.hub.commit_of(self._branch(revision)), "siblings": listed}
        )

    def _is_closed(self, name: str) -> bool:
        return name in self.hub.private and not self.headers["Authorization"]

    def _refuse(self) -> None:
        self._send(b"{}", {"X-Error-Code": "RepoNotFound"}, status=404)

    def _json(self, value: Any) -> None:
        self._send(json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(
        self, content: bytes, headers: dict[str, str], *, length: int = -1, status: int = 200
    ) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content) if length < 0 else length))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        pass
