"""Each word's effect, against asking the question again without it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from askattend.data.vocab import AnswerVocab, WordVocab
from askattend.runs.answerer import VERSIONS_PER_PASS
from askattend.runs.predictor import Predictor
from askattend.runs.run_folder import Run
from small_networks import ATTENDING, SPEC, small_network

WORDS = WordVocab(("<pad>", "<unk>", *(f"w{n}" for n in range(12))))
ANSWERS = AnswerVocab(tuple("abcdefg"))


def predictor(name: str, words: WordVocab = WORDS) -> Predictor:
    run = Run(Path("nowhere"), {"network": name}, words, ANSWERS, None, SPEC)
    return Predictor(run, small_network(name))


def regions() -> torch.Tensor:
    return torch.rand(1, 4, 6, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("name", [*ATTENDING, "question-only"])
@pytest.mark.parametrize("count", [2, 5, VERSIONS_PER_PASS + 3])
def test_it_is_the_fall_of_the_answers_probability(name: str, count: int) -> None:
    asked = predictor(name)
    image = asked.look_at(regions())
    words = [f"w{n % 12}" for n in range(count)]
    (whole,) = asked.answer(image, [0], [" ".join(words)])
    effects = asked.word_effects(image, " ".join(words))
    assert [effect.text for effect in effects] == words
    for position, effect in enumerate(effects):
        (without,) = asked.answer(
            image, [0], [" ".join(words[:position] + words[position + 1 :])], top=7
        )
        fall = whole.probability - dict(without.top)[whole.text]
        assert effect.drop == pytest.approx(fall, abs=1e-5)
    assert any(abs(effect.drop) > 1e-4 for effect in effects)


def test_a_lone_word_becomes_the_unknown_one() -> None:
    asked = predictor("saaa")
    image = asked.look_at(regions())
    (whole,) = asked.answer(image, [0], ["w3"])
    (without,) = asked.answer(image, [0], ["zebra"], top=7)
    (effect,) = asked.word_effects(image, "  W3?")
    assert (effect.text, effect.start, effect.end) == ("W3", 2, 4)
    assert effect.drop == pytest.approx(whole.probability - dict(without.top)[whole.text], abs=1e-6)
    assert abs(effect.drop) > 1e-4


def test_the_image_alone_needs_no_word() -> None:
    asked = predictor("image-only")
    effects = asked.word_effects(asked.look_at(regions()), "w1 w2")
    assert [effect.drop for effect in effects] == [0, 0]


def test_pytorch_vqas_empty_words_are_not_listed() -> None:
    words = WordVocab(("<pad or unk>", *(f"w{n}" for n in range(13))), tokeniser="pytorch-vqa")
    asked = predictor("saaa", words)
    effects = asked.word_effects(asked.look_at(regions()), "w1  w2?")
    assert [(effect.text, effect.start) for effect in effects] == [("w1", 0), ("w2", 4)]


def test_a_scene_measures_them(trained: Path) -> None:
    scene = Predictor.load(trained / "runs" / "saaa").look(trained / "square 1.png")
    effects = scene.word_effects("Is it RED?")
    assert [(e.text, e.start, e.end) for e in effects] == [
        ("Is", 0, 2),
        ("it", 3, 5),
        ("RED", 6, 9),
    ]
    assert all(-1 <= effect.drop <= 1 for effect in effects)
