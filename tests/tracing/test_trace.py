"""A traced forward pass against the pass itself, and its costs against counting by hand."""

from __future__ import annotations

import re
from math import prod
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from askattend.errors import ConfigError
from askattend.models import ImageOnlyConfig, Model, SAAAConfig, SANConfig, build_model
from askattend.models.symbols import Step, Symbol, record
from askattend.tracing.text import SHADES, drawn, lines
from askattend.tracing.trace import (
    RandomData,
    Totals,
    Trace,
    TracedStep,
    Values,
    paper_shape,
    trace_random,
    traced,
)

SMALL = RandomData(batch_size=3, tokens=20, max_length=5, answers=7, region_dim=6, grid=2)
NETWORKS: dict[str, SAAAConfig | SANConfig] = {
    "saaa": SAAAConfig(embedding_dim=4, question_dim=8, attention_dim=5, glimpses=3, hidden_dim=9),
    "san": SANConfig(embedding_dim=4, question_dim=8, attention_dim=5, hops=3),
    "san-cnn": SANConfig(
        encoder="cnn", embedding_dim=4, attention_dim=5, unigram_filters=2, bigram_filters=3,
        trigram_filters=4,
    ),
    "san-published": SANConfig(
        variant="published-code", embedding_dim=4, question_dim=8, attention_dim=5
    ),
}  # fmt: skip


def network(name: str) -> tuple[Model, tuple[torch.Tensor, ...]]:
    torch.manual_seed(0)
    model = build_model(NETWORKS[name], words=20, answers=7, region_dim=6).eval()
    tokens, lengths = torch.tensor([[2, 3, 4], [5, 0, 0]]), torch.tensor([3, 1])
    return model, (torch.rand(2, 4, 6), tokens, lengths)


def by_name(steps: list[TracedStep]) -> dict[str, TracedStep]:
    return {step.name: step for step in steps}


def test_the_papers_shapes_at_the_defaults() -> None:
    trace = trace_random(SAAAConfig(), RandomData())
    shapes = {step.name: step.paper_shape for step in trace.steps}
    assert shapes == {
        "regions": [128, 2048, 14, 14],
        "normalised": [128, 2048, 14, 14],
        "projected": [128, 512, 14, 14],
        "tokens": [128, 100],
        "embedded": [128, 100, 300],
        "states": [128, 100, 1024],
        "question": [128, 1024],
        "question_projected": [128, 512, 1, 1],
        "hidden": [128, 512, 14, 14],
        "scores": [128, 2, 14, 14],
        "attention": [128, 2, 14, 14],
        "attended": [128, 4096],
        "combined": [128, 5120],
        "answer_hidden": [128, 1024],
        "logits": [128, 3000],
    }


@pytest.mark.parametrize("name", NETWORKS)
def test_steps_are_the_forward_passes_own(name: str) -> None:
    model, batch = network(name)
    with torch.no_grad(), record() as steps:
        output = model(*batch)
    found = traced(model, lambda: model(*batch), grid=(2, 2), values=True)
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
    assert len(maps) == (1 if name == "saaa" else NETWORKS[name].hops)  # type: ignore[union-attr]


@pytest.mark.parametrize("name", NETWORKS)
def test_every_parameter_is_read_where_it_belongs(name: str) -> None:
    model, batch = network(name)
    steps = traced(model, lambda: model(*batch), grid=(2, 2))
    read = [(p, count) for step in steps for p, count in step.parameters.items()]
    assert sorted(read) == sorted((n, p.numel()) for n, p in model.named_parameters())
    assert by_name(steps)["embedded"].parameters == {"encoder.embedding.weight": 80}


@pytest.mark.parametrize("name", NETWORKS)
def test_flops_are_those_of_pytorchs_own_counter(name: str) -> None:
    model, batch = network(name)
    steps = traced(model, lambda: model(*batch), grid=(2, 2))
    with FlopCounterMode(display=False) as counter, record():  # as the equations are written
        model(*batch)
    assert sum(step.flops for step in steps) == counter.get_total_flops() > 0


def test_costs_by_hand() -> None:
    model, batch = network("saaa")
    steps = by_name(traced(model, lambda: model(*batch), grid=(2, 2)))
    images, regions, dim, attention, question = 2, 4, 6, 5, 8
    assert steps["projected"].flops == 2 * images * regions * dim * attention
    assert steps["question_projected"].flops == 2 * images * question * attention
    assert steps["question_projected"].bytes == 4 * images * attention
    assert steps["answer_hidden"].flops == 2 * images * (3 * dim + question) * 9
    assert steps["regions"].flops == steps["regions"].bytes == 0


def test_the_recorder_is_silent_outside_its_block() -> None:
    model, batch = network("san")
    with record() as steps:
        model(*batch)
    count = len(steps.steps)
    model(*batch)
    assert len(steps.steps) == count
    assert set(steps) >= {"image", "question", "scores.1", "attention.3", "query.3", "logits"}
    with pytest.raises(KeyError, match=r"no step 'query'; there are: regions, image"):
        steps["query"]


def test_a_record_lists_names_and_shapes() -> None:
    model, batch = network("san-cnn")
    with record() as steps:
        assert repr(steps) == "Record of 0 tensors"
        model(*batch)
    first, *lines = repr(steps).splitlines()
    assert first == f"Record of {len(steps)} tensors"
    assert [line.split()[0] for line in lines] == list(steps)
    for line, tensor in zip(lines, steps.values(), strict=True):
        assert line.endswith("  " + " × ".join(map(str, tensor.shape)))


dims = st.lists(st.integers(1, 4), min_size=3, max_size=3)


@given(dims, st.integers(1, 3), st.integers(1, 3))
def test_layouts_keep_every_element(sizes: list[int], rows: int, columns: int) -> None:
    a, b, c = sizes
    symbol = Symbol("x", "x", "1", "any", "a b regions c", "(a c) 1 b rows columns")
    step = Step(symbol, torch.zeros(a, b, rows * columns, c))
    assert paper_shape(step, (rows, columns)) == [a * c, 1, b, rows, columns]


@pytest.mark.parametrize("name", NETWORKS)
def test_told_as_text(name: str) -> None:
    trace = trace_random(NETWORKS[name], SMALL)
    told = list(lines(trace))
    assert max(map(len, told)) <= 80
    text = " ".join(line.strip() for line in told)
    for step in trace.steps:
        assert f"{step.symbol}   [" in text
        assert step.meaning in text
    assert text.count("in the paper's order of axes") == sum(
        step.shape != step.paper_shape for step in trace.steps
    )
    # What is not counted looks like nothing, rather than free.
    assert not re.search(r"(^|\W)0 (FLOP|B)\b", text)
    assert text.count("FLOP, ") == sum(step.flops > 0 for step in trace.steps)
    total = sum(p.numel() for p in network(name)[0].parameters())
    assert trace.totals.parameters == total
    assert f"in all {total:,} parameters" in text


def test_reading_costs_what_the_lengths_say() -> None:
    config = NETWORKS["saaa"]
    trace = trace_random(config, SMALL)
    assert trace.lengths is not None
    assert (trace.lengths.greatest, trace.skips_padding) == (SMALL.max_length, True)
    words = round(trace.lengths.mean * SMALL.batch_size)
    assert words < SMALL.max_length * SMALL.batch_size
    gates = 4 * config.question_dim
    steps = by_name(trace.steps)
    assert steps["states"].flops == 2 * words * gates * (config.embedding_dim + gates // 4)
    text = " ".join(lines(trace))
    assert f"{trace.lengths.mean:.1f} on average: the LSTM reads these alone" in text
    published = trace_random(NETWORKS["san-published"], SMALL)
    assert "on average, filled up to the longest." in " ".join(lines(published))
    assert trace_random(ImageOnlyConfig(), SMALL).lengths is None


weights = st.integers(1, 14).flatmap(
    lambda columns: st.lists(
        st.lists(st.floats(0, 1), min_size=columns, max_size=columns), min_size=1, max_size=14
    )
)


@given(weights)
def test_maps_in_shades(rows: list[list[float]]) -> None:
    shaded = drawn(rows)
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
def test_maps_are_told_with_their_values(name: str) -> None:
    model, batch = network(name)
    with torch.no_grad(), record() as steps:
        output = model(*batch)
    found = traced(model, lambda: model(*batch), grid=(2, 2), values=True)
    maps = [rows for step in found for rows in step.maps or []]
    torch.testing.assert_close(torch.tensor(maps), output.attention[0].unflatten(-1, (2, 2)))
    told = list(lines(Trace("SAAA", found, Totals(0, 0, 0))))
    for rows in maps:
        shaded = [f"    {line}" for line in drawn(rows)]
        assert any(told[i : i + 2] == shaded for i in range(len(told)))
    assert len(steps) == len(found)


@pytest.mark.parametrize(
    "sizes",
    [
        {"batch_size": 10**9},
        {"tokens": 10**14},
        {"grid": 10**10},
        {"batch_size": 10**18},
        {"batch_size": 10**22},
    ],
)
def test_what_does_not_fit_into_memory_is_refused(sizes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"not enough memory for these sizes\. Lower --batch"):
        trace_random(SAAAConfig(), RandomData(**sizes))


@pytest.mark.parametrize(
    "sizes", [{"batch_size": 1}, {"max_length": 1}, {"tokens": 3}, {"tokens": 1}, {"grid": 1}]
)
def test_small_sizes(sizes: dict[str, Any]) -> None:
    data = RandomData(**{**{"tokens": 9, "answers": 2, "region_dim": 3, "max_length": 2}, **sizes})
    assert trace_random(NETWORKS["saaa"], data).totals.flops > 0


def test_sizes_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="grid = 0: expected int >= 1"):
        RandomData(grid=0)
