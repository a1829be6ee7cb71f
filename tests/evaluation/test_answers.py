"""One pass of a network over questions, against asking them one by one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import Tensor

from askattend.data.questions import Question
from askattend.errors import RunError
from askattend.evaluation.answers import answer_questions, fit_calibration
from askattend.metrics.calibration import Calibration, calibrate
from evaluation.evaluations import ANSWERS, batches, predictor, question
from small_questions import make_qaset

QUIET = Console(quiet=True)
BOX = (0.0, 0.0, 0.5, 1.0)
# Of few images, so that batches take the questions in another order.
QUESTIONS = [
    question(
        number,
        "yes" if number % 4 else "red",
        image=f"{number % 4}.png",
        text="is it red" if number % 3 else "red",
        boxes=(BOX,) if number in (1, 5, 6) else (),
    )
    for number in range(11)
]


def logits_and_maps(one: Question) -> tuple[Tensor, Tensor]:
    """What the network makes of a question by itself."""
    (batch,) = batches(make_qaset(one)).in_order()
    with torch.inference_mode():
        output = predictor().model(batch.regions, batch.tokens, batch.lengths)
    return output.logits[0], output.attention[0]


def test_answers_are_the_networks_own_in_the_order_of_the_questions() -> None:
    found = answer_questions(
        predictor(),
        batches(make_qaset(*QUESTIONS)),
        console=QUIET,
        calibration=Calibration(2.5, 9, ()),
    )
    assert [one.question_id for one in found.answers] == list(range(11))
    for index, (one, answer) in enumerate(zip(QUESTIONS, found.answers, strict=True)):
        logits, maps = logits_and_maps(one)
        tempered = (logits / 2.5).softmax(dim=0)
        assert answer.answer == ANSWERS.answers[int(tempered.argmax())]
        assert answer.probability == pytest.approx(tempered.max().item(), abs=1e-5)
        untempered = logits.softmax(dim=0).max().item()
        assert found.untempered[index] == pytest.approx(untempered, abs=1e-5)
        assert answer.score == float(answer.answer == one.answers[0][0])
        assert answer.image == one.image
        if one.boxes:
            assert found.attention[index] == pytest.approx(maps.numpy().reshape(2, 2, 2), abs=1e-5)
    assert list(found.attention) == [1, 5, 6]


def test_a_calibration_is_learnt_from_the_answers_and_how_right_they_are() -> None:
    found = fit_calibration(predictor(), batches(make_qaset(*QUESTIONS)), console=QUIET)
    logits = torch.stack([logits_and_maps(one)[0] for one in QUESTIONS])
    best = [ANSWERS.answers[index] for index in logits.argmax(dim=1).tolist()]
    scores = [float(said == one.answers[0][0]) for said, one in zip(best, QUESTIONS, strict=True)]
    expected = calibrate(logits, np.array(scores))
    assert found.questions == 11
    assert found.temperature == pytest.approx(expected.temperature, rel=1e-3)
    assert [point.risk for point in found.curve] == [point.risk for point in expected.curve]


def test_an_answer_that_is_no_number_is_not_scored() -> None:
    network, asked = predictor(), batches(make_qaset(*QUESTIONS))
    odd = QUESTIONS[1].image

    class Spoilt:
        def read(self, images: Sequence[str]) -> Tensor:
            regions = asked.source.read(images).float()
            regions[[image == odd for image in images]] = math.nan
            return regions

    spoilt = asked.with_features(Spoilt())
    with pytest.raises(RunError, match=rf"questions with what is no number: .*image {odd}"):
        answer_questions(network, spoilt, console=QUIET)
