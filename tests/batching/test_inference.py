"""Outputs of one batch after another, their questions read together."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from askattend.batching import inference as answering
from askattend.batching.batches import Batch
from askattend.batching.inference import outputs
from askattend.models import Network
from small_networks import CONFIGS, DIM, REGIONS, WORDS, small_network

CPU = torch.device("cpu")


def network(name: str) -> Network:
    return small_network(name, dropout=0.5)


def batch(lengths: list[int], seed: int) -> Batch:
    """Questions of so many words, about two images."""
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(1, WORDS, (len(lengths), max(lengths)), generator=generator)
    tokens *= torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    return Batch.of(
        torch.rand(2, REGIONS, DIM, generator=generator),
        tokens,
        torch.tensor(lengths),
        torch.zeros(len(lengths), dtype=torch.int64),
        image_index=torch.randint(2, (len(lengths),), generator=generator),
    )


@pytest.mark.parametrize("name", CONFIGS)
@given(
    sizes=st.lists(st.lists(st.integers(1, 6), min_size=1, max_size=5), max_size=5),
    together=st.integers(1, 12),
)
def test_they_are_those_of_each_batch_by_itself(
    name: str, sizes: list[list[int]], together: int
) -> None:
    model = network(name).train()
    batches = [batch(lengths, seed) for seed, lengths in enumerate(sizes)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(answering, "QUESTIONS_PER_PASS", together)
        found = list(outputs(model, batches, CPU))
    assert not model.training  # dropout is off
    assert [id(made.question_index) for made, _ in found] == [
        id(asked.question_index) for asked in batches
    ]
    for asked, (_, output) in zip(batches, found, strict=True):
        with torch.no_grad():
            alone = model(asked.regions, asked.tokens, asked.lengths, asked.image_index)
        for field in ("logits", "attention", "scores", "attended", "question"):
            expected = getattr(alone, field)
            assert getattr(output, field).shape == expected.shape
            torch.testing.assert_close(getattr(output, field), expected)


def test_batches_are_taken_as_they_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "QUESTIONS_PER_PASS", 6)
    taken: list[int] = []

    def batches() -> Iterator[Batch]:
        for number in range(6):
            taken.append(number)
            yield batch([1, 2, 3], number)

    seen = [len(taken) for _ in outputs(network("saaa"), batches(), CPU)]
    assert seen == [2, 2, 4, 4, 6, 6]


def test_no_gradient_is_kept_and_the_callers_mode_stays() -> None:
    answered = outputs(network("saaa"), [batch([1, 2], 0), batch([3], 1)], CPU)
    for _, output in answered:
        assert not output.logits.requires_grad
        assert torch.is_grad_enabled()
        assert not torch.is_inference_mode_enabled()


def test_the_precision_is_that_asked_for_and_no_longer_than_needed() -> None:
    model = network("saaa").double()
    batches = [batch([2, 3], 0)]
    [(_, output)] = outputs(model, batches, CPU)
    assert output.logits.dtype == torch.float64
    model.float()
    for _, output in outputs(model, batches, CPU, "bfloat16"):
        assert output.logits.dtype == torch.bfloat16
        assert output.attention.dtype == torch.float32
        assert not torch.is_autocast_enabled("cpu")
