"""SAAA against weights, intermediates, loss and gradients of the reference implementation."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from askattend.importing.pytorch_vqa import our_names
from askattend.metrics.vqa_official import leave_one_out
from askattend.models import SAAA, Output, SAAAConfig
from askattend.models.loss import answer_loss

assert_close = partial(torch.testing.assert_close, rtol=1e-5, atol=1e-5)


@pytest.fixture(scope="module")
def reference(shared: Path) -> dict[str, dict[str, Tensor]]:
    groups: dict[str, dict[str, Tensor]] = {}
    for name, tensor in load_file(shared / "golden" / "saaa_reference.safetensors").items():
        group, _, rest = name.partition(".")
        groups.setdefault(group, {})[rest] = tensor
    return groups


@pytest.fixture(scope="module")
def passed(reference: dict[str, dict[str, Tensor]]) -> tuple[SAAA, Output, Tensor]:
    """The network with the reference's weights, its output and its loss, gradients taken."""
    state, given = our_names(reference["state"]), reference["input"]
    config = SAAAConfig(embedding_dim=12, question_dim=20, attention_dim=16, hidden_dim=28)
    model = SAAA(config, words=40, answers=15, region_dim=24).eval()
    model.load_state_dict(state)
    output = model(
        given["image_features"].flatten(2).transpose(1, 2),
        given["question_tokens"],
        given["question_lengths"],
    )
    counts = given["answer_counts"]
    every = torch.arange(15).expand_as(counts)
    loss = answer_loss(output.logits, every, counts / 10)  # ten people answered each question
    loss.backward()
    return model, output, loss


def test_every_intermediate(
    reference: dict[str, dict[str, Tensor]], passed: tuple[SAAA, Output, Tensor]
) -> None:
    _, output, loss = passed
    expected = reference["output"]
    assert_close(output.question, expected["question_state"])
    assert_close(output.scores, expected["attention_scores"].flatten(2))
    assert_close(output.attention, expected["attention"])
    assert_close(output.attended.flatten(1), expected["pooled"])
    assert_close(output.logits, expected["logits"])
    assert_close(loss, expected["loss"])


def test_accuracy(
    reference: dict[str, dict[str, Tensor]], passed: tuple[SAAA, Output, Tensor]
) -> None:
    _, output, _ = passed
    counts = reference["input"]["answer_counts"].gather(1, output.logits.argmax(1, keepdim=True))
    found = torch.tensor([[leave_one_out(int(n), 10, needed=3)] for n in counts])
    assert_close(found, reference["output"]["vqa_accuracy"])


def test_every_gradient(
    reference: dict[str, dict[str, Tensor]], passed: tuple[SAAA, Output, Tensor]
) -> None:
    model, _, _ = passed
    expected = our_names(reference["grad"])
    parameters = dict(model.named_parameters())
    assert parameters.keys() == expected.keys()
    for name, parameter in parameters.items():
        assert_close(parameter.grad, expected[name])
