"""The benchmark for GPUs runs on a processor, and its floor counts what is computed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from askattend.models import SAAA, SAAAConfig, build_model
from askattend.models.loss import answer_loss
from benchmarks import data, gpu
from benchmarks.floor import covered, least_bytes, operations


def test_it_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "gpu.json"
    options = ["--device", "cpu", "--scale", "0.0001", "--steps", "1", "--out", str(out)]
    gpu.main(options)
    results = msgspec.json.decode(out.read_bytes(), type=gpu.Results)
    assert [row.batch_size for row in results.rows] == [128, 512]
    assert results.device == "CPU"
    assert not results.graphs
    for row in results.rows:
        assert row.idle is None
        assert row.questions_per_second * row.step_ms == pytest.approx(44e3)
        assert row.loss > 0
    assert "questions/s" in capsys.readouterr().out


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        gpu.main([])
    assert exit_.value.code == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert "no CUDA device here" in said[0]


def test_operations_of_the_floor_are_those_of_a_step() -> None:
    # As many questions about each image, all as long: nothing is padded.
    shape = replace(data.QUICK, questions=12, images=4, length=5)
    config = SAAAConfig(embedding_dim=8, question_dim=16, attention_dim=8, hidden_dim=24)
    sizes: Any = {"words": shape.words, "answers": shape.answers}
    sizes["region_dim"] = shape.region_dim
    model, batch = build_model(config, **sizes).train(), data.batch(shape)
    assert isinstance(model, SAAA)
    with FlopCounterMode(display=False) as counter:
        output = model(batch.regions, batch.tokens, batch.lengths, batch.image_index)
        answer_loss(output.logits, batch.answer_index, batch.answer_weight).backward()
    expected = operations(model, shape, questions=12, images=4, words=5)
    assert counter.get_total_flops() == expected


def test_bytes_of_the_floor_are_features_and_what_adam_touches() -> None:
    shape = data.QUICK
    model = SAAA(words=shape.words, answers=shape.answers, region_dim=shape.region_dim)
    features = data.random_regions(shape)
    adam = sum(4 * p.numel() * p.element_size() for p in model.parameters())  # w, g, m, v
    least = features.numel() * features.element_size() + 2 * 3 * adam
    assert least_bytes(model, shape, steps=3, images=shape.images) == least


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 8))))
def test_covered_is_the_length_of_the_union(spans: list[tuple[int, int]]) -> None:
    naive = {point for start, length in spans for point in range(start, start + length)}
    assert covered([(start, start + length) for start, length in spans]) == len(naive)
