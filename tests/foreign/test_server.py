"""Servers that chat: what is sent to them, what is waited for, and what is told."""

from __future__ import annotations

import base64
import io
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from askattend.errors import ConfigError, ImageError, ServiceError
from askattend.features.images import open_image
from askattend.foreign.server import ChatServer, image_address
from foreign.stub_chat import PATH, Chat, running_chat

IMAGE = "data:image/png;base64,AAAA"


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Iterator[Chat]:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with running_chat() as chat:
        yield chat


def test_what_is_asked(chat: Chat) -> None:
    server = ChatServer(chat.url, "llava", "Q: {question} {x}", token="secret", max_tokens=9)
    assert server.answer(IMAGE, "is it {red}?") == "Q: is it {red}? {x}"
    (asked,) = chat.asked
    (turn,) = asked["messages"]
    assert turn["role"] == "user"
    assert {"type": "image_url", "image_url": {"url": IMAGE}} in turn["content"]
    assert (asked["model"], asked["max_tokens"], asked["temperature"]) == ("llava", 9, 0)
    assert chat.tokens == {"Bearer secret"}
    assert "secret" not in repr(server)
    assert "secret" not in json.dumps(server.described)


@pytest.mark.parametrize("rest", ["", "/", "/v1", "/v1/", PATH])
def test_the_root_of_it_or_of_its_interface(rest: str, chat: Chat) -> None:
    assert ChatServer(chat.url + rest, prompt="{question}").answer(IMAGE, "red?") == "red?"
    assert "model" not in chat.asked[0]
    assert chat.tokens == {None}


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (" Red.\n", "Red."),
        ([{"type": "text", "text": "re"}, {"type": "text", "text": "d"}], "red"),
        (None, ""),
        ("", ""),
        ("half a \ud83d", "half a \\xed\\xa0\\xbd"),
    ],
)
def test_what_is_answered(said: Any, answer: str, chat: Chat) -> None:
    chat.says = lambda text: said
    assert ChatServer(chat.url).answer(IMAGE, "?") == answer


BUSY = (503, {"Retry-After": "1"}, b"")


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_be_answered_later_is_asked_again(status: int, chat: Chat) -> None:
    chat.troubles += [(status, {}, b"")] * 3
    assert ChatServer(chat.url, prompt="{question}", retries=3).answer(IMAGE, "?") == "?"
    chat.troubles += [(status, {}, b'{"error": {"message": "too much"}}')] * 4
    with pytest.raises(ServiceError, match=rf"status {status}, 4 times \(too much\)\..*is kept"):
        ChatServer(chat.url, retries=3).answer(IMAGE, "?")
    assert chat.troubles == []


def test_it_waits_as_long_as_it_is_told(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    headers: list[dict[str, str]] = [
        {"Retry-After": "7"},
        {},
        {"Retry-After": "9999"},
        {"Retry-After": "soon"},
        {"Retry-After": "²"},
    ]
    chat.troubles += [(503, each, b"") for each in headers]
    ChatServer(chat.url).answer(IMAGE, "?")
    assert waited == [7.0, 2.0, 60.0, 8.0, 16.0]


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (400, b'{"error": {"message": "image too large."}}', r"status 400 \(image too large\)\."),
        (400, b'{"error": "bad"}', r"status 400 \(bad\)"),
        (401, b"", r"status 401\. .*--token-file"),
        (404, b"<html>", r"status 404 \(<html>\)\. .*llama-server"),
        (302, b"", "status 302"),
        (400, b"[" * 100_000, "status 400"),
    ],
)
def test_what_is_refused_is_not_asked_again(
    status: int, body: bytes, message: str, chat: Chat
) -> None:
    chat.troubles += [(status, {"Location": "http://127.0.0.1:9/"}, body), None]
    with pytest.raises(ServiceError, match=message) as caught:
        ChatServer(chat.url).answer(IMAGE, "?")
    assert caught.value.status == status
    assert chat.troubles == [None]


@pytest.mark.parametrize(
    "body",
    [b"", b"hello", b"[]", b'{"choices": []}', b'{"choices": [{"message": {"content": 5}}]}'],
)
def test_what_is_no_such_server(body: bytes, chat: Chat) -> None:
    chat.troubles.append((200, {}, body))
    with pytest.raises(ServiceError, match="something else than OpenAI's chat completions"):
        ChatServer(chat.url).answer(IMAGE, "?")


def test_a_server_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        with pytest.raises(ServiceError, match=r"does not answer \(.*\), 3 times"):
            ChatServer(url, retries=2).answer(IMAGE, "?")
        nobody.listen()  # and answers nothing
        with pytest.raises(ServiceError, match=r"nothing within 0\.1 s\), once"):
            ChatServer(url, retries=0, timeout=0.1).answer(IMAGE, "?")


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8080",
        "ftp://x",
        "http://",
        "http://x:y",
        "",
        "file:///etc/passwd",
        "http://a\nb",
        "http://x/é",
        "http://x/a b",
        "http://a..b",
        f"http://{'é' * 70}",
    ],
)
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(ConfigError, match="is not the URL of a server"):
        ChatServer(url)


def test_a_token_that_no_header_carries() -> None:
    for token in ("", "a\nb", "ä"):
        with pytest.raises(ConfigError, match="a header cannot carry it"):
            ChatServer("http://x", token=token)


# --- pictures -------------------------------------------------------------------------------------


def decoded(address: str) -> tuple[str, bytes]:
    head, _, content = address.partition(";base64,")
    return head.removeprefix("data:"), base64.b64decode(content)


def noise(mode: str) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 255, (6, 8, 4), dtype=np.uint8)
    return Image.fromarray(pixels, "RGBA").convert(mode)


@pytest.mark.parametrize(("kind", "mode"), [("PNG", "RGB"), ("JPEG", "RGB"), ("PNG", "L")])
def test_a_file_that_all_read_is_sent_as_it_is(kind: str, mode: str, tmp_path: Path) -> None:
    file = tmp_path / "x"
    noise(mode).save(file, kind)
    assert decoded(image_address(file)) == (f"image/{kind.lower()}", file.read_bytes())


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("WEBP", "RGB"), ("BMP", "RGB"), ("GIF", "P"), ("PNG", "RGBA"), ("JPEG", "CMYK")],
)
def test_others_are_sent_as_png(kind: str, mode: str, tmp_path: Path) -> None:
    file = tmp_path / "x"
    noise(mode).save(file, kind)
    sent, content = decoded(image_address(file))
    assert sent == "image/png"
    assert Image.open(io.BytesIO(content)).tobytes() == open_image(file).tobytes()


def test_a_photo_is_turned_upright(tmp_path: Path) -> None:
    turned, file = Image.Exif(), tmp_path / "x.jpg"
    turned[0x0112] = 6
    noise("RGB").save(file, exif=turned)
    sent, content = decoded(image_address(file))
    assert (sent, Image.open(io.BytesIO(content)).size) == ("image/png", (6, 8))


def test_what_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"hello")
    with pytest.raises(ImageError):
        image_address(tmp_path / "x")


@pytest.mark.parametrize("url", ["http://me:hidden@x", "http://x?key=hidden", "http://x/#hidden"])
def test_a_secret_in_an_address_is_not_written_down(url: str) -> None:
    with pytest.raises(ConfigError, match="--token-file") as caught:
        ChatServer(url)
    assert "hidden" not in str(caught.value)
