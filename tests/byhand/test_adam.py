"""Adam, and training by hand, against PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from askattend import byhand
from askattend.models.loss import answer_loss
from byhand.cases import NETWORKS, SMALL, USUAL, Network, both, tensors

assert_close = np.testing.assert_allclose


@given(st.integers(0, 1000), st.floats(0.1, 0.95), st.floats(0.5, 0.9999))
@settings(max_examples=30)
def test_adam_is_pytorchs(seed: int, beta1: float, beta2: float) -> None:
    rng = np.random.default_rng(seed)
    start = {"a": rng.normal(size=(3, 2)), "b": rng.normal(size=4)}
    weights = dict(start)
    parameters = {name: torch.tensor(x, requires_grad=True) for name, x in start.items()}
    theirs = torch.optim.Adam(parameters.values(), betas=(beta1, beta2))
    ours = byhand.Adam(weights, beta1=beta1, beta2=beta2)
    for _ in range(6):
        # From huge to none at all, where ε matters.
        scale = rng.choice([1e3, 1.0, 1e-8, 0.0])
        gradients = {name: scale * rng.normal(size=x.shape) for name, x in start.items()}
        rate = float(rng.random())
        for name, parameter in parameters.items():
            parameter.grad = torch.tensor(gradients[name])
        theirs.param_groups[0]["lr"] = rate
        theirs.step()
        ours.step(gradients, rate)
    for name, parameter in parameters.items():
        assert_close(weights[name], parameter.detach(), rtol=1e-9, atol=1e-12)


def test_adam_leaves_the_arrays_that_it_was_given_alone() -> None:
    model = NETWORKS["san"].torch(SMALL)
    weights = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    gradients = {name: np.ones_like(weight) for name, weight in weights.items()}
    byhand.Adam(weights).step(gradients, learning_rate=0.1)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])  # state_dict() shares its memory with `weights`
        assert_close(weights[name], before[name] - 0.1, rtol=1e-6, atol=1e-6)


@both
def test_training_is_pytorchs_step_for_step(network: Network) -> None:
    weights, batch, references = USUAL.weights(network), USUAL.batch(), USUAL.references()
    model = network.torch(USUAL.sizes, weights)
    theirs = torch.optim.Adam(model.parameters())
    ours = byhand.Adam(weights)
    losses = []
    for step in range(50):
        rate = 0.01 * 0.5 ** (step / 20)
        theirs.param_groups[0]["lr"] = rate
        theirs.zero_grad()
        logits = model(**tensors(batch)).logits
        expected = answer_loss(logits, **tensors(references))
        expected.backward()
        theirs.step()
        loss, gradients = network.gradients(weights, **batch, **references)
        ours.step(gradients, rate)
        assert loss == pytest.approx(expected.item(), rel=1e-6), step
        losses.append(loss)
    assert losses[-1] < 0.8 * losses[0]
