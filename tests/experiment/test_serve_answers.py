"""``askattend score --server``: asked once each, kept as they come, and scored as anybody's."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands import Call
from foreign.stub_chat import Chat, running_chat
from squares import write_squares

WORDS = ("--prompt", "{question}")


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Iterator[Chat]:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with running_chat() as chat:
        chat.says = lambda text: "Yes." if text.startswith("is") else "a Red"
        yield chat


@pytest.fixture
def data(tmp_path: Path) -> str:
    return f"table:{write_squares(tmp_path)}"


def test_a_servers_answers_are_scored(chat: Chat, data: str, tmp_path: Path, call: Call) -> None:
    file = tmp_path / "out" / "a.json"
    words = ("score", file, "--data", data, "--server", chat.url, "--model", "llava", *WORDS)
    status, out, err = call(*words, "--json")
    assert status == 0, err
    found = json.loads(out)
    # Three test squares, one of which is red: normalised, its colour and "yes" are right.
    assert (found["questions"], found["accuracy"]) == (6, pytest.approx(2 / 6))
    assert (found["split"], found["dialect"]) == ("test", "normalized")
    assert "questions/s" in err
    assert len(chat.asked) == 6
    assert {asked["model"] for asked in chat.asked} == {"llava"}
    sent = {
        part["image_url"]["url"]
        for a in chat.asked
        for part in a["messages"][0]["content"]
        if "image_url" in part
    }
    own = [(tmp_path / f"square {n}.png").read_bytes() for n in (9, 10, 11)]
    assert sent == {f"data:image/png;base64,{base64.b64encode(each).decode()}" for each in own}
    answers = json.loads(file.read_text())
    assert [one["question_id"] for one in answers] == list(range(18, 24))
    assert len(file.with_suffix(".jsonl").read_text().splitlines()) == 7
    # Once more, nothing is asked; without the server it is scored as any file.
    assert call(*words, "--json")[1] == out
    assert len(chat.asked) == 6
    status, plain, _ = call("score", file, "--data", data, "--dialect", "normalized", "--json")
    assert json.loads(plain) == found
    status, out, _ = call("score", file, "--data", data, "--json")
    assert (json.loads(out)["metric"], json.loads(out)["accuracy"]) == ("exact match", 0)


@pytest.mark.parametrize("workers", [1, 4])
def test_interrupted_it_goes_on(
    workers: int, chat: Chat, data: str, tmp_path: Path, call: Call
) -> None:
    file = tmp_path / "a.json"
    words = ("score", file, "--data", data, "--server", chat.url, "--workers", workers, *WORDS)
    chat.troubles += [None, None, (400, {}, b"out of memory")]
    status, _, err = call(*words)
    assert (status, "status 400 (out of memory)" in err, "is kept" in err) == (2, True, True)
    assert not file.exists()
    before = len(chat.asked)
    assert 2 <= before < 6
    status, _, err = call(*words)
    assert (status, f"{before} of 6 were answered before" in err) == (0, True)
    assert len(chat.asked) == 6
    status, _, err = call(*words, "--model", "another")
    assert (status, "holds answers of another model" in err) == (2, True)


def test_a_token(chat: Chat, data: str, tmp_path: Path, call: Call) -> None:
    (tmp_path / "token.txt").write_text("secret\n")
    words = ("score", tmp_path / "a.json", "--data", data, "--server", chat.url, *WORDS)
    assert call(*words, "--token-file", tmp_path / "token.txt")[0] == 0
    assert chat.tokens == {"Bearer secret"}
    assert "secret" not in (tmp_path / "a.jsonl").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("a.txt --data TABLE --server URL", "Name it NAME.json"),
        ("there.json --data TABLE --server URL", "is there already"),
        ("a.json --data TABLE --server localhost:8080", "is not the URL of a server"),
        ("a.json --data TABLE --server URL --split odd", "no question in split 'odd'"),
        ("a.json --data TABLE --server URL --workers 0", "workers"),
        ("a.json --data TABLE --server URL --token-file no", "cannot be read"),
    ],
)
def test_mistakes(
    words: str,
    message: str,
    chat: Chat,
    data: str,
    tmp_path: Path,
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.json").write_text("[]")
    status, _, err = call("score", *words.replace("TABLE", data).replace("URL", chat.url).split())
    assert (status, message in err) == (2, True), err
    assert chat.asked == []


def test_a_picture_that_is_none(chat: Chat, data: str, tmp_path: Path, call: Call) -> None:
    (tmp_path / "square 9.png").write_bytes(b"hello")
    status, _, err = call("score", tmp_path / "a.json", "--data", data, "--server", chat.url)
    assert (status, "not an image" in err) == (2, True)
