"""The client: a service answers as the predictor does."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import torch
from PIL import Image

from askattend.client import Client
from askattend.errors import ConfigError, ImageError, ServiceError
from askattend.runs.predictor import Predictor
from serving.services import serving


@contextmanager
def answered_by(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """A server of somebody else's; its URL."""
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


class Moody(BaseHTTPRequestHandler):
    """Is busy twice, then answers once and closes, then answers with something else."""

    def do_GET(self) -> None:
        calls = self.server.calls = getattr(self.server, "calls", 0) + 1  # type: ignore[attr-defined]
        status = {1: 503, 2: 429, 3: 200}.get(calls, 502)
        body = b'{"runs": []}' if status == 200 else b"<html>"
        self.send_response(status)
        self.send_header("Retry-After", "0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def url(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("service")
    (folder / "token").write_text("s3cret")
    runs = (trained / "runs" / "saaa", trained / "runs" / "san")
    with serving(folder, *runs, "--token-file", folder / "token") as process:
        yield process.url


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    with Client(url, "s3cret") as client:
        yield client


@pytest.fixture(scope="module")
def predictor(run: Path) -> Predictor:
    return Predictor.load(run)


def test_it_answers_as_the_predictor_does(
    client: Client, predictor: Predictor, trained: Path
) -> None:
    file = trained / "square 1.png"
    scene, local = client.look(file), predictor.look(file)
    edited = torch.tensor([[[1.0, 0], [0, 1]], [[0, 2], [0, 0]]])
    questions = ["is it red?", "is it a zebra?", "What colour is it?"]
    pairs = [
        *zip(scene.ask_all(questions), local.ask_all(questions), strict=True),
        (scene.ask("is it red?", top=2), local.ask("is it red?", top=2)),
        (scene.ask("red", edited=edited), local.ask("red", edited=edited)),
        (scene.ask("red", edited=[edited[0], None]), local.ask("red", edited=[edited[0], None])),
    ]
    for far, near in pairs:
        assert (far.question, far.text, far.sure) == (near.question, near.text, near.sure)
        assert far.unknown_words == near.unknown_words
        assert dict(far.top) == pytest.approx(dict(near.top), abs=1e-3)
        assert torch.allclose(far.attention, near.attention, atol=1e-3)
    for far_word, near_word in zip(
        scene.word_effects(questions[0]), local.word_effects(questions[0]), strict=True
    ):
        assert (far_word.text, far_word.start) == (near_word.text, near_word.start)
        assert far_word.drop == pytest.approx(near_word.drop, abs=1e-3)
    assert scene.seen == local.seen
    assert scene.ask_all([]) == []


def test_another_run_answers(url: str, trained: Path) -> None:
    with Client(f"{url}/", "s3cret", run="san") as client:
        assert [run["id"] for run in client.runs()] == ["saaa", "san"]
        answer = client.look(trained / "square 1.png").ask("is it red?")
    expected = Predictor.load(trained / "runs" / "san").look(trained / "square 1.png")
    assert answer.probability == pytest.approx(expected.ask("is it red?").probability, abs=1e-3)


def test_an_image_is_the_same_however_it_comes(client: Client, trained: Path) -> None:
    file = trained / "square 2.png"
    with Image.open(file) as image:
        image.load()
    tiff = BytesIO()
    image.save(tiff, "TIFF")
    sources = (file, str(file), file.read_bytes(), image, np.asarray(image), tiff.getvalue())
    answers = {client.look(source).ask("is it red?").probability for source in sources}
    assert len(answers) == 1


def test_a_scene_outlives_the_image_that_is_kept(client: Client, trained: Path) -> None:
    scene = client.look(trained / "square 0.png")
    before, first_id = scene.ask("is it red?"), scene.id
    scene.forget()
    assert scene.ask("is it red?").probability == before.probability
    assert scene.id != first_id


def test_refusals_say_what_where_and_what_to_do(client: Client, url: str, trained: Path) -> None:
    scene = client.look(trained / "square 0.png")
    with pytest.raises(ServiceError, match="has no word in it") as caught:
        scene.ask("...")
    assert (caught.value.status, caught.value.where) == (422, "questions.0")
    assert len(caught.value.request_id) == 16
    with Client(url) as unknown, pytest.raises(ServiceError, match="no token") as caught:
        unknown.look(trained / "square 0.png")
    assert caught.value.status == 401
    with Client(url, "s3cret", run="sanu") as mistaken:
        scene = mistaken.look(trained / "square 0.png")
        with pytest.raises(ServiceError, match="Did you mean 'san'"):
            scene.ask("red")
    with pytest.raises(ImageError, match="no such file"):
        client.look(trained / "nowhere.png")
    with pytest.raises(ImageError, match="not an image"):
        client.look(trained / "squares.csv")


def test_many_questions_go_in_several_requests(client: Client, trained: Path) -> None:
    questions = [f"is it red {'or blue ' * (number % 3)}{number}?" for number in range(70)]
    answers = client.look(trained / "square 0.png").ask_all(questions)
    assert [answer.question for answer in answers] == questions


@pytest.mark.parametrize(
    "url",
    [
        *("", "localhost:7860", "ftp://example.org", "http://", "http://127.0.0.1:99999"),
        *("http://127.0.0.1:x", "http://[::1", "http://two words:7860"),
    ],
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="not the URL of a service"):
        Client(url)


@pytest.mark.parametrize("token", ["", "s3crét", "two\nlines", "s3cret\n"])
def test_a_token_that_no_header_can_carry_is_refused(token: str) -> None:
    with pytest.raises(ConfigError, match="token: a header cannot carry it"):
        Client("http://127.0.0.1:9", token)


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (301, b"", r"is somewhere else \(status 301\)"),
        (302, b"<html>", r"is somewhere else \(status 302\)"),
        (200, b"<!doctype html>", "something else than JSON"),
        (200, b"\xff", "something else than JSON"),
        (200, b"[]", "without 'runs'"),
        (200, b'{"other": 1}', "without 'runs'"),
        (200, b"", "without 'runs'"),
        (404, b"<html>", "refused with status 404"),
        (500, b'"no"', "refused with status 500"),
    ],
)
def test_what_is_no_such_service_is_told(status: int, body: bytes, message: str) -> None:
    class Other(Moody):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with answered_by(Other) as url, Client(url) as client:
        with pytest.raises(ServiceError, match=message) as caught:
            client.runs()
        assert caught.value.status == status
        assert str(caught.value).startswith(url)
        assert "askattend serve" in str(caught.value)


def test_a_service_that_never_answers_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with Client(url, timeout=0.2) as client, pytest.raises(ServiceError, match="timed out"):
            client.runs()


def test_nobody_there(trained: Path) -> None:
    with pytest.raises(ServiceError, match="askattend serve is running") as caught:
        Client("http://127.0.0.1:9", timeout=5).look(trained / "square 0.png")
    assert caught.value.status == 0


def test_a_busy_service_is_asked_again_and_a_closed_connection_opened_anew() -> None:
    with answered_by(Moody) as url, Client(url) as client:
        assert client.runs() == []
        with pytest.raises(ServiceError, match="refused with status 502"):
            client.runs()
