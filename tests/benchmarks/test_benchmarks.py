"""The plain networks that ours are measured against compute the same; the benchmarks run."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor

from askattend.models import SAAA, SAN, SAAAConfig, SANConfig
from askattend.models.loss import answer_loss
from askattend.training.processes import ALONE
from benchmarks import data
from benchmarks.plain import PlainBatch, PlainSAAA, PlainSAN, copy_weights, names_of, plain_loss
from benchmarks.processes import train as train_in_processes
from benchmarks.run import ROWS, Results
from benchmarks.scaling import QUANTITIES

ROOT = Path(__file__).resolve().parents[2]
SMALL: dict[str, Any] = {"embedding_dim": 6, "question_dim": 7, "attention_dim": 5}
SIZES: dict[str, Any] = {
    "words": data.QUICK.words,
    "answers": data.QUICK.answers,
    "region_dim": data.QUICK.region_dim,
}


def networks(name: str) -> tuple[SAAA | SAN, PlainSAAA | PlainSAN]:
    torch.manual_seed(0)
    ours: SAAA | SAN
    plain: PlainSAAA | PlainSAN
    if name == "saaa":
        ours = SAAA(SAAAConfig(**SMALL, hidden_dim=9, dropout=0.0), **SIZES)
        plain = PlainSAAA(**SMALL, **SIZES, hidden_dim=9, dropout=0.0)
    else:
        ours = SAN(SANConfig(**SMALL, dropout=0.0), **SIZES)
        plain = PlainSAN(**SMALL, **SIZES, dropout=0.0)
    copy_weights(plain, ours.state_dict())
    return ours.double(), plain.double()


@pytest.mark.parametrize("name", ["saaa", "san"])
@pytest.mark.parametrize("seed", range(3))
def test_plain_networks_have_the_losses_and_gradients_of_ours(name: str, seed: int) -> None:
    ours, plain = networks(name)
    batch = data.batch(replace(data.QUICK, seed=seed))
    theirs = PlainBatch.of(batch, answers=data.QUICK.answers, side=data.QUICK.side)
    output = ours(batch.regions, batch.tokens, batch.lengths, batch.image_index)
    tenths = (10 * batch.answer_weight).round().double() / 10  # a batch keeps them in float32
    loss = answer_loss(output.logits, batch.answer_index, tenths)
    logits = plain(theirs.v().double(), theirs.tokens, theirs.lengths)
    other = plain_loss(logits, theirs.counts)
    loss.backward()
    other.backward()
    torch.testing.assert_close(logits, output.logits)
    torch.testing.assert_close(other, loss)
    expected = {n: p.grad for n, p in ours.named_parameters()}
    assert set(names_of(plain).values()) == set(expected)
    for theirs_name, parameter in plain.named_parameters():
        gradient = expected[names_of(plain)[theirs_name]]
        assert isinstance(gradient, Tensor)
        assert isinstance(parameter.grad, Tensor)
        torch.testing.assert_close(parameter.grad.view_as(gradient), gradient)


def test_data_is_shaped_like_vqa() -> None:
    shape = replace(data.Shape(), region_dim=2, questions=1280, images=240)
    batch, again = data.batch(shape), data.batch(shape)
    assert torch.equal(batch.tokens, again.tokens)
    assert torch.equal(batch.regions, again.regions)
    assert batch.regions.shape == (240, 196, 2)
    assert batch.regions.dtype == torch.float16
    assert int(batch.lengths.min()) == data.SHORTEST
    assert int(batch.lengths.max()) <= data.LONGEST
    assert 6 < batch.lengths.float().mean() < 7
    assert int(batch.tokens.max()) < shape.words
    counts = np.bincount(batch.image_index.numpy())
    assert len(counts) == 240
    assert counts.min() >= 3
    shares = batch.answer_weight.sum(dim=1)
    assert 0.85 < shares.mean() < 1  # some answers are not among the 3,000


def test_every_benchmark_runs(tmp_path: Path) -> None:
    out = tmp_path / "results.json"
    command = [
        sys.executable,
        "-m",
        "benchmarks.run",
        "--quick",
        "--rounds",
        "2",
        "--out",
        str(out),
    ]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    results = msgspec.json.decode(out.read_bytes(), type=Results)
    assert [row.name for row in results.rows] == list(ROWS)
    for row in results.rows:
        assert row.ours > 0, row
        assert (row.plain is None) == (row.ratio is None)
    assert {growth.quantity for growth in results.scaling} == set(QUANTITIES)
    assert all(min(growth.mebibytes) > 0 for growth in results.scaling)


def test_processes_are_measured() -> None:
    assert train_in_processes(ALONE, quick=True) > 0
