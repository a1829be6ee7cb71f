"""Dropout in C, against its mask."""

from __future__ import annotations

import pytest
import torch

from askattend.models.kernels.cpu.draws import draw
from askattend.models.kernels.cpu.dropout import dropout
from askattend.models.kernels.dropout import Dropout


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("p", [0.5, 0.1, 0.999])
@pytest.mark.parametrize("count", [1, 7, 64, 4096, 10_001])
def test_it_multiplies_with_its_mask(count: int, p: float, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    x = torch.randn(count).to(dtype).requires_grad_()
    draws = draw(count, p)
    y = dropout(x, draws, 1 / (1 - p))
    kept = draws.mask((count,)).double() / (1 - p)
    torch.testing.assert_close(y.double(), x.double() * kept, rtol=4e-3, atol=0)
    upstream = torch.randn(count).to(dtype)
    (d,) = torch.autograd.grad(y, x, upstream)
    torch.testing.assert_close(d.double(), upstream.double() * kept, rtol=4e-3, atol=0)


def test_it_keeps_what_the_way_without_a_compiler_keeps(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, x = Dropout(0.3), torch.randn(5, 7)
    torch.manual_seed(3)
    ours = layer(x)
    monkeypatch.setattr("askattend.models.kernels.choice.native_runs", lambda *_, **__: False)
    torch.manual_seed(3)
    torch.testing.assert_close(ours, layer(x))
    assert (ours == 0).any()
