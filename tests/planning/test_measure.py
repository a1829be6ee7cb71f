"""Measured rates are all there, and a plan is made of them."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from askattend.environment import checkup
from askattend.planning import measure
from commands import Call


def test_measured_rates_make_a_plan(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "WRITTEN", 2**20)
    # A container that may use no more than half a core, of however many there are.
    monkeypatch.setattr(checkup, "_read", lambda file: "50000 100000\n")
    words = "plan --images 3k --measure --gpu none --image-size 64"
    status, out, err = call(*words.split())
    assert (status, err) == (0, "")
    assert "1 host of 1 core\n" in out
    status, out, err = call(*words.split(), "--json")
    assert (status, err) == (0, "")
    (phase,) = json.loads(out)["phases"]
    steps = {step["name"]: step for step in phase["steps"]}
    assert [*steps] == ["read", "decode", "backbone", "answer", "write"]
    for name in ("decode", "backbone", "answer", "write"):
        assert steps[name]["rate"] > 0
        assert "measured here, load" in steps[name]["source"]
    assert "assumed" in steps["read"]["source"]


def test_pictures_are_photos_in_size() -> None:
    import io

    content = measure.picture_bytes(3)
    assert Image.open(io.BytesIO(content)).size == (640, 480)
    assert 40_000 < len(content) < 400_000
    assert content == measure.picture_bytes(3) != measure.picture_bytes(4)
