"""Costs of a pass against counting by hand, and PyTorch's own counter."""

from __future__ import annotations

from functools import partial

import pytest
import torch
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


def test_sizes_by_hand() -> None:
    """A step's own tensor: numbers of 4 bytes, words' indices of 8."""
    model, batch = network("saaa")
    steps = by_name(trace_steps(model, lambda: model(*batch), grid=(2, 2)))
    images, questions, words, regions, dim, glimpses = 2, 2, 3, 4, 6, 3
    sizes = {
        "regions": 4 * images * regions * dim,
        "projected": 4 * images * regions * 5,
        "tokens": 8 * questions * words,
        "embedded": 4 * questions * words * 3,
        "question": 4 * questions * 8,
        "question_projected": 4 * questions * 5,
        "hidden": 4 * questions * regions * 5,
        "scores": 4 * questions * glimpses * regions,
        "attention": 4 * questions * glimpses * regions,
        "attended": 4 * questions * glimpses * dim,
        "combined": 4 * questions * (glimpses * dim + 8),
        "logits": 4 * questions * 7,
    }
    assert {name: steps[name].size for name in sizes} == sizes
    # A product with a matrix makes its own result, and nothing besides.
    for name in ("projected", "question_projected", "combined", "logits"):
        assert steps[name].bytes == sizes[name]


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_done_for_a_network_is_not_its_cost(name: str) -> None:
    """As a run compares the picture with those of training once it is looked at."""
    model, (regions, tokens, lengths) = network(name)

    def ask(between: int) -> None:
        image = model.encode_image(regions)
        torch.ones(between, between) @ torch.ones(between, between)
        question = model.encode_question(tokens.clone(), lengths)
        model.answer(image, question, torch.arange(2))

    alone, beside = (trace_steps(model, partial(ask, between), grid=(2, 2)) for between in (0, 100))
    costs = [[(step.flops, step.bytes) for step in steps] for steps in (alone, beside)]
    assert costs[0] == costs[1]
    assert by_name(beside)["tokens"].bytes == 0
