"""Whole networks give the same numbers, whichever way their kernels compute."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from askattend import record
from askattend.devices import autocast
from askattend.models import Network
from small_networks import CONFIGS, small_batch, small_network

FIELDS = ("logits", "attention", "scores", "attended", "question")


def gradients(model: Network) -> dict[str, Tensor]:
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def answered(model: Network, *, recorded: bool) -> tuple[Any, dict[str, Tensor]]:
    """Output and gradients of a made-up loss of all of it."""
    model.zero_grad()
    if recorded:
        with record():
            output = model(*small_batch())
    else:
        output = model(*small_batch())
    loss = output.logits.logsumexp(1).sum() + (output.attention**2).sum() + output.question.sum()
    loss.backward()
    return output, {name: g.clone() for name, g in gradients(model).items()}


def refuse(*_: Any) -> Any:
    raise AssertionError("the reference, where a quick way should be")


# The others compute as they are written, recorded or not.
@pytest.mark.parametrize("name", ["saaa", "san", "san-cnn", "question-only"])
@pytest.mark.parametrize("training", [True, False])
def test_quick_ways_give_what_the_references_give(
    name: str, training: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = small_network(name).double().train(training)
    expected, expected_gradients = answered(model, recorded=True)
    # So that the two are not the same way twice.
    for kernel in ("scores", "lstm"):
        monkeypatch.setattr(f"askattend.models.kernels.{kernel}.reference", refuse)
    found, found_gradients = answered(model, recorded=False)
    with pytest.raises(AssertionError, match="the reference"):
        answered(model, recorded=True)
    for field in FIELDS:
        torch.testing.assert_close(getattr(found, field), getattr(expected, field))
    assert found_gradients.keys() == expected_gradients.keys()
    torch.testing.assert_close(found_gradients, expected_gradients)


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("training", [True, False])
def test_a_gpus_way_gives_the_same_output_and_gradients(
    name: str, training: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = small_network(name).double().train(training)
    expected, expected_gradients = answered(model, recorded=False)
    monkeypatch.setattr("askattend.models.kernels.choice.on_gpu", lambda *_: True)
    found, found_gradients = answered(model, recorded=False)
    for field in FIELDS:
        torch.testing.assert_close(getattr(found, field), getattr(expected, field))
    torch.testing.assert_close(found_gradients, expected_gradients)


@pytest.mark.parametrize("gpu", [False, True])
@pytest.mark.parametrize("name", CONFIGS)
def test_bfloat16_gives_nearly_the_same(
    name: str, gpu: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = small_network(name).eval()
    arguments = small_batch(torch.float16)
    with torch.no_grad():
        exact = model(*arguments)
        if gpu:
            monkeypatch.setattr("askattend.models.kernels.choice.on_gpu", lambda *_: True)
        with autocast("bfloat16", model):
            trained = model(*arguments)
        asked = model.bfloat16()(*arguments)
    for low in (trained, asked):
        assert low.logits.dtype == torch.bfloat16
        near: dict[str, Any] = {"rtol": 0.03, "atol": 0.03 * exact.logits.abs().max().item()}
        torch.testing.assert_close(low.logits.float(), exact.logits, **near)
        torch.testing.assert_close(low.attention.float(), exact.attention, rtol=0.05, atol=0.02)


@pytest.mark.parametrize("name", ["saaa", "san"])
def test_softmax_and_gradients_are_float32_under_bfloat16(name: str) -> None:
    model = small_network(name).train()
    with autocast("bfloat16", model):
        output = model(*small_batch(torch.float16))
    assert output.attention.dtype == torch.float32
    torch.testing.assert_close(output.attention.sum(dim=2), torch.ones(5, len(output.attention[0])))
    output.logits.float().logsumexp(1).sum().backward()
    assert {gradient.dtype for gradient in gradients(model).values()} == {torch.float32}
