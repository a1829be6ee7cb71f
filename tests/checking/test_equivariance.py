"""Scores that depend on what they must not depend on."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from askattend.models.saaa import GlimpseAttention
from checking.mistakes import EQUIVARIANCE, assert_found
from checking.modules import (
    GLIMPSES,
    QUESTION,
    REGION,
    Mine,
    check,
    failed,
    note,
    relu_of,
    with_forward,
)


@pytest.mark.parametrize("mistake", EQUIVARIANCE)
def test_mistakes_are_found(mistake: str) -> None:
    assert_found(EQUIVARIANCE[mistake])


class Shared(GlimpseAttention):
    """Takes the wrong images as soon as two questions share one."""

    def forward(self, projected: Tensor, question: Tensor, image_index: Tensor) -> Tensor:
        return super().forward(projected, question, torch.arange(len(question)) % len(projected))


def test_unused_image_index_is_found() -> None:
    module = Shared(region_dim=REGION, question_dim=QUESTION, attention_dim=9, glimpses=2)
    assert "image_index" in failed(check(module))["shared images"]


def test_a_transposition_that_is_none_is_a_note() -> None:
    def reshaped(m: Any, r: Tensor, q: Tensor) -> Tensor:
        return m.last(relu_of(m, r, q)).reshape(len(r), GLIMPSES, -1)  # type: ignore[no-any-return]

    report = check(with_forward(reshaped))
    assert report.ok
    assert "did you mean .transpose(1, 2)?" in note(report, "region order")


def test_glimpses_that_are_one_are_a_note() -> None:
    report = check(Mine(lambda s: s[:, :1].expand(-1, 2, -1) + torch.arange(2.0)[:, None].to(s)))
    assert report.ok
    assert "numbers 1 and 2 are the same map" in note(report, "glimpses")


def test_a_sense_of_place_is_a_note() -> None:
    position = torch.arange(16.0) % 5
    report = check(with_forward(lambda m, r, q: m.last(relu_of(m, r, q)).mT + position.to(r)))
    assert report.ok
    assert "1×1" in note(report, "region order")
