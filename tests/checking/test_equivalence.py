"""Modules with the same equations are told from others."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from askattend.models.saaa import GlimpseAttention
from askattend.models.san import HopAttention
from checking.modules import (
    HIDDEN,
    QUESTION,
    REGION,
    Convolution,
    Joined,
    Matrices,
    Mine,
    check,
    failed,
    note,
    with_forward,
)


@pytest.mark.parametrize(
    ("module", "pairs"),
    [
        (
            Mine(),
            {"first.weight": "region.weight", "query.bias": "question.bias"},
        ),
        (
            Convolution(),
            {
                "v_conv.weight": "region.weight",
                "q_lin.weight": "question.weight",
                "q_lin.bias": "question.bias",
                "x_conv.weight": "score.weight",
                "x_conv.bias": "score.bias",
            },
        ),
        (Joined(question_first=False), {"first.weight": "[region.weight, question.weight]"}),
        (Joined(question_first=True), {"first.weight": "[question.weight, region.weight]"}),
        (Matrices(), {"V": "region.weight", "Q": "question.weight", "X": "score.weight"}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_way_to_write_it_equals_the_built_in_one(
    module: nn.Module, pairs: dict[str, str]
) -> None:
    report = check(module, region_dim=REGION, question_dim=QUESTION)
    assert report.ok, report
    assert report.equal
    assert report.difference is not None
    assert report.difference < 1e-12
    assert pairs.items() <= report.matched.items()


# Of two or three units of a ReLU, all can be dead for every input, of which the check would tell.
@given(
    st.integers(2, 30), st.integers(2, 30), st.integers(5, 12), st.integers(1, 6), st.integers(0, 9)
)
@settings(max_examples=25)
def test_built_in_attention_of_any_size_passes(
    region: int, question: int, hidden: int, glimpses: int, seed: int
) -> None:
    torch.manual_seed(seed)
    saaa = GlimpseAttention(
        region_dim=region, question_dim=question, attention_dim=hidden, glimpses=glimpses
    )
    report = check(saaa, region_dim=region, question_dim=question, glimpses=glimpses, seed=seed)
    assert report.ok, report
    assert report.equal


@pytest.mark.parametrize("variant", ["paper", "published-code"])
def test_hops_equal_their_own_variant(variant: Any) -> None:
    hop = HopAttention(question_dim=9, attention_dim=6, variant=variant)
    report = check(hop, network="san")
    assert report.ok
    assert report.equal
    (likeness,) = (f for f in report.findings if f.name == "likeness")
    assert ("published code" in likeness.explanation) == (variant == "published-code")


class Normalised(Mine):
    """An architecture of its own: a norm before the ReLU."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, regions: Tensor, question: Tensor) -> Tensor:
        h = self.first(regions) + self.query(question)[:, None]
        h = self.norm(h.flatten(0, 1)).unflatten(0, h.shape[:2])
        return self.last(torch.relu(h)).mT  # type: ignore[no-any-return]


@pytest.mark.parametrize("norm", [nn.LayerNorm(HIDDEN), nn.BatchNorm1d(HIDDEN)])
def test_norms_are_not_paired_with_biases(norm: nn.Module) -> None:
    module = Normalised(norm)
    report = check(module, region_dim=REGION, question_dim=QUESTION)
    assert report.ok
    assert report.equal is None
    assert "an architecture of your own" in note(report, "likeness")
    same = check(module, region_dim=REGION, question_dim=QUESTION, like=module)
    assert same.equal
    assert same.matched["norm.weight"] == "norm.weight"


def test_no_difference_at_all_is_said_so() -> None:
    report = check(Mine(), like=Mine())
    assert report.difference == 0
    assert report.findings[-1].explanation.endswith("scores exactly equal")


def test_another_function_of_the_same_weights_is_a_note() -> None:
    tanh = with_forward(lambda m, r, q: m.last(torch.tanh(m.first(r) + m.query(q)[:, None])).mT)
    report = check(tanh)
    assert report.ok
    assert report.equal is False
    assert report.difference is not None
    assert report.difference > 1e-3
    assert "differs from the built-in GlimpseAttention" in note(report, "likeness")
    # Where sameness was asked for, it is a failure.
    assert "differs from Mine" in failed(check(tanh, like=Mine()))["likeness"]
    assert check(Mine(), like=Mine()).ok


def test_an_architecture_of_its_own_is_a_note() -> None:
    class Deep(Mine):
        def __init__(self) -> None:
            super().__init__()
            self.more = nn.Linear(HIDDEN, HIDDEN)

        def forward(self, regions: Tensor, question: Tensor) -> Tensor:
            h = torch.relu(self.first(regions) + self.query(question)[:, None])
            return self.last(torch.relu(self.more(h))).mT  # type: ignore[no-any-return]

    report = check(Deep())
    assert report.ok
    assert report.equal is None
    said = note(report, "likeness")
    assert f"more.weight {HIDDEN} × {HIDDEN}" in said
    assert f"region.weight k × {REGION}" in said
    assert "do not match Mine's" in failed(check(Deep(), like=Mine()))["likeness"]
