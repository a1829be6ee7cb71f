"""A run that knows its pictures says of foreign ones that they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from askattend.errors import RunError
from askattend.files import remove
from askattend.metrics.image_likeness import ImageLikeness
from askattend.models import ImageEncoding
from askattend.runs.image_likeness import LIKENESS, UNLIKE, load_likeness, save_likeness
from askattend.runs.predictor import Predictor
from askattend.runs.run_folder import Run
from askattend.serving.answering import stack_encodings
from commands import Call


def likeness(dim: int, threshold: float) -> ImageLikeness:
    return ImageLikeness(
        np.zeros(dim, np.float32),
        np.zeros((dim, 2), np.float32),
        np.ones(dim, np.float32),
        1.0,
        threshold,
    )


@pytest.fixture
def run(own: Path) -> Path:
    """A run to which every picture is foreign."""
    folder = own / "runs" / "saaa"
    save_likeness(folder, likeness(Run.load(folder).features.region_dim, 0.0))
    return folder


def test_a_foreign_picture_is_never_sure(run: Path, own: Path, call: Call) -> None:
    words = ("ask", run, own / "square 0.png", "is it red?", "what colour is it?")
    status, out, err = call(*words, "--json")
    assert (status, err) == (0, f"note: {UNLIKE}\n")
    answers = json.loads(out)
    assert [(each["sure"], each["unlike_training"]) for each in answers] == [(False, True)] * 2
    assert "not sure; perhaps" in call(*words, "--no-abstention")[1]
    # In whatever way it is asked about.
    predictor = Predictor.load(run)
    (many,) = predictor.answer_many([(own / "square 0.png", "is it red?")])
    (cache,) = (f for f in (own / "runs" / "features").iterdir() if f.is_dir())
    (stored,) = predictor.ask_stored(cache, "square 0.png", ["is it red?"])
    for answer in (
        many,
        stored,
        predictor.knowing(["zebra?"]).look(own / "square 0.png").ask("red?"),
    ):
        assert (answer.unlike_training, answer.sure, answer.notes) == (True, False, (UNLIKE,))
    assert (
        call("predict", run, "--data", f"table:{own / 'squares.csv'}", "--out", own / "x")[0] == 0
    )
    rows = [json.loads(line) for line in (own / "x" / "part-00000.jsonl").read_text().splitlines()]
    assert {(row["sure"], row["unlike_training"]) for row in rows} == {(False, True)}


def test_a_known_picture_is_as_before(run: Path, own: Path, call: Call) -> None:
    before = Predictor.load(own / "runs" / "saaa")
    save_likeness(run, likeness(before.run.features.region_dim, 1e9))
    status, out, err = call("ask", run, own / "square 0.png", "is it red?", "--json")
    (answer,) = json.loads(out)
    assert (status, err, answer["sure"], answer["unlike_training"]) == (0, "", None, False)
    remove(run / LIKENESS)
    unknown = Predictor.load(run).look(own / "square 0.png").ask("is it red?")
    assert (unknown.sure, unknown.unlike_training) == (None, None)


def test_images_of_one_batch_keep_their_marks() -> None:
    marked = [
        ImageEncoding(torch.zeros(1, 2, 3), unlike=torch.tensor([mark])) for mark in (True, False)
    ]
    unlike = stack_encodings(marked).unlike
    assert unlike is not None
    assert unlike.tolist() == [True, False]
    assert stack_encodings([each._replace(unlike=None) for each in marked]).unlike is None


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    learnt = rng.normal(size=(80, 6)).astype(np.float32)
    found = ImageLikeness.fit(learnt, learnt[:30])
    assert found is not None
    save_likeness(tmp_path, found)
    read = load_likeness(tmp_path, 6)
    assert read is not None
    assert (read.distance(learnt) == found.distance(learnt)).all()
    assert (read.rest, read.threshold) == (found.rest, found.threshold)
    assert load_likeness(tmp_path / "none", 6) is None


@pytest.mark.parametrize("spoil", ["width", "nan", "lacking", "more", "metadata", "unknown key"])
def test_what_is_spoilt_is_refused(tmp_path: Path, spoil: str) -> None:
    save_likeness(tmp_path, likeness(6, 1.0))
    file = tmp_path / LIKENESS
    tensors, numbers = load_file(file), {"rest": 1.0, "threshold": 1.0}
    if spoil == "nan":
        tensors["mean"][0] = torch.nan
    if spoil == "lacking":
        del tensors["scale"]
    if spoil == "more":
        tensors["other"] = torch.zeros(1)
    more: dict[str, Any] = {"other": 1} if spoil == "unknown key" else {}
    told = "{" if spoil == "metadata" else msgspec.json.encode(numbers | more).decode()
    save_file(tensors, file, metadata={"likeness": told})
    with pytest.raises(RunError, match=r"likeness\.safetensors: (holds no likeness|unreadable)"):
        load_likeness(tmp_path, 7 if spoil == "width" else 6)
