"""A traced forward pass against the pass itself."""

from __future__ import annotations

from math import prod

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from askattend.errors import ConfigError
from askattend.models.symbols import Step, Symbol, record
from askattend.tracing.trace import Values, paper_shape, trace_steps
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
