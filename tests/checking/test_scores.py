"""Wrong shapes are named, and a softmax of the module's own is found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from checking.modules import (
    HIDDEN,
    QUESTION,
    REGION,
    Mine,
    check,
    failed,
    with_forward,
)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s.transpose(1, 2), "glimpses and regions are swapped: .transpose(1, 2)"),
        (lambda s: s.transpose(0, 1), "questions and glimpses are swapped: .transpose(0, 1)"),
        (lambda s: s.permute(2, 0, 1), ".permute(1, 2, 0)"),
        (lambda s: s.unflatten(2, (4, 4)), ".flatten(2)"),
        (lambda s: s[:, 0], ".unsqueeze(1)"),
        (lambda s: s.mean(), "0 dimensions instead of 3"),
        (lambda s: s[..., :-1], "dimension 2 should be the 16 regions, and is 15"),
        (lambda s: (s, s), "tuple"),
    ],
)
def test_wrong_shapes_are_named(change: Callable[[Tensor], Any], said: str) -> None:
    report = check(Mine(change))
    assert not report.ok
    assert failed(report).keys() == {"shape"}  # and nothing else is to blame for it
    assert said in failed(report)["shape"]


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.transpose(1, 2),
        lambda s: s.transpose(0, 1),
        lambda s: s.unflatten(2, (4, 4)),
        lambda s: s.mean(dim=1),
        lambda s: (s, None),
        lambda s: s[..., :-1],
    ],
)
def test_a_wrong_shape_hides_no_other_mistake(change: Callable[[Tensor], Any]) -> None:
    def forward(m: Any, r: Tensor, q: Tensor) -> Any:
        return change(m.last(torch.relu(m.first(r.mul_(1.5)))).mT)

    found = failed(check(with_forward(forward), region_dim=REGION, question_dim=QUESTION))
    assert {"shape", "inputs", "question", "gradients"} <= found.keys()
    assert found["gradients"].startswith("query.weight")


def test_a_wrong_shape_of_what_projects_hides_no_other_mistake() -> None:
    class Projecting(Mine):
        def project(self, regions: Tensor) -> Tensor:
            return self.first(regions)  # type: ignore[no-any-return]

        def forward(  # type: ignore[override]
            self, projected: Tensor, question: Tensor, image_index: Tensor
        ) -> Tensor:
            hidden = torch.relu(projected + self.query(question)[:, None])
            return self.last(hidden)  # type: ignore[no-any-return]

    found = failed(check(Projecting(), region_dim=REGION, question_dim=QUESTION))
    assert {"shape", "shared images"} <= found.keys()


def test_the_number_of_glimpses_is_held_to() -> None:
    assert "should be the 3 glimpses, and is 2" in failed(check(Mine(), glimpses=3))["shape"]
    wide = with_forward(lambda m, r, q: m.last(r[..., :HIDDEN] + q[:, None, :HIDDEN]).mT)
    said = failed(check(wide, network="san", region_dim=QUESTION))["shape"]
    assert "should be the 1 glimpses, and is 2" in said


@pytest.mark.parametrize(
    ("dim", "over"), [(2, "regions"), (1, "glimpses"), (0, "questions of the batch")]
)
def test_a_softmax_of_its_own_is_found(dim: int, over: str) -> None:
    said = failed(check(Mine(lambda s: s.softmax(dim=dim))))["softmax"]
    assert f"sum to 1 over the {over};" in said
