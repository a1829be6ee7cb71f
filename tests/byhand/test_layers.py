"""The layers by hand that networks share, against the framework's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from askattend import byhand
from askattend.byhand import layers
from askattend.models.loss import answer_loss

assert_close = np.testing.assert_allclose


@given(st.integers(0, 1000), st.integers(1, 6), st.integers(1, 6), st.integers(1, 3))
def test_loss_is_the_frameworks(seed: int, questions: int, answers: int, references: int) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(questions, answers)) * 3
    index = rng.integers(answers, size=(questions, references))
    weight = rng.random((questions, references)) / references
    parameter = torch.tensor(logits, requires_grad=True)
    expected = answer_loss(parameter, torch.tensor(index), torch.tensor(weight))
    expected.backward()
    loss = byhand.answer_loss(logits, index, weight)
    assert loss == pytest.approx(expected.item(), rel=1e-6, abs=1e-6)  # theirs is float32
    ours = byhand.answer_loss_backward(logits, index, weight)
    assert parameter.grad is not None
    assert_close(ours, parameter.grad.numpy(), rtol=1e-6, atol=1e-6)


def test_nothing_overflows() -> None:
    far = np.array([[-1e4, 0.0, 1e4]])
    assert_close(layers.sigmoid(far), [[0, 0.5, 1]])
    assert_close(layers.softmax(far), [[0, 0, 1]])
    assert byhand.answer_loss(far, np.array([[0]]), np.array([[1.0]])) == 2e4
