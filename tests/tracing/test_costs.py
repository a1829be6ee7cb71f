"""Costs of a pass against counting by hand, and PyTorch's own counter."""

from __future__ import annotations

import pytest
from torch.utils.flop_counter import FlopCounterMode

from askattend.models.symbols import record
from askattend.tracing.trace import trace_steps
from tracing.networks import NETWORKS, by_name, network


@pytest.mark.parametrize("name", NETWORKS)
def test_every_parameter_is_read_where_it_belongs(name: str) -> None:
    model, batch = network(name)
    steps = trace_steps(model, lambda: model(*batch), grid=(2, 2))
    read = [(p, count) for step in steps for p, count in step.parameters.items()]
    assert sorted(read) == sorted((n, p.numel()) for n, p in model.named_parameters())
    assert by_name(steps)["embedded"].parameters == {"encoder.embedding.weight": 14 * 3}


@pytest.mark.parametrize("name", NETWORKS)
def test_flops_are_those_of_pytorchs_own_counter(name: str) -> None:
    model, batch = network(name)
    steps = trace_steps(model, lambda: model(*batch), grid=(2, 2))
    with FlopCounterMode(display=False) as counter, record():  # as the equations are written
        model(*batch)
    assert sum(step.flops for step in steps) == counter.get_total_flops() > 0


def test_costs_by_hand() -> None:
    model, batch = network("saaa")
    steps = by_name(trace_steps(model, lambda: model(*batch), grid=(2, 2)))
    images, regions, dim, attention, question = 2, 4, 6, 5, 8
    assert steps["projected"].flops == 2 * images * regions * dim * attention
    assert steps["question_projected"].flops == 2 * images * question * attention
    assert steps["question_projected"].bytes == 4 * images * attention
    assert steps["answer_hidden"].flops == 2 * images * (3 * dim + question) * 9
    assert steps["regions"].flops == steps["regions"].bytes == 0
