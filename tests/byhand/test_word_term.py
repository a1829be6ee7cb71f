"""The linear term of words, and whatever else a recipe of `train` changes, against PyTorch's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from askattend import byhand
from askattend.experiment.config import config_from
from askattend.experiment.recipe import SetSize, recipe_for
from byhand.cases import NETWORKS, USUAL, Network, both, loss64, tensors

assert_close = np.testing.assert_allclose

SIZES = {"words": 7, "answers": 5, "region_dim": 6}
# One set of each recipe, with plenty for each answer and without.
SETS = [
    SetSize(questions, 30, answers)
    for questions in (142, 19_999, 20_000)
    for answers in (1, 10_000)
]
CHOICES = ["none", "words", "pairs"]


def by_recipe(name: str, size: SetSize) -> Any:
    config = config_from({"data": "table:none.csv"}, name, where="here")
    return recipe_for(replace(config, recipe="auto"), size).model


def batch_of_words(rng: np.random.Generator) -> dict[str, Any]:
    """Padded with 0, as PyTorch's term wants it."""
    batch = USUAL.batch()
    real = np.arange(USUAL.longest) < batch["lengths"][:, None]
    tokens = rng.integers(1, SIZES["words"], size=batch["tokens"].shape)
    return {**batch, "tokens": np.where(real, tokens, 0)}


def held_against_pytorch(network: Network, config: Any) -> None:
    rng = np.random.default_rng(0)
    model = network.network(config, **SIZES).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.from_numpy(rng.normal(size=parameter.shape) / 30))
    weights = {name: tensor.numpy().copy() for name, tensor in model.state_dict().items()}
    batch, references = batch_of_words(rng), USUAL.references()
    expected = model(**tensors(batch))
    loss64(expected.logits, **tensors(references)).backward()
    output = network.forward(weights, **batch)
    for name in ("question", "scores", "attention", "attended", "logits"):
        theirs = getattr(expected, name).detach().numpy()
        assert_close(getattr(output, name), theirs, rtol=1e-12, atol=1e-12, err_msg=name)
    _, gradients = network.gradients(weights, **batch, **references)
    assert gradients.keys() == weights.keys()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None
        assert_close(gradients[name], parameter.grad, rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("size", SETS, ids=str)
@pytest.mark.parametrize("name", NETWORKS)
def test_what_each_recipe_trains_is_pytorchs(name: str, size: SetSize) -> None:
    held_against_pytorch(NETWORKS[name], by_recipe(name, size))


@both
@pytest.mark.parametrize("choice", CHOICES)
def test_each_choice_of_the_term_is_pytorchs(network: Network, choice: str) -> None:
    held_against_pytorch(network, replace(network.config(), word_logits=choice))


def test_some_recipe_has_the_term_and_some_has_not() -> None:
    assert {by_recipe("saaa", size).word_logits for size in SETS} == {"none", "pairs"}


@both
def test_what_follows_a_question_is_not_read(network: Network) -> None:
    weights = USUAL.weights(network)
    weights["word_logits.weight"] = np.random.default_rng(1).normal(size=(7 + 4096, 5))
    batch = batch_of_words(np.random.default_rng(2))
    wider = np.concatenate([batch["tokens"], np.full((USUAL.questions, 2), 4)], axis=1)
    logits = network.forward(weights, **batch).logits
    assert_close(network.forward(weights, **{**batch, "tokens": wider}).logits, logits, rtol=1e-12)


@both
def test_float32_stays_float32(network: Network) -> None:
    weights = {name: w.astype(np.float32) for name, w in USUAL.weights(network).items()}
    weights["word_logits.weight"] = np.ones((7, 5), np.float32)
    assert network.forward(weights, **USUAL.batch()).logits.dtype == np.float32
    _, gradients = network.gradients(weights, **USUAL.batch(), **USUAL.references())
    assert gradients["word_logits.weight"].dtype == np.float32


@both
@pytest.mark.parametrize("shape", [(7,), (8, 5), (7, 4)])
def test_a_term_of_another_shape_is_refused(network: Network, shape: tuple[int, ...]) -> None:
    weights = {**USUAL.weights(network), "word_logits.weight": np.zeros(shape)}
    with pytest.raises(byhand.ShapeError, match=r"word_logits\.weight: .*Give it 4103 × 5"):
        network.forward(weights, **USUAL.batch())
