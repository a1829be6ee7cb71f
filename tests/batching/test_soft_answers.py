"""Soft answers: blended with the human ones, cut to the most probable, mirrored."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from askattend.batching.encoded_questions import EncodedQuestions
from askattend.batching.soft_answers import MOST, SoftAnswers, mirror_index
from askattend.data.mirroring import ENGLISH
from askattend.data.vocab import AnswerVocab, WordVocab
from askattend.models.loss import answer_loss
from small_questions import make_qaset, make_question

ANSWERS = AnswerVocab(("yes", "no", "left", "right", "left door"))
QUESTIONS = make_qaset(
    make_question("a", ("yes", 7), ("no", 2), ("perhaps", 1), id=0),
    make_question("a", ("left", 1), id=1),
    make_question("a", ("never", 1), id=2),  # not in the vocabulary
)


def encoded() -> EncodedQuestions:
    return EncodedQuestions.encode(QUESTIONS, WordVocab.build(["a"]), ANSWERS)


def softmax(seed: int, *shape: int) -> torch.Tensor:
    return torch.softmax(2 * torch.randn(shape, generator=torch.manual_seed(seed)), dim=1)


@given(st.floats(0, 1), st.integers(0, 99))
def test_the_loss_is_the_mean_of_hard_and_soft_cross_entropy(share: float, seed: int) -> None:
    probability = softmax(seed, 3, len(ANSWERS))
    soft = SoftAnswers.none(3, len(ANSWERS))
    soft.put(np.array([2, 0, 1]), probability[[2, 0, 1]])
    blended = soft.blend(encoded(), share)
    logits = torch.randn(3, len(ANSWERS), generator=torch.manual_seed(seed + 1))
    log_p = torch.log_softmax(logits, dim=1)
    hard = -torch.stack([0.7 * log_p[0, 0] + 0.2 * log_p[0, 1], log_p[1, 2], torch.tensor(0.0)])
    # What a question's answers weigh in the vocabulary, its soft answers weigh; the last has none.
    soft_share = torch.tensor([0.9 * share, share, 1])
    expected = (1 - share) * hard - soft_share * (probability * log_p).sum(dim=1)
    found = answer_loss(
        logits, torch.from_numpy(blended.answer_index), torch.from_numpy(blended.answer_weight)
    )
    assert found.item() == pytest.approx(expected.mean().item(), abs=1e-5)


def test_what_nothing_is_known_of_is_learnt_as_before() -> None:
    own = encoded()
    blended = SoftAnswers.none(3, len(ANSWERS)).blend(own, 0.5)
    columns = own.answer_weight.shape[1]
    assert (blended.answer_weight[:, :columns] == own.answer_weight).all()
    assert not blended.answer_weight[:, columns:].any()


@given(st.floats(0, 1), st.integers(0, 99))
def test_mixed_they_are_the_mean_of_two(share: float, seed: int) -> None:
    probabilities = [softmax(seed + n, 3, len(ANSWERS)) for n in range(2)]
    kinds = [SoftAnswers.none(3, len(ANSWERS)) for _ in range(2)]
    for soft, probability in zip(kinds, probabilities, strict=True):
        soft.put(np.arange(3), probability)
    mixed = kinds[0].mixed(kinds[1], share)
    dense = np.zeros((3, len(ANSWERS)))
    np.add.at(dense, (np.arange(3)[:, None], mixed.index), mixed.probability)
    expected = (1 - share) * probabilities[0] + share * probabilities[1]
    assert dense == pytest.approx(expected.numpy(), abs=1e-6)


def test_giving_a_soft_answer_scores_nothing() -> None:
    own = encoded()
    soft = SoftAnswers.none(3, len(ANSWERS))
    soft.put(np.arange(3), softmax(0, 3, len(ANSWERS)))
    blended = soft.blend(own, 0.5)
    assert blended.answer_score.shape == blended.answer_index.shape
    assert (blended.answer_score.sum(axis=1) == own.answer_score.sum(axis=1)).all()


def test_of_many_answers_the_most_probable_are_kept() -> None:
    probability = softmax(1, 4, 3 * MOST)
    soft = SoftAnswers.none(4, 3 * MOST)
    soft.put(np.arange(4), probability)
    for row in range(4):
        values = probability[row].tolist()
        best = sorted(range(len(values)), key=lambda i: -values[i])[:MOST]
        total = sum(values[i] for i in best)
        kept = dict(zip(soft.index[row].tolist(), soft.probability[row].tolist(), strict=True))
        assert kept == pytest.approx({i: values[i] / total for i in best}, rel=1e-5)


def test_in_a_mirror_left_is_right_and_what_has_no_name_is_left_out() -> None:
    mirror = mirror_index(ENGLISH, ANSWERS)
    assert mirror.tolist() == [0, 1, 3, 2, -1]  # the right door is no answer
    soft = SoftAnswers(np.array([[2, 4, 0]]), np.array([[0.5, 0.2, 0.3]], dtype=np.float32))
    both = soft.with_mirrored(mirror)
    assert both.index[0].tolist() == [2, 4, 0]
    weights = np.zeros(len(ANSWERS))
    np.add.at(weights, both.index[1], both.probability[1])
    assert weights.tolist() == pytest.approx([0.3 / 0.8, 0, 0, 0.5 / 0.8, 0])
