"""Networks traced on random data of any size."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from askattend.errors import ConfigError
from askattend.models import ImageOnlyConfig, SAAAConfig
from askattend.tracing.random_data import RandomData, trace_random
from askattend.tracing.text import trace_lines
from tracing.networks import NETWORKS, SMALL, by_name


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
    alone = trace_random(config, replace(SMALL, batch_size=1, max_length=4))
    told = by_name(alone.steps)["states"].flops
    assert told == 2 * 4 * gates * (config.embedding_dim + gates // 4)
    text = " ".join(trace_lines(trace))
    assert f"{trace.lengths.mean:.1f} on average: the LSTM reads these alone" in text
    published = trace_random(NETWORKS["san-published"], SMALL)
    assert "on average, filled up to the longest." in " ".join(trace_lines(published))
    assert trace_random(ImageOnlyConfig(), SMALL).lengths is None


@pytest.mark.parametrize(
    "sizes",
    [
        {"batch_size": 10**9},
        {"tokens": 10**14},
        {"grid": 10**10},
        {"batch_size": 10**18},
        {"batch_size": 2**63 - 1},
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
