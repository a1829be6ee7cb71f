"""What several networks answer together, and the file that it is kept in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from askattend.batching.batches import Batches
from askattend.batching.soft_answers import SoftAnswers
from askattend.data.vocab import AnswerVocab, WordVocab
from askattend.errors import RunError
from askattend.models import SAAAConfig, build_model
from askattend.training.distilling import (
    SOFT_ANSWERS,
    Teacher,
    ensemble_accuracy,
    load_soft_answers,
    mean_probabilities,
    save_soft_answers,
    tempered,
)
from askattend.training.teacher_scores import TeacherScores
from fake_features import FakeFeatures
from small_questions import make_qaset, make_question

ANSWERS = AnswerVocab(("red", "green", "blue"))
WORDS = WordVocab.build(["what colour is it", "and this"])
QUESTIONS = make_qaset(
    *(
        make_question(
            "what colour" if i % 2 else "and", (ANSWERS.answers[i % 3], 1), id=i, image=f"{i % 4}"
        )
        for i in range(10)
    )
)
SCORES = TeacherScores((0.25, 0.75), 0.5, 0.625, 3.0)


def batches() -> Batches:
    source = FakeFeatures(lambda image: torch.randn(4, 6, generator=torch.manual_seed(int(image))))
    return Batches(QUESTIONS, source, WORDS, ANSWERS, batch_size=3)


def teacher(seed: int, temperature: float = 1.0) -> Teacher:
    torch.manual_seed(seed)
    config = SAAAConfig(embedding_dim=8, question_dim=8, attention_dim=8, hidden_dim=8)
    model = build_model(config, words=len(WORDS), answers=len(ANSWERS), region_dim=6)
    for parameter in model.parameters():  # so that the networks disagree
        parameter.data.mul_(3)
    return Teacher(model.eval(), "float32", temperature)


def alone(member: Teacher) -> torch.Tensor:
    """Tempered probabilities of one network, question by question."""
    found = torch.empty(len(QUESTIONS), len(ANSWERS))
    for batch in batches().in_order():
        with torch.no_grad():
            output = member.model(batch.regions, batch.tokens, batch.lengths, batch.image_index)
        found[batch.question_index] = torch.softmax(output.logits / member.temperature, dim=1)
    return found


def test_the_mean_is_that_of_each_networks_own_probabilities() -> None:
    members = [teacher(0), teacher(1, temperature=2.5), teacher(2, temperature=0.5)]
    expected = (alone(members[0]) + alone(members[1]) + alone(members[2])) / 3
    found = torch.empty_like(expected)
    for batch, mean in mean_probabilities(members, batches()):
        found[batch.question_index] = mean
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    right = [int(row.argmax()) == i % 3 for i, row in enumerate(expected)]
    assert ensemble_accuracy(members, batches()) == pytest.approx(sum(right) / len(right))


def test_no_other_temperature_fits_the_questions_better() -> None:
    fitted = tempered(teacher(3), batches())

    def surprise(temperature: float) -> float:
        best = alone(Teacher(fitted.model, "float32", temperature)).max(dim=1)
        right = best.indices == torch.arange(len(QUESTIONS)) % 3
        p = best.values.double().clamp(1e-9, 1 - 1e-9)
        return float(-torch.where(right, p.log(), (1 - p).log()).mean())

    tried = np.exp(np.linspace(-3, 3, 61))
    assert surprise(fitted.temperature) <= min(map(surprise, tried)) + 1e-4


def some_answers() -> SoftAnswers:
    soft = SoftAnswers.none(4, 3)
    soft.put(np.arange(4), torch.softmax(torch.randn(4, 3, generator=torch.manual_seed(4)), dim=1))
    return soft


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    soft = some_answers()
    save_soft_answers(tmp_path, soft, SCORES)
    loaded, scores = load_soft_answers(tmp_path, questions=4, answers=3)
    assert scores == SCORES
    assert (loaded.index == soft.index).all()
    assert loaded.probability == pytest.approx(soft.probability, abs=1e-3)
    assert loaded.probability.sum(axis=1) == pytest.approx(1, abs=1e-6)  # float16 rounds them


@pytest.mark.parametrize(("questions", "answers"), [(5, 3), (4, 2)])
def test_those_of_another_set_are_refused(tmp_path: Path, questions: int, answers: int) -> None:
    save_soft_answers(tmp_path, some_answers(), SCORES)
    with pytest.raises(RunError, match=rf"{SOFT_ANSWERS}: holds no soft answers to the run's"):
        load_soft_answers(tmp_path, questions=questions, answers=answers)


@pytest.mark.parametrize(
    "metadata",
    [None, {"state": '{"valid_accuracy": [], "mean": 0, "ensemble": 0, "seconds": 0, "more": 1}'}],
)
def test_unknown_scores_are_refused(tmp_path: Path, metadata: dict[str, str] | None) -> None:
    save_soft_answers(tmp_path, some_answers(), SCORES)
    tensors = load_file(tmp_path / SOFT_ANSWERS)
    save_file(tensors, tmp_path / SOFT_ANSWERS, metadata=metadata)
    with pytest.raises(RunError, match="unreadable"):
        load_soft_answers(tmp_path, questions=4, answers=3)
