"""Least time that a training step of SAAA can take on a device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from askattend.models import SAAA
from benchmarks.data import Shape
from benchmarks.measure import median_seconds


@dataclass(frozen=True)
class Rates:
    """Work that a device does in a second.

    Attributes:
        operations: of a large matrix product, a multiplication and an addition counting as two.
        bytes: read or written, by a large copy.
    """

    operations: float
    bytes: float


def rates_of(device: torch.device, dtype: torch.dtype) -> Rates:
    """Measure a device; products are of matrices of `dtype`."""
    side, size = (8192, 2**30) if device.type == "cuda" else (512, 2**24)
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    source = torch.ones(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)

    def product() -> None:
        torch.mm(a, b)
        wait_for(device)

    def copied() -> None:
        target.copy_(source)
        wait_for(device)

    per_second = 2 * side**3 / median_seconds(product, rounds=10)
    return Rates(per_second, 2 * size / median_seconds(copied, rounds=10))


def operations(
    model: SAAA, shape: Shape, *, questions: float, images: float, words: float
) -> float:
    """Count the operations of training's matrix products, for questions of so many words each.

    A product counts three times, forwards and for the gradients of both factors; with features,
    which need no gradient, twice. The first word finds no state to multiply.
    """
    sizes, regions, dim = model.config, shape.side**2, shape.region_dim
    gates, combined = 4 * sizes.question_dim, sizes.glimpses * dim + sizes.question_dim
    read = 3 * gates * (words * sizes.embedding_dim + (words - 1) * sizes.question_dim)
    scored = 3 * sizes.attention_dim * (sizes.question_dim + regions * sizes.glimpses)
    attended = 2 * sizes.glimpses * regions * dim
    answered = 3 * sizes.hidden_dim * (combined + shape.answers)
    projected = 2 * regions * dim * sizes.attention_dim
    return 2.0 * (questions * (read + scored + attended + answered) + images * projected)


def least_bytes(model: SAAA, shape: Shape, *, steps: int, images: float) -> float:
    """Count the bytes that training moves even if all else stays on the chip.

    Features are read once, in 16 bits. Weights, Adam's two moments and gradients are read and
    written once a step, in float32.
    """
    weights = sum(parameter.numel() for parameter in model.parameters())
    return 2.0 * images * shape.side**2 * shape.region_dim + 2 * 4 * 4 * weights * steps


def covered(spans: Sequence[tuple[float, float]]) -> float:
    """Measure the length that spans cover together; they may overlap."""
    length, end = 0.0, float("-inf")
    for start, stop in sorted(spans):
        length += max(0.0, stop - max(start, end))
        end = max(end, stop)
    return length


def wait_for(device: torch.device) -> None:
    """Wait until all that was asked of a device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
