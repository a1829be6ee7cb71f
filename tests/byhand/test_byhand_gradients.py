"""Outputs and derivatives against PyTorch's autograd and finite differences."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from askattend import byhand
from askattend.byhand import layers
from askattend.byhand.lstm import lstm
from askattend.models.loss import answer_loss
from byhand.byhand_cases import USUAL, Case, Network, both, cases, loss64, tensors

assert_close = np.testing.assert_allclose


@both
@given(case=cases())
@settings(max_examples=40)
def test_outputs_loss_and_gradients_are_pytorchs(network: Network, case: Case) -> None:
    weights, asked, answered = case.weights(network), case.asked(), case.answered()
    model = network.torch(case.sizes, weights)
    inputs = tensors(asked)
    regions = inputs["regions"].requires_grad_()
    expected = model(**inputs)
    expected_loss = loss64(expected.logits, **tensors(answered))
    expected_loss.backward()

    output = network.forward(weights, **asked)
    for name in ("question", "scores", "attention", "attended", "logits"):
        ours, theirs = getattr(output, name), getattr(expected, name).detach().numpy()
        assert ours.shape == theirs.shape
        assert_close(ours, theirs, rtol=1e-9, atol=1e-9, err_msg=name)

    loss, gradients = network.gradients(weights, **asked, **answered)
    assert loss == pytest.approx(expected_loss.item(), rel=1e-9, abs=1e-9)
    assert gradients.keys() == weights.keys()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None
        assert_close(gradients[name], parameter.grad, rtol=1e-6, atol=1e-9, err_msg=name)

    dlogits = byhand.answer_loss_backward(output.logits, **answered)
    _, dregions = network.backward(weights, output, dlogits)
    assert_close(dregions, regions.grad, rtol=1e-6, atol=1e-7)


@both
def test_gradients_are_finite_differences(network: Network) -> None:
    weights, asked, answered = USUAL.weights(network), USUAL.asked(), USUAL.answered()
    asked["regions"] += 0.1  # away from 0, where ‖v‖ has a corner
    asked["tokens"] = asked["tokens"].clip(1)  # padding is frozen: see the next test

    def loss() -> float:
        logits = network.forward(weights, **asked).logits
        return byhand.answer_loss(logits, **answered)

    output = network.forward(weights, **asked)
    dlogits = byhand.answer_loss_backward(output.logits, **answered)
    gradients, dregions = network.backward(weights, output, dlogits)
    arrays = {**weights, "regions": asked["regions"]}
    rng, step = np.random.default_rng(5), 1e-6
    for name, gradient in {**gradients, "regions": dregions}.items():
        array = arrays[name]
        for entry in {tuple(rng.integers(array.shape)) for _ in range(8)}:
            value = array[entry]
            array[entry] = value + step
            above = loss()
            array[entry] = value - step
            slope = (above - loss()) / (2 * step)
            array[entry] = value
            assert gradient[entry] == pytest.approx(slope, rel=1e-5, abs=1e-8), (name, entry)


@both
def test_padding_is_never_read_and_never_learns(network: Network) -> None:
    weights, asked, answered = USUAL.weights(network), USUAL.asked(), USUAL.answered()
    real = np.arange(USUAL.longest) < asked["lengths"][:, None]
    asked["tokens"] = np.where(real, 2, 0)
    _, gradients = network.gradients(weights, **asked, **answered)
    wider = np.concatenate([asked["tokens"], np.full((USUAL.questions, 3), 4)], axis=1)
    _, wide = network.gradients(weights, **{**asked, "tokens": wider}, **answered)
    for name, gradient in gradients.items():
        assert_close(gradient, wide[name], rtol=1e-12, atol=1e-15)
    learnt = np.flatnonzero(gradients["encoder.embedding.weight"].any(axis=1))
    assert learnt.tolist() == [2]
    # Even in the midst of a question, word 0 stays as it is.
    _, gradients = network.gradients(weights, **{**asked, "tokens": wider * 0}, **answered)
    assert not gradients["encoder.embedding.weight"].any()


def test_states_stand_still_once_a_question_has_ended() -> None:
    rng = np.random.default_rng(0)
    W, U, b = rng.normal(size=(8, 3)), rng.normal(size=(8, 2)), rng.normal(size=8)
    states = lstm(rng.normal(size=(2, 4, 3)), np.array([4, 2]), W, U, b, b)
    for sequence in (states.hidden, states.cell):
        moved = [(after != before).all(axis=1) for before, after in pairwise(sequence)]
        assert np.array_equal(moved, [[True, True], [True, True], [True, False], [True, False]])


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
