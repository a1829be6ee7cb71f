"""Fused convolutions against the operations one after the other."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from askattend.features import fused_convolution
from askattend.features.fused_convolution import FusedConvolution


def layers(
    channels: int, out: int, kernel: int, stride: int, groups: int
) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    convolution = nn.Conv2d(channels, out, kernel, stride, groups=groups, bias=False)
    norm = nn.BatchNorm2d(out)
    nn.init.normal_(norm.weight, 2.0)
    nn.init.normal_(norm.bias)
    norm.running_mean = torch.randn(out)
    norm.running_var = torch.rand(out) + 0.5
    return convolution.eval(), norm.eval()


def fused_of(convolution: nn.Conv2d, norm: nn.BatchNorm2d, **more: Any) -> FusedConvolution:
    return FusedConvolution(convolution.weight, norm.state_dict(), epsilon=norm.eps, **more)


def one_by_one(
    parts: tuple[nn.Conv2d, nn.BatchNorm2d], x: Tensor, padding: tuple[int, int]
) -> Tensor:
    convolution, norm = parts
    with torch.no_grad():
        y: Tensor = norm(convolution(F.pad(x, padding * 2)))
    return y


@settings(max_examples=40, deadline=None)
@given(
    kernel=st.sampled_from([1, 3, 5]),
    stride=st.sampled_from([1, 2]),
    depthwise=st.booleans(),
    more=st.booleans(),
    after=st.sampled_from(["nothing", "clamp", "sum"]),
    side=st.integers(5, 12),
    seed=st.integers(0, 9),
)
def test_as_one_by_one(
    kernel: int, stride: int, depthwise: bool, more: bool, after: str, side: int, seed: int
) -> None:
    """Padding, norm, clamp and sum are those of separate operations, with a gradient or without."""
    torch.manual_seed(seed)
    channels, out = (16, 16) if depthwise else (8, 24)
    parts = layers(channels, out, kernel, stride, channels if depthwise else 1)
    right = kernel // 2
    padding = (max(right - more, 0), right)
    x = torch.randn(2, channels, side, side).contiguous(memory_format=torch.channels_last)
    expected = one_by_one(parts, x, padding)
    plus = torch.randn_like(expected) if after == "sum" else None
    if plus is not None:
        expected = expected + plus
    if after == "clamp":
        expected = expected.clamp(0, 6)
    fused = fused_of(*parts, stride=stride, padding=padding, clamped=after == "clamp")
    fused.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    with torch.inference_mode():
        torch.testing.assert_close(fused(x, plus), expected, rtol=1e-4, atol=1e-4)
    followed = fused(x.requires_grad_(), plus)
    assert followed.requires_grad
    torch.testing.assert_close(followed.detach(), expected, rtol=1e-4, atol=1e-4)


def test_weights_laid_out_are_those_of_now() -> None:
    """What oneDNN laid out goes with the weights: into another type, another file, a copy."""
    parts, x = layers(8, 16, 1, 1, 1), torch.randn(1, 8, 4, 4)
    fused = fused_of(*parts)
    with torch.inference_mode():
        before = fused(x)
        copied = copy.deepcopy(fused)
        torch.testing.assert_close(copied(x), before)
        fused.weight.data.mul_(2)
        fused.bias.data.mul_(2)
        fused.to(torch.float64).to(torch.float32)
        torch.testing.assert_close(fused(x), 2 * before, rtol=1e-4, atol=1e-4)
        assert fused.bfloat16()(x.bfloat16()).dtype == torch.bfloat16


def test_a_processor_without_onednn_computes_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    parts, x = layers(16, 16, 3, 2, 16), torch.randn(2, 16, 7, 7)
    fused = fused_of(*parts, stride=2, padding=(0, 1), clamped=True)
    with torch.inference_mode():
        quick = fused(x)
        monkeypatch.setattr(fused_convolution, "_onednn_fuses", lambda: False)
        torch.testing.assert_close(fused(x), quick, rtol=1e-4, atol=1e-4)
