"""Services of small trained runs, asked in this process."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from starlette.testclient import TestClient

from askattend.serving.app import make_app
from askattend.serving.jobs import Call
from askattend.serving.runs import ServedRun, load_runs
from askattend.serving.service import Service
from askattend.serving.settings import ServingLimits

Start = Callable[..., "Asked"]


class Asked:
    """A service that runs in this process, and a client of it."""

    def __init__(self, service: Service, client: TestClient) -> None:
        self.service, self.client = service, client

    def upload(self, file: Path) -> str:
        response = self.client.post("/v1/images", content=file.read_bytes())
        assert response.status_code == 201, response.text
        return str(response.json()["id"])

    def ask(self, image_id: str, *questions: str, **options: Any) -> Any:
        response = self.client.post(
            f"/v1/images/{image_id}/ask", json={"questions": questions, **options}
        )
        assert response.status_code == 200, response.text
        return response.json()

    def hold(self) -> Event:
        """Keep the worker busy until the event that this returns is set."""
        held, release = Event(), Event()

        def wait() -> None:
            held.set()
            release.wait(30)

        self.service.worker.submit(Call(wait))
        assert held.wait(30)
        return release


@pytest.fixture(scope="session")
def served(trained: Path) -> list[ServedRun]:
    """Runs of both networks, loaded."""
    return load_runs([trained / "runs" / "saaa", trained / "runs" / "san"])


@pytest.fixture
def start(served: list[ServedRun]) -> Iterator[Start]:
    """Start a service with limits of its own: ``start(queue=1)``."""
    with ExitStack() as stack:

        def start_one(
            token: str | None = None,
            cors_origins: tuple[str, ...] = (),
            hosts: frozenset[str] | None = None,
            **limits: Any,
        ) -> Asked:
            service = Service(served, ServingLimits(**limits))
            app = make_app(service, token=token, cors_origins=cors_origins, hosts=hosts)
            client = stack.enter_context(TestClient(app, raise_server_exceptions=False))
            wait_until(lambda: client.get("/readyz").status_code == 200)
            return Asked(service, client)

        yield start_one


@pytest.fixture
def asked(start: Start) -> Asked:
    """A service with the usual limits."""
    return start()


def wait_until(condition: Callable[[], bool], *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


class Opened:
    """Files that Python opens while it is told to watch."""

    def __init__(self) -> None:
        self.watching, self.paths = False, list[str]()
        sys.addaudithook(self._note)

    def _note(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.watching and event in ("open", "socket.connect", "subprocess.Popen"):
            self.paths.append(f"{event} {arguments[0]} {arguments[1:]}")


@pytest.fixture(scope="session")
def audit() -> Opened:
    # A hook cannot be taken away again, so there is but one.
    return Opened()


@pytest.fixture
def opened(audit: Opened) -> Iterator[list[str]]:
    """What this process opens or connects to while a test runs."""
    audit.watching, audit.paths = True, []
    yield audit.paths
    audit.watching = False
