"""The predictor: an image is the same however it comes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from askattend import Predictor
from askattend.data.vocab import WordVocab
from askattend.errors import DataError, RunError
from askattend.features.images import open_image
from askattend.features.store import FeatureStore
from askattend.runs.answerer import Answerer
from askattend.runs.question_reader import QuestionReader
from askattend.runs.run_folder import Run


def test_an_image_is_the_same_however_it_comes(trained: Path) -> None:
    predictor = Predictor.load(trained / "runs" / "saaa")
    file = trained / "square 1.png"
    with Image.open(file) as image:
        image.load()
    sources: Sequence[Any] = (file, str(file), file.read_bytes(), image, np.asarray(image))
    answers = [predictor.look(source).ask("is it red?") for source in sources]
    assert len({(answer.text, answer.probability) for answer in answers}) == 1


def test_looking_at_a_file_is_reading_the_store(trained: Path) -> None:
    predictor = Predictor.load(trained / "runs" / "saaa")
    (cache,) = (f for f in (trained / "runs" / "features").iterdir() if f.is_dir())
    look = predictor.look_at(FeatureStore.open(cache).read(["square 4.png"]))
    (stored,) = predictor.answer(look, [0], ["what colour is it?"])
    seen = predictor.look(trained / "square 4.png").ask("what colour is it?")
    # Batches of another size are summed in another order; float16 rounds what is left.
    assert dict(stored.top) == pytest.approx(dict(seen.top), abs=1e-3)


def test_runs_of_equal_features_share_an_images_regions(trained: Path) -> None:
    first, second = (Predictor.load(trained / "runs" / name) for name in ("saaa", "san"))
    assert first.run.features == second.run.features
    image = open_image(trained / "square 2.png")
    shared = second.scene(image, first.regions(image))
    assert "backbone" not in vars(second)  # which was not loaded: the first run's served both
    own = second.look(image)
    given, expected = shared.ask("is it red?"), own.ask("is it red?")
    assert given.top == expected.top
    assert torch.equal(given.attention, expected.attention)
    assert (shared.image, shared.seen) == (own.image, own.seen)


@pytest.mark.parametrize("network", ["saaa", "san"])
def test_edited_maps_are_pooled_with(trained: Path, network: str) -> None:
    scene = Predictor.load(trained / "runs" / network).look(trained / "square 4.png")
    own = scene.ask("what colour is it?", top=9)
    again = scene.ask("what colour is it?", top=9, edited=own.attention)
    assert dict(again.top) == pytest.approx(dict(own.top), abs=1e-4)
    first, second = scene.ask_all(
        ["is it red?", "what colour is it?"], edited=[None, [[0, 0], [5, 0]]], top=9
    )
    assert first.attention[1].tolist() == second.attention[1].tolist() == [[0, 0], [1, 0]]
    assert second.attention[0].flatten().tolist() == pytest.approx(
        own.attention[0].flatten().tolist(), abs=1e-3
    )
    assert dict(second.top) != pytest.approx(dict(own.top), abs=1e-6)


def test_edited_maps_that_do_not_fit_are_refused(trained: Path) -> None:
    scene = Predictor.load(trained / "runs" / "saaa").look(trained / "square 4.png")
    for maps, message in (
        ([[[1, 1], [1, 1]]], "has 1 maps, where the network has 2"),
        (torch.ones(2, 4), "map 1: is 4, expected 2 × 2"),
        (-torch.ones(2, 2, 2), "which is no weight"),
    ):
        with pytest.raises(DataError, match=message):
            scene.ask("is it red?", edited=maps)


def test_an_answer_rests_on_known_words(trained: Path) -> None:
    scene = Predictor.load(trained / "runs" / "saaa").look(trained / "square 4.png")
    answers = scene.ask_all(
        ["Is it red?", "what colour is it, ZEBRA?", "zebras?", "is it a zebra?"]
    )
    assert [answer.unknown_words for answer in answers] == [
        *((), ("zebra",), ("zebras",), ("a", "zebra"))
    ]
    assert [answer.sure for answer in answers] == [None, None, False, False]
    assert answers[2].said.startswith("not sure; perhaps ")


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_an_answer_that_is_no_number_never_leaves(untrained: Run, value: float) -> None:
    answerer = Answerer(untrained, untrained.load_model())
    spec = untrained.features
    image = answerer.look_at(torch.full((1, spec.regions, spec.region_dim), value))
    with pytest.raises(RunError, match="answers with what is no number"):
        answerer.answer(image, [0], ["what colour is it?"])
    with pytest.raises(RunError, match="answers with what is no number"):
        answerer.word_effects(image, "what colour is it?")


def test_unknown_words_that_are_known_in_another_way_to_write(trained: Path) -> None:
    run = Run.load(trained / "runs" / "saaa")
    words = WordVocab((*run.words.words[:2], "where", "is", "garbage_bin", "coffee", "table"))
    reader = QuestionReader(words, words.words)
    assert reader.notes("Where is garbage bin?") == [
        "the model never saw: garbage, bin",
        "it knows 'garbage_bin', not 'garbage bin'",
    ]
    assert reader.notes("where is coffee_table?")[1:] == [
        "it knows 'coffee table', not 'coffee_table'"
    ]
    assert reader.notes("is garbage_bin where coffee table is?") == []


def test_half_a_character_is_no_question(run: Path) -> None:
    scene = Predictor.load(run).look(run.parents[1] / "square 0.png")
    with pytest.raises(DataError, match=r"is it \\xed\\xa0\\x80\?': holds half a character"):
        scene.ask("is it \ud800?")
