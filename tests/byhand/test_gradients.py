"""Both networks' outputs and derivatives against autograd and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from askattend import byhand
from byhand.cases import USUAL, Case, Network, both, cases, loss64, tensors

assert_close = np.testing.assert_allclose


@both
@given(case=cases())
@settings(max_examples=40)
def test_outputs_loss_and_gradients_are_pytorchs(network: Network, case: Case) -> None:
    weights, batch, references = case.weights(network), case.batch(), case.references()
    model = network.torch(case.sizes, weights)
    inputs = tensors(batch)
    regions = inputs["regions"].requires_grad_()
    expected = model(**inputs)
    expected_loss = loss64(expected.logits, **tensors(references))
    expected_loss.backward()

    output = network.forward(weights, **batch)
    for name in ("question", "scores", "attention", "attended", "logits"):
        ours, theirs = getattr(output, name), getattr(expected, name).detach().numpy()
        assert ours.shape == theirs.shape
        assert_close(ours, theirs, rtol=1e-9, atol=1e-9, err_msg=name)

    loss, gradients = network.gradients(weights, **batch, **references)
    assert loss == pytest.approx(expected_loss.item(), rel=1e-9, abs=1e-9)
    assert gradients.keys() == weights.keys()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None
        assert_close(gradients[name], parameter.grad, rtol=1e-6, atol=1e-9, err_msg=name)

    dlogits = byhand.answer_loss_backward(output.logits, **references)
    _, dregions = network.backward(weights, output, dlogits)
    assert_close(dregions, regions.grad, rtol=1e-6, atol=1e-7)


@both
def test_gradients_are_finite_differences(network: Network) -> None:
    weights, batch, references = USUAL.weights(network), USUAL.batch(), USUAL.references()
    batch["regions"] += 0.1  # away from 0, where ‖v‖ has a corner
    batch["tokens"] = batch["tokens"].clip(1)  # padding is frozen: see the next test

    def loss() -> float:
        logits = network.forward(weights, **batch).logits
        return byhand.answer_loss(logits, **references)

    output = network.forward(weights, **batch)
    dlogits = byhand.answer_loss_backward(output.logits, **references)
    gradients, dregions = network.backward(weights, output, dlogits)
    arrays = {**weights, "regions": batch["regions"]}
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
    weights, batch, references = USUAL.weights(network), USUAL.batch(), USUAL.references()
    real = np.arange(USUAL.longest) < batch["lengths"][:, None]
    batch["tokens"] = np.where(real, 2, 0)
    _, gradients = network.gradients(weights, **batch, **references)
    wider = np.concatenate([batch["tokens"], np.full((USUAL.questions, 3), 4)], axis=1)
    _, wide = network.gradients(weights, **{**batch, "tokens": wider}, **references)
    for name, gradient in gradients.items():
        assert_close(gradient, wide[name], rtol=1e-12, atol=1e-15)
    learnt = np.flatnonzero(gradients["encoder.embedding.weight"].any(axis=1))
    assert learnt.tolist() == [2]
    # Even in the midst of a question, word 0 stays as it is.
    _, gradients = network.gradients(weights, **{**batch, "tokens": wider * 0}, **references)
    assert not gradients["encoder.embedding.weight"].any()


@both
def test_float32_stays_float32(network: Network) -> None:
    weights = {name: w.astype(np.float32) for name, w in USUAL.weights(network).items()}
    output = network.forward(weights, **USUAL.batch())
    assert {output.logits.dtype, output.attention.dtype} == {np.dtype(np.float32)}
    loss, gradients = network.gradients(weights, **USUAL.batch(), **USUAL.references())
    assert {g.dtype for g in gradients.values()} == {np.dtype(np.float32)}
    adam = byhand.Adam(weights)
    adam.step(gradients, learning_rate=1e-3)
    assert {w.dtype for w in weights.values()} == {np.dtype(np.float32)}
    exact, _ = network.gradients(USUAL.weights(network), **USUAL.batch(), **USUAL.references())
    assert loss == pytest.approx(exact, rel=1e-5)
