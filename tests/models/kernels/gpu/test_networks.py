"""Whole training steps by Triton's kernels are those of the references."""

from __future__ import annotations

import os
from copy import deepcopy
from dataclasses import replace

import pytest
import torch

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"  # read where a kernel is defined
pytest.importorskip("triton", reason="Triton is not installed")

from askattend.batching.batches import word_counts
from askattend.batching.graphed_forward import GraphedForward
from askattend.models.kernels import choice
from askattend.training.cuda_graphs import GraphedStep
from askattend.training.step import learning_rates_to, make_optimizer, train_step
from small_networks import small_network
from test_gpu import TRAINED, batches, on_device


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU takes these kernels by itself")
@pytest.mark.parametrize("name", ["saaa", "san"])
def test_steps_are_the_references(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config, model = TRAINED["adam"], small_network(name)
    other = deepcopy(model)
    optimizer, others = make_optimizer(model, config), make_optimizer(other, config)
    learning_rates_to(torch.device("cpu"), others)
    step = GraphedStep(other, others, config)
    usual = batches()
    tables = usual.with_features(on_device(usual)).shuffled(0)
    for batch, table in list(zip(usual.shuffled(0), tables, strict=True))[-1:]:
        expected = train_step(model, optimizer, batch, config, rate=1e-2)
        counted = replace(table, word_counts=word_counts(batch.lengths.numpy()))
        with monkeypatch.context() as patch:
            patch.setattr(choice, "triton_runs", lambda *_: True)
            patch.setattr(choice, "as_written", lambda *_: True)
            found = step(counted, rate=1e-2)
            output = GraphedForward(other.eval(), "float32")(counted)
            other.train()
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
        exact = model.eval()(batch.regions, batch.tokens, batch.lengths, batch.image_index)
        model.train()
        torch.testing.assert_close(output.logits, exact.logits, rtol=1e-2, atol=1e-3)
