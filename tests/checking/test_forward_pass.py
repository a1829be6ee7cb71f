"""Mistakes within one pass: wrong types, inputs changed, randomness."""

from __future__ import annotations

from typing import Any

import pytest
from torch import Tensor

from askattend.models.saaa import GlimpseAttention
from checking.mistakes import FORWARD_PASS, assert_found
from checking.modules import (
    QUESTION,
    REGION,
    check,
    failed,
)


@pytest.mark.parametrize("mistake", FORWARD_PASS)
def test_mistakes_are_found(mistake: str) -> None:
    assert_found(FORWARD_PASS[mistake])


class Doubled(GlimpseAttention):
    """Spoils the regions that the weighted sum is still to be taken of."""

    def project(self, regions: Tensor) -> Tensor:
        return super().project(regions.mul_(2))


def test_regions_changed_in_place_are_found() -> None:
    module = Doubled(region_dim=REGION, question_dim=QUESTION, attention_dim=9, glimpses=2)
    assert "regions changed in place" in failed(check(module))["inputs"]


class Reused(GlimpseAttention):
    """Spoils what the next question about the image needs."""

    def forward(self, projected: Tensor, question: Tensor, image_index: Tensor) -> Tensor:
        return super().forward(projected.mul_(2), question, image_index)


class Remembering(GlimpseAttention):
    """Answers otherwise once it has been asked."""

    calls = 0

    def project(self, regions: Tensor) -> Tensor:
        self.calls = 0
        return super().project(regions)

    def forward(self, projected: Tensor, question: Tensor, image_index: Tensor) -> Tensor:
        self.calls += 1
        return super().forward(projected * self.calls, question, image_index)


class Paired(GlimpseAttention):
    """What `project` returns may be anything: here a pair."""

    def project(self, regions: Tensor) -> Any:
        return regions, super().project(regions)

    def forward(self, projected: Any, question: Tensor, image_index: Tensor) -> Tensor:
        return super().forward(projected[1], question, image_index)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Reused, "what project returned changed in place"),
        (Remembering, "asked twice about one image, it scores otherwise"),
        (Paired, None),
    ],
)
def test_a_projection_serves_every_question(kind: Any, said: str | None) -> None:
    found = failed(
        check(kind(region_dim=REGION, question_dim=QUESTION, attention_dim=9, glimpses=2))
    )
    assert list(found) == (["inputs"] if said else [])
    assert said is None or said in found["inputs"]
