"""A traced forward pass against the pass itself."""

from __future__ import annotations

from math import prod
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from askattend.errors import ConfigError
from askattend.models import Network
from askattend.models.saaa import SAAA, GlimpseAttention
from askattend.models.san import HopAttention
from askattend.models.symbols import Step, Symbol, record
from askattend.tracing.trace import Values, paper_shape, trace_steps
from small_networks import ANSWERS, DIM, WORDS
from tracing.networks import NETWORKS, network


@pytest.mark.parametrize("name", NETWORKS)
def test_steps_are_the_forward_passes_own(name: str) -> None:
    model, batch = network(name)
    with torch.no_grad(), record() as steps:
        output = model(*batch)
    found = trace_steps(model, lambda: model(*batch), grid=(2, 2), values=True)
    assert [step.name for step in found] == [step.name for step in steps.steps]
    for step in found:
        assert step.shape == list(steps[step.name].shape)
        assert prod(step.paper_shape) == steps[step.name].numel()
        assert len(step.dims) == len(step.shape)
        assert step.symbol
        assert step.meaning
        assert step.equation[0] in "0123456789§"
        if step.dtype == "float32":
            values = steps[step.name]
            values = values[values != -torch.inf]  # windows that would leave a question
            assert step.values == Values(
                values.min().item(), values.mean().item(), values.max().item()
            )
    torch.testing.assert_close(steps["question"], output.question)
    torch.testing.assert_close(steps["logits"], output.logits)
    maps = [step for step in found if step.sums_to_one is not None]
    assert [step.sums_to_one for step in maps] == [True] * len(maps)
    assert len(maps) == (1 if name == "saaa" else NETWORKS[name].hops)


SIZES: dict[str, Any] = {"words": WORDS, "answers": ANSWERS, "region_dim": DIM}


class Scores(nn.Module):
    """An attention that takes each question with its regions."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(maps))

    def forward(self, regions: Tensor, question: Tensor) -> Tensor:
        scores: Tensor = self.weight[None, :, None] * regions.sum(2)[:, None]
        return scores


class Glimpses(GlimpseAttention):
    """The paper's, and yet not."""

    def forward(self, projected: Tensor, question: Tensor, image_index: Tensor) -> Tensor:
        return 1 - super().forward(projected, question, image_index)


class Hops(HopAttention):
    """The paper's, and yet not."""

    def forward(self, projected: Tensor, query: Tensor, image_index: Tensor) -> Tensor:
        return 1 - super().forward(projected, query, image_index)


def own_attention(model: Network, *, derived: bool) -> nn.Module:
    """An attention that is not the paper's, of the sizes that a network needs."""
    config: Any = model.config
    if not derived:
        return Scores(config.glimpses if isinstance(model, SAAA) else 1)
    if isinstance(model, SAAA):
        return Glimpses(
            region_dim=DIM,
            question_dim=config.question_dim,
            attention_dim=config.attention_dim,
            glimpses=config.glimpses,
        )
    return Hops(question_dim=config.width, attention_dim=config.attention_dim)


@pytest.mark.parametrize("name", ["saaa", "san"])
@pytest.mark.parametrize("derived", [False, True])
def test_of_an_own_attention_no_equation_of_the_papers_is_told(name: str, derived: bool) -> None:
    built: Any
    built, batch = network(name)
    own = own_attention(built, derived=derived)
    model = type(built)(built.config, **SIZES, attention=own).eval()
    with torch.no_grad():
        found = trace_steps(model, lambda: model(*batch), grid=(2, 2), values=True)
    scores = [step for step in found if step.name.partition(".")[0] == "scores"]
    maps = [step for step in found if step.name.partition(".")[0] == "attention"]
    assert len(scores) == len(maps) == (1 if name == "saaa" else NETWORKS[name].hops)
    regions = "project(regions)" if derived else "regions"
    for step in scores:
        assert step.symbol == f"{type(own).__name__}({regions}, question)"
        assert step.equation == "beyond the paper"
        assert type(own).__name__ in step.meaning
        assert step.parameters
    for score, step in zip(scores, maps, strict=True):
        assert step.symbol.endswith(f" = softmax({score.name})")
    assert not any("F_c" in step.symbol for step in found)


dims = st.lists(st.integers(1, 4), min_size=3, max_size=3)


@given(dims, st.integers(1, 3), st.integers(1, 3))
def test_layouts_keep_every_element(sizes: list[int], rows: int, columns: int) -> None:
    a, b, c = sizes
    symbol = Symbol("x", "x", "1", "any", "a b regions c", "(a c) 1 b rows columns")
    step = Step(symbol, torch.zeros(a, b, rows * columns, c))
    assert paper_shape(step, (rows, columns)) == [a * c, 1, b, rows, columns]


@pytest.mark.parametrize(("dims", "paper"), [("a b", ""), ("a b c d", ""), ("a b c", "a d")])
def test_a_symbol_that_does_not_fit_its_tensor_is_named(dims: str, paper: str) -> None:
    step = Step(Symbol("x.{k}", "x", "1", "any", dims, paper), torch.zeros(2, 3, 4), 1)
    with pytest.raises(ConfigError, match=r"^symbol x\.1: the tensor is 2 × 3 × 4, which is not"):
        paper_shape(step, (2, 2))
