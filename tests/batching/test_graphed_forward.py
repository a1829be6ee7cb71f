"""Forward passes with tensors of fixed place and size give the same outputs."""

from __future__ import annotations

from dataclasses import fields

import pytest
import torch

from askattend.batching.graphed_forward import GraphedForward
from small_networks import small_network
from test_gpu import GRAPHED, batches


@pytest.mark.parametrize("name", GRAPHED)
def test_outputs_are_the_networks(name: str) -> None:
    model = small_network(name).double().eval()
    forward = GraphedForward(model, "auto")
    for batch in batches().in_order():
        found = forward(batch)
        expected = model(batch.regions, batch.tokens, batch.lengths, batch.image_index)
        for field in fields(expected):
            ours, theirs = (getattr(output, field.name) for output in (found, expected))
            torch.testing.assert_close(ours, theirs, msg=field.name)
