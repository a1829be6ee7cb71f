"""The app of Gradio's: what it shows is what the predictor says."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from PIL import Image

import askattend
from askattend.errors import ConfigError, DataError, ImageError
from askattend.runs.predictor import Predictor
from askattend.runs.word_effects import WordEffect
from askattend.serving.gradio_app import SCENES, _Asking, _marked

ROOT = Path(__file__).resolve().parents[2]
needs_gradio = pytest.mark.skipif(importlib.util.find_spec("gradio") is None, reason="no Gradio")


@pytest.fixture(scope="module")
def asking(trained: Path) -> _Asking:
    return _Asking(Predictor.load(trained / "runs" / "san"))


def test_it_shows_what_the_predictor_says(asking: _Asking, trained: Path) -> None:
    file = trained / "square 3.png"
    said, top, maps, words = asking.ask(str(file), "Is it RED?")
    scene = Predictor.load(trained / "runs" / "san").look(file)
    answer = scene.ask("Is it RED?")
    told = [askattend.describe_map(attention) for attention in answer.attention]
    notes = Predictor.load(trained / "runs" / "san").unjudged([answer])
    unjudged = "\n\n".join(f"*{note}*" for note in notes)
    listed = f"- hop 1: {told[0]}\n- hop 2: {told[1]}"
    assert "*sure: not judged, as the run was never evaluated*" in unjudged
    assert said == f"## {answer.text}\n\n{answer.probability:.1%}\n\n{unjudged}\n\n{listed}"
    assert top == dict(answer.top)
    assert [caption for _, caption in maps] == ["hop 1", "hop 2"]
    assert {picture.size for picture, _ in maps} == {(640, 533)}
    drops = [effect.drop for effect in scene.word_effects("Is it RED?")]
    assert "".join(text for text, _ in words) == "Is it RED?"
    assert [drop for _, drop in words if drop is not None] == drops


def test_unknown_words_are_told(asking: _Asking, trained: Path) -> None:
    said, *_ = asking.ask(str(trained / "square 3.png"), "zebra?")
    assert said.startswith("## not sure; perhaps ")
    assert "\n\n*the model never saw: zebra*\n\n" in said


def test_an_image_is_looked_at_once_and_forgotten_after_many(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = Predictor.load(trained / "runs" / "saaa")
    looked: list[int] = []
    regions = predictor.regions

    def counted(image: Image.Image) -> Any:
        looked.append(image.width)
        return regions(image)

    monkeypatch.setattr(predictor, "regions", counted)
    asking = _Asking(predictor)
    files = [tmp_path / f"{side}.png" for side in range(8, 8 + SCENES + 1)]
    for file in files:
        Image.new("RGB", (int(file.stem), 8)).save(file)
        asking.ask(str(file), "is it red?")
        asking.ask(str(files[0]), "what colour is it?")
    assert looked == [int(file.stem) for file in files]
    asking.ask(str(files[1]), "is it red?")  # the one not asked about for longest
    assert looked[-1] == 9


def test_mistakes_are_told(asking: _Asking, trained: Path) -> None:
    with pytest.raises(DataError, match=r"no image\. Choose one first"):
        asking.ask(None, "is it red?")
    with pytest.raises(DataError, match="no word in it"):
        asking.ask(str(trained / "square 3.png"), "?")
    with pytest.raises(ImageError, match=r"^the image: not an image"):
        asking.ask(str(trained / "squares.csv"), "is it red?")


def test_a_question_falls_into_words_and_what_is_between() -> None:
    effects = [WordEffect("is", 1, 3, 0.5), WordEffect("it", 4, 6, -0.25)]
    expected = [(" ", None), ("is", 0.5), (" ", None), ("it", -0.25), ("?", None)]
    assert _marked(" is it?", effects) == expected


def test_without_gradio_it_says_what_to_install(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(ConfigError, match=r"pip install 'gradio>="):
        askattend.gradio_app(trained / "runs" / "saaa")


@pytest.fixture(scope="module")
def space(trained: Path) -> Iterator[str]:
    """The address of the example, launched in a process of its own as a Space launches it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    own = {"GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": port, "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "examples/space.py", str(trained / "runs" / "saaa")]
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, **own}) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(url, process)
            yield url
        finally:
            process.terminate()


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            with urlopen(url):
                return
        except URLError:
            time.sleep(0.2)
    pytest.fail(f"the example ended with status {process.returncode}")


@needs_gradio
@pytest.mark.filterwarnings("ignore")
def test_the_example_answers_programs(
    space: str, trained: Path, refused: Callable[[], list[str]]
) -> None:
    from gradio_client import Client, handle_file
    from gradio_client.exceptions import AppError

    client = Client(space, verbose=False)
    assert list(client.view_api(return_format="dict")["named_endpoints"]) == ["/ask"]
    file = trained / "square 3.png"
    said, top, maps, words = client.predict(handle_file(file), "is it red?", api_name="/ask")
    answer = Predictor.load(trained / "runs" / "saaa").look(file).ask("is it red?")
    assert said.startswith(f"## {answer.text}\n\n{answer.probability:.1%}\n\n*sure: not judged")
    assert "\n\n- glimpse 1: " in said
    shown = {each["label"]: each["confidence"] for each in top["confidences"]}
    assert shown == pytest.approx(dict(answer.top))
    assert [each["caption"] for each in maps] == ["glimpse 1", "glimpse 2"]
    with Image.open(maps[0]["image"]) as picture:
        assert picture.size == (640, 533)
    effects = [each["token"] for each in words if each["class_or_confidence"] is not None]
    assert effects == ["is", "it", "red"]
    with pytest.raises(AppError, match="no word in it"):
        client.predict(handle_file(file), "?", api_name="/ask")
    # Gradio's client, in this very process, reports to its makers.
    assert all(line.endswith("huggingface.co") for line in refused())
    with pytest.raises(AppError, match="Choose one first"):
        client.predict(None, "is it red?", api_name="/ask")
