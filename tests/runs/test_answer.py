"""An answer as JSON and as a picture."""

from __future__ import annotations

import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from askattend import Predictor
from askattend.drawing.overlay import overlay
from askattend.errors import ImageError
from askattend.features.store import FeatureStore
from commands import Call

QUESTION = "is a zebra red?"


def same(first: Image.Image, second: Image.Image) -> bool:
    return first.size == second.size and ImageChops.difference(first, second).getbbox() is None


def test_its_json_is_that_of_the_command(trained: Path, call: Call) -> None:
    run, image = trained / "runs" / "saaa", trained / "square 4.png"
    answer = Predictor.load(run).look(image).ask(QUESTION)
    _, out, _ = call("ask", run, image, QUESTION, "--json")
    (printed,) = json.loads(out)
    assert printed == {"image": str(image), **json.loads(answer.to_json())}
    assert answer.to_dict() == json.loads(answer.to_json())
    assert printed["seen"] == [0, 0, 1, 1]
    assert printed["unknown_words"] == ["a", "zebra"]


def test_answers_are_compared_with_their_maps(trained: Path) -> None:
    scene = Predictor.load(trained / "runs" / "saaa").look(trained / "square 4.png")
    answer, again = scene.ask(QUESTION), scene.ask(QUESTION)
    assert answer == again
    assert hash(answer) == hash(again)
    assert answer != replace(again, attention=again.attention.flip(-1) + 1)
    assert answer != QUESTION


def test_it_draws_where_the_network_looked(trained: Path) -> None:
    scene = Predictor.load(trained / "runs" / "san").look(trained / "square 4.png")
    answer = scene.ask(QUESTION)
    expected = overlay(scene.image, [answer], maps_name="hop", seen=scene.seen)
    assert same(answer.overlay(), expected)
    shown = answer._repr_png_()
    assert shown is not None
    assert same(Image.open(BytesIO(shown)), expected)


def test_stored_features_hold_no_picture(trained: Path) -> None:
    predictor = Predictor.load(trained / "runs" / "saaa")
    (cache,) = (f for f in (trained / "runs" / "features").iterdir() if f.is_dir())
    (answer,) = predictor.ask_stored(cache, "square 4.png", (q for q in [QUESTION]))
    (same_answer,) = predictor.ask_stored(FeatureStore.open(cache), "square 4.png", [QUESTION])
    assert answer.to_dict() == same_answer.to_dict()
    assert answer._repr_png_() is None
    with pytest.raises(ImageError, match=r"hold no picture. Name it: answer.overlay\(image\)"):
        answer.overlay()
    image = trained / "square 4.png"
    drawn = answer.overlay(image)
    with Image.open(image) as picture:
        assert same(drawn, overlay(picture, [answer], maps_name="glimpse"))
