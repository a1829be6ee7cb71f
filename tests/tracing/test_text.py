"""A trace as text: every step, in 80 columns, and maps in shades."""

from __future__ import annotations

import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from askattend.models.symbols import record
from askattend.tracing.random_data import trace_random
from askattend.tracing.text import SHADES, shade_map, trace_lines
from askattend.tracing.trace import Totals, Trace, trace_steps
from tracing.networks import NETWORKS, SMALL, network


@pytest.mark.parametrize("name", NETWORKS)
def test_every_step_is_described(name: str) -> None:
    trace = trace_random(NETWORKS[name], SMALL)
    described = list(trace_lines(trace))
    assert max(map(len, described)) <= 80
    text = " ".join(line.strip() for line in described)
    for step in trace.steps:
        assert f"{step.symbol}   [" in text
        assert step.meaning in text
    assert text.count("in the paper's order of axes") == sum(
        step.shape != step.paper_shape for step in trace.steps
    )
    # What is not counted looks like nothing, rather than free.
    assert not re.search(r"(^|\W)0 (FLOP|B)\b", text)
    assert text.count("FLOP, size ") == sum(step.flops > 0 for step in trace.steps)
    assert text.count("B, made ") == sum(step.bytes > 0 for step in trace.steps)
    total = sum(p.numel() for p in network(name)[0].parameters())
    assert trace.totals.parameters == total
    assert f"in all {total:,} parameters" in text


weights = st.integers(1, 14).flatmap(
    lambda columns: st.lists(
        st.lists(st.floats(0, 1), min_size=columns, max_size=columns), min_size=1, max_size=14
    )
)


@given(weights)
def test_maps_in_shades(rows: list[list[float]]) -> None:
    shaded = shade_map(rows)
    assert [len(line) for line in shaded] == [2 * len(row) for row in rows]
    cells = [(w, line[2 * c : 2 * c + 2]) for row, line in zip(rows, shaded, strict=True)
             for c, w in enumerate(row)]  # fmt: skip
    greatest = max(weight for weight, _ in cells)
    for weight, cell in cells:
        assert cell[0] == cell[1]
        shade = SHADES.index(cell[0])
        if greatest > 1e-300:  # else a fifth of it is nothing
            assert shade / 5 - 1e-9 <= weight / greatest <= (shade + 1) / 5 + 1e-9
    if greatest > 0:
        assert (SHADES[-1] * 2) in {cell for weight, cell in cells if weight == greatest}


@pytest.mark.parametrize("name", NETWORKS)
def test_maps_are_drawn_with_their_values(name: str) -> None:
    model, batch = network(name)
    with torch.no_grad(), record() as steps:
        output = model(*batch)
    found = trace_steps(model, lambda: model(*batch), grid=(2, 2), values=True)
    maps = [rows for step in found for rows in step.maps or []]
    torch.testing.assert_close(torch.tensor(maps), output.attention[0].unflatten(-1, (2, 2)))
    text = list(trace_lines(Trace("SAAA", found, Totals(0, 0, 0))))
    for rows in maps:
        shaded = [f"    {line}" for line in shade_map(rows)]
        assert any(text[i : i + 2] == shaded for i in range(len(text)))
    assert len(steps) == len(found)
