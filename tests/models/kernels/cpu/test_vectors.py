"""A matrix times a vector in C."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from askattend.models.kernels import choice, linear
from askattend.models.kernels.cpu.vectors import times_vector
from askattend.models.kernels.recurrence import LSTM
from askattend.native.library import call


@pytest.mark.parametrize("out", [1, 3, 4, 9, 1000])
@pytest.mark.parametrize("columns", [1, 7, 32, 1025])
def test_it_is_the_product(out: int, columns: int) -> None:
    torch.manual_seed(0)
    weight, x = torch.randn(out, columns).bfloat16(), torch.randn(columns).bfloat16()
    bias = torch.randn(out).bfloat16()
    exact = weight.double() @ x.double()
    torch.testing.assert_close(times_vector(weight, x).double(), exact, rtol=1e-5, atol=1e-4)
    added = times_vector(weight, x, bias).double()
    torch.testing.assert_close(added, exact + bias.double(), rtol=1e-5, atol=1e-4)


@torch.no_grad()
def test_layers_and_states_are_what_they_are_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    monkeypatch.setattr(choice, "LARGE", 1)
    layer, x = nn.Linear(30, 20).bfloat16(), torch.randn(1, 30).bfloat16()
    lstm, words = LSTM(6, 30, batch_first=True).bfloat16(), torch.randn(5, 1, 6).bfloat16()
    calls: list[str] = []

    def counted(name: str, *rest: Any) -> None:
        calls.append(name)
        call(name, *rest)

    monkeypatch.setattr("askattend.models.kernels.cpu.vectors.call", counted)

    def answered() -> list[torch.Tensor]:
        inputs = lstm.inputs(words[:, 0]).split(1)
        return [linear(layer, x), *lstm.last_states_of(inputs, torch.bfloat16, several=False)]

    ours = answered()
    assert calls == ["times_vector"] * 5  # the layer's, and four words' after the first
    monkeypatch.setattr(choice, "native_runs", lambda *_, **__: False)
    for one, other in zip(ours, answered(), strict=True):
        assert one.dtype == other.dtype
        torch.testing.assert_close(one, other, rtol=0.03, atol=0.03)
