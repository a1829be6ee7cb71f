"""Adam, and training by hand against training by PyTorch."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from askattend import byhand
from askattend.models.loss import answer_loss
from byhand.byhand_cases import NETWORKS, SMALL, USUAL, Case, Network, both, cases, tensors

assert_close = np.testing.assert_allclose


@both
def test_float32_stays_float32(network: Network) -> None:
    weights = {name: w.astype(np.float32) for name, w in USUAL.weights(network).items()}
    output = network.forward(weights, **USUAL.asked())
    assert {output.logits.dtype, output.attention.dtype} == {np.dtype(np.float32)}
    loss, gradients = network.gradients(weights, **USUAL.asked(), **USUAL.answered())
    assert {g.dtype for g in gradients.values()} == {np.dtype(np.float32)}
    adam = byhand.Adam(weights)
    adam.step(gradients, learning_rate=1e-3)
    assert {w.dtype for w in weights.values()} == {np.dtype(np.float32)}
    exact, _ = network.gradients(USUAL.weights(network), **USUAL.asked(), **USUAL.answered())
    assert loss == pytest.approx(exact, rel=1e-5)


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
    weights, asked, answered = USUAL.weights(network), USUAL.asked(), USUAL.answered()
    model = network.torch(USUAL.sizes, weights)
    theirs = torch.optim.Adam(model.parameters())
    ours = byhand.Adam(weights)
    losses = []
    for step in range(50):
        rate = 0.01 * 0.5 ** (step / 20)
        theirs.param_groups[0]["lr"] = rate
        theirs.zero_grad()
        logits = model(**tensors(asked)).logits
        expected = answer_loss(logits, **tensors(answered))
        expected.backward()
        theirs.step()
        loss, gradients = network.gradients(weights, **asked, **answered)
        ours.step(gradients, rate)
        assert loss == pytest.approx(expected.item(), rel=1e-6), step
        losses.append(loss)
    assert losses[-1] < 0.8 * losses[0]


@both
@given(case=cases())
@settings(max_examples=20)
def test_initial_weights_fit_the_pytorch_network(network: Network, case: Case) -> None:
    weights = network.weights(np.random.default_rng(case.seed), **network.sizes(case.sizes))
    model = network.torch(case.sizes, weights)  # strict: same names, same shapes
    assert list(model.state_dict()) == sorted(weights, key=list(model.state_dict()).index)
    assert not weights["encoder.embedding.weight"][0].any()
    for name, weight in weights.items():
        if name.endswith("bias") or ".bias_" in name:
            assert not weight.any()
        else:
            assert np.abs(weight).max() <= np.sqrt(6 / 2)
            assert weight[1:].any() or len(weight) == 1


def test_initial_weights_are_as_large_as_the_frameworks() -> None:
    sizes = {**NETWORKS["saaa"].sizes(SMALL), "question_dim": 40, "embedding_dim": 40}
    sizes |= {"words": 60, "attention_dim": 50, "hidden_dim": 40, "region_dim": 50}
    ours = byhand.saaa_weights(np.random.default_rng(0), **sizes)
    for name, theirs in NETWORKS["saaa"].torch(sizes).state_dict().items():
        if theirs.numel() > 500:
            assert_close(ours[name].std(), theirs.numpy().std(), rtol=0.1, err_msg=name)


def test_the_example_trains_where_there_is_no_pytorch() -> None:
    document = inspect.getdoc(byhand)
    assert document
    _, _, rest = document.partition("without PyTorch at all::\n")
    example = textwrap.dedent(rest.partition("**Dropout**")[0])
    code = "import sys; sys.modules['torch'] = None\n" + example
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = re.fullmatch(r"loss (\S+); attention \(6, 2, 9\)\n", done.stdout)
    assert found
    assert float(found[1]) < 0.1  # from log 4, which is guessing
