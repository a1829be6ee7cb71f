"""A network that loses its training layer by layer."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from askattend.attribution.randomising import cascade
from askattend.models import SAAA, build_model
from small_networks import ANSWERS, CONFIGS, DIM, WORDS, small_batch, small_network

LAYERS = {
    "saaa": [
        *("classifier.4", "classifier.1", "attention.score", "attention.question"),
        *("attention.region", "encoder.lstm", "encoder.embedding"),
    ],
    "san": [
        "classifier",
        *(f"hops.{hop}.{layer}" for hop in (1, 0) for layer in ("score", "query", "region")),
        *("image", "encoder.lstm", "encoder.embedding"),
    ],
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_are_lost_from_the_answers_to_the_inputs(name: str) -> None:
    trained = small_network(name).eval()
    before = {key: value.clone() for key, value in trained.state_dict().items()}
    torch.manual_seed(1)
    fresh = build_model(CONFIGS[name], words=WORDS, answers=ANSWERS, region_dim=DIM)
    lost: list[str] = []
    for layer, model in cascade(trained, fresh):
        lost.append(layer)
        assert not model.training
        for key, value in model.state_dict().items():
            gone = any(key.startswith(f"{one}.") for one in lost)
            assert torch.equal(value, (fresh.state_dict() if gone else before)[key]), key
    assert lost == LAYERS[name]
    assert all(torch.equal(value, before[key]) for key, value in trained.state_dict().items())


def test_attention_knows_nothing_of_the_classifier() -> None:
    trained, fresh = small_network("saaa").eval(), small_network("saaa", dropout=0.1)
    with torch.no_grad():
        for parameter in fresh.parameters():
            parameter.uniform_(-1, 1)
    regions, tokens, lengths, image_index = small_batch(torch.float32)
    with torch.no_grad():
        own = trained(regions, tokens, lengths, image_index).attention
        same = {
            layer: torch.equal(model(regions, tokens, lengths, image_index).attention, own)
            for layer, model in cascade(trained, fresh)
        }
    assert [layer for layer, is_same in same.items() if is_same] == ["classifier.4", "classifier.1"]


class Scaled(SAAA):
    def __init__(self, **sizes: Any) -> None:
        super().__init__(**sizes)
        self.scale = nn.Parameter(torch.ones(1))


def test_a_parameter_of_the_network_itself_is_a_layer_too() -> None:
    trained, fresh = (Scaled(words=4, answers=3, region_dim=2) for _ in range(2))
    with torch.no_grad():
        fresh.scale.fill_(3)
    *_, (name, last) = cascade(trained, fresh)
    assert name == "itself"
    assert last.get_parameter("scale").item() == 3
