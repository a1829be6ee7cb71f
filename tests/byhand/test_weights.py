"""Initial weights: names, shapes and sizes are the PyTorch networks'."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from askattend import byhand
from byhand.cases import NETWORKS, SMALL, Case, Network, both, cases

assert_close = np.testing.assert_allclose


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


@both
@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ({"hidden": 3}, "hidden: this network has no such size"),
        ({"attention_dims": 3}, r"attention_dims: .*\. Did you mean 'attention_dim'\?"),
        ({"words": 0}, "words: 0 is not a whole number from 1 up"),
        ({"answers": None}, "answers: this size is missing"),
    ],
)
def test_sizes_are_known_and_positive(network: Network, sizes: dict[str, Any], said: str) -> None:
    given = {"words": 7, "answers": 5, "region_dim": 6, **sizes}
    given = {name: value for name, value in given.items() if value is not None}
    with pytest.raises(byhand.ShapeError, match=f"^{said}"):
        network.weights(np.random.default_rng(0), **given)
