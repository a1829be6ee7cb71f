"""The pipeline's calls and returns are those that transformers' own had, up to 4.57."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from PIL import Image

from askattend import VQAPipeline, pipeline
from askattend.errors import AskAttendError, ConfigError, DataError, ImageError
from askattend.runs.predictor import Predictor


@pytest.fixture(scope="module")
def predictor(trained: Path) -> Predictor:
    return Predictor.load(trained / "runs" / "saaa", device="cpu")


@pytest.fixture
def vqa(predictor: Predictor) -> VQAPipeline:
    return pipeline("visual-question-answering", model=predictor)


@pytest.fixture
def picture(trained: Path) -> str:
    return str(trained / "square 0.png")


@pytest.fixture
def other(trained: Path) -> str:
    return str(trained / "square 1.png")


def scored(predictor: Predictor, image: Any, question: str, top: int = 5) -> list[dict[str, Any]]:
    answer = predictor.look(image).ask(question, top=top)
    return [{"score": score, "answer": text} for text, score in answer.top]


def near(ours: Any, theirs: Any) -> bool:
    """Compare lists of answers; several in a pass may differ in the last bits."""
    if isinstance(ours, list) and ours and isinstance(ours[0], list):
        return len(ours) == len(theirs) and all(map(near, ours, theirs))
    return [each["answer"] for each in ours] == [each["answer"] for each in theirs] and all(
        each["score"] == pytest.approx(of["score"], rel=1e-4)
        for each, of in zip(ours, theirs, strict=True)
    )


def test_one_pair_has_a_list_of_answers(
    vqa: VQAPipeline, predictor: Predictor, picture: str
) -> None:
    expected = scored(predictor, picture, "is it red?")
    assert near(vqa(image=picture, question="is it red?"), expected)
    assert near(vqa({"image": picture, "question": "is it red?"}), expected)
    assert near(vqa(image=Image.open(picture), question="is it red?"), expected)
    assert near(vqa(image=np.asarray(Image.open(picture)), question="is it red?"), expected)
    assert near(vqa(image=picture, question="is it red?", top_k=1), expected[:1])
    everything: Any = vqa(image=picture, question="is it red?", top_k=10_000)
    assert len(everything) == len(predictor.run.answers)


def test_a_list_has_a_list_for_each(
    vqa: VQAPipeline, predictor: Predictor, picture: str, other: str
) -> None:
    pairs = [(other, "is it red?"), (picture, "is it blue?"), (other, "what colour is it?")]
    expected = [scored(predictor, image, question) for image, question in pairs]
    dicts = [{"image": image, "question": question} for image, question in pairs]
    assert near(vqa(dicts), expected)
    assert near(vqa(dicts[:1]), expected[:1])
    assert near(list(vqa(iter(dicts))), expected)


def test_what_is_one_is_asked_of_all(
    vqa: VQAPipeline, predictor: Predictor, picture: str, other: str
) -> None:
    questions = ["is it red?", "what colour is it?"]
    assert near(
        vqa(image=picture, question=questions), [scored(predictor, picture, q) for q in questions]
    )
    assert near(
        vqa(image=[picture, other], question=questions[0]),
        [scored(predictor, image, questions[0]) for image in (picture, other)],
    )
    # As a product: the first question of every image, then the second.
    assert near(
        vqa(image=[picture, other], question=questions),
        [scored(predictor, image, q) for q in questions for image in (picture, other)],
    )


def test_an_image_is_looked_at_once(
    vqa: VQAPipeline, predictor: Predictor, picture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = list[Any]()
    look = Predictor.look

    def counting(self: Predictor, image: Any) -> Any:
        looked.append(image)
        return look(self, image)

    monkeypatch.setattr(Predictor, "look", counting)
    vqa(image=picture, question=["is it red?", "is it blue?", "what colour is it?"])
    assert looked == [picture]


def test_a_generator_is_taken_from_as_it_goes(vqa: VQAPipeline, picture: str) -> None:
    taken = 0

    def pairs() -> Iterator[dict[str, str]]:
        nonlocal taken
        for _ in range(50):
            taken += 1
            yield {"image": picture, "question": "is it red?"}

    answers = vqa(pairs(), batch_size=2)
    assert not isinstance(answers, list)
    assert taken == 0
    assert next(answers)[0]["answer"]


class _Served(BaseHTTPRequestHandler):
    content = b""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/picture.png" else 404)
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def test_an_address_and_base64(vqa: VQAPipeline, predictor: Predictor, picture: str) -> None:
    content = Path(picture).read_bytes()
    handler = type("Handler", (_Served,), {"content": content})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    root = f"http://127.0.0.1:{server.server_port}"
    expected = scored(predictor, picture, "is it red?")
    try:
        assert near(vqa(image=f"{root}/picture.png", question="is it red?", timeout=5), expected)
        with pytest.raises(ImageError, match="could not be fetched"):
            vqa(image=f"{root}/none.png", question="is it red?")
    finally:
        server.shutdown()
        server.server_close()
    text = base64.b64encode(content).decode()
    assert near(vqa(image=f"data:image/png;base64,{text}", question="is it red?"), expected)
    assert near(vqa(image=text, question="is it red?"), expected)


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({"image": "none.png", "question": "is it red?"}, ImageError),
        ({"image": "x" * 400, "question": "is it red?"}, ImageError),
        ({"image": "none.png"}, DataError),
        ([{"image": "none.png", "question": ["is it red?"]}], DataError),
        ("none.png", DataError),
        ([1, 2], DataError),
        (3, DataError),
    ],
)
def test_what_is_no_pair_is_said(vqa: VQAPipeline, given: Any, kind: type[AskAttendError]) -> None:
    with pytest.raises(kind):
        vqa(given)


def test_tasks_devices_and_arguments(vqa: VQAPipeline, picture: str) -> None:
    with pytest.raises(ConfigError, match="visual-question-answering"):
        pipeline("image-classification")
    with pytest.raises(TypeError, match="no argument 'topk'"):
        vqa(image=picture, question="is it red?", topk=3)
    assert vqa(image=picture, question="is it red?", padding=True, truncation=True, top_k=1)
