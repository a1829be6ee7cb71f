"""Pairs of image and question, answered as they come."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from askattend import Predictor
from askattend.errors import DataError, ImageError


@pytest.mark.parametrize("batch_size", [1, 3, 8])
@pytest.mark.parametrize("network", ["saaa", "san"])
def test_pairs_are_answered_as_looking_does(trained: Path, network: str, batch_size: int) -> None:
    predictor = Predictor.load(trained / "runs" / network)
    pairs = [
        (trained / f"square {number % 5}.png", question)
        for number in range(7)
        for question in ("is it red?", "What colour is it?", "is it a zebra?")[: number % 3 + 1]
    ]
    answers = list(predictor.answer_many(iter(pairs), batch_size=batch_size))
    assert [answer.question for answer in answers] == [question for _, question in pairs]
    for (image, question), answer in zip(pairs, answers, strict=True):
        expected = predictor.look(image).ask(question)
        assert dict(answer.top) == pytest.approx(dict(expected.top), abs=2e-3)
        assert (answer.sure, answer.unknown_words) == (expected.sure, expected.unknown_words)
        assert (answer.seen, answer.maps_name) == (expected.seen, expected.maps_name)
        assert answer.attention.numpy() == pytest.approx(expected.attention.numpy(), abs=2e-3)


def test_an_image_is_looked_at_once_and_no_more_than_a_batch_ahead(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = Predictor.load(trained / "runs" / "saaa")
    looked: list[int] = []
    regions = predictor.backbone.regions

    def counted(pixels: Any, shown: Any = None) -> Any:
        looked.append(len(pixels))
        return regions(pixels, shown)

    monkeypatch.setattr(predictor.backbone, "regions", counted)
    taken = 0

    def pairs() -> Iterator[tuple[Path, str]]:
        nonlocal taken
        for number in range(12):
            for question in ("is it red?", "What colour is it?"):
                taken += 1
                yield trained / f"square {number}.png", question

    for done, _ in enumerate(predictor.answer_many(pairs(), batch_size=4)):
        assert taken - done <= 2 * 4 + 1
    assert looked == [4, 4, 4]


def test_an_array_that_is_drawn_into_again_is_another_image(trained: Path) -> None:
    predictor = Predictor.load(trained / "runs" / "saaa")
    canvas = np.zeros((40, 40, 3), np.uint8)

    def pairs() -> Iterator[tuple[Any, str]]:
        for value in (0, 0, 250):
            canvas[:] = value
            yield canvas, "What colour is it?"

    first, again, other = predictor.answer_many(pairs())
    assert first.top == again.top
    assert first.top != other.top


def test_mistakes_come_after_the_answers_before_them(trained: Path) -> None:
    predictor = Predictor.load(trained / "runs" / "saaa")
    good = (trained / "square 1.png", "is it red?")
    for bad, error in (
        ((trained / "none.png", "is it red?"), ImageError),
        ((good[0], "?!"), DataError),
        ((good[0], 3), DataError),
    ):
        answers = predictor.answer_many(iter([good, bad]))  # type: ignore[arg-type]
        assert next(answers).question == good[1]
        with pytest.raises(error):
            next(answers)
    assert list(predictor.answer_many([])) == []
