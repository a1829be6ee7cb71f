"""The quick ways of computing give what the equations, written out, give."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode
from torch.nn.utils.rnn import pack_padded_sequence

from askattend import record
from askattend.devices import autocast
from askattend.models import (
    ImageOnlyConfig,
    Model,
    ModelConfig,
    QuestionOnlyConfig,
    SAAAConfig,
    SANConfig,
    build_model,
)
from askattend.models.encoders import LSTMQuestion
from askattend.models.kernels.attention_scores import scores_of
from askattend.models.kernels.dropout import Dropout, kept
from askattend.models.kernels.lstm import LSTM

SMALL: dict[str, Any] = {"embedding_dim": 3, "question_dim": 4}
CONFIGS: dict[str, ModelConfig] = {
    "saaa": SAAAConfig(**SMALL, attention_dim=5, hidden_dim=7, dropout=0.0),
    "san": SANConfig(**SMALL, attention_dim=5, dropout=0.0),
    "san-cnn": SANConfig(embedding_dim=3, encoder="cnn", attention_dim=5, dropout=0.0),
    "san-published": SANConfig(**SMALL, variant="published-code", attention_dim=5, dropout=0.0),
    "question-only": QuestionOnlyConfig(**SMALL, hidden_dim=7, dropout=0.0),
    "image-only": ImageOnlyConfig(hidden_dim=7, dropout=0.0),
}


def network(name: str) -> Model:
    torch.manual_seed(0)
    return build_model(CONFIGS[name], words=11, answers=5, region_dim=6)


def batch(dtype: torch.dtype = torch.float64) -> tuple[Tensor, ...]:
    regions = torch.rand(3, 4, 6, generator=torch.Generator().manual_seed(1), dtype=dtype)
    tokens = torch.tensor([[2, 3, 4], [5, 0, 0], [2, 3, 0], [3, 9, 2], [7, 0, 0]])
    return regions, tokens, torch.tensor([3, 1, 2, 3, 1]), torch.tensor([2, 0, 2, 1, 0])


def gradients(model: Model) -> dict[str, Tensor]:
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def answered(model: Model, *, written_out: bool) -> tuple[Any, dict[str, Tensor]]:
    """Output and gradients of a made-up loss of all of it."""
    model.zero_grad()
    if written_out:
        with record():
            output = model(*batch())
    else:
        output = model(*batch())
    loss = output.logits.logsumexp(1).sum() + (output.attention**2).sum() + output.question.sum()
    loss.backward()
    return output, {name: g.clone() for name, g in gradients(model).items()}


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("training", [True, False])
def test_both_ways_give_the_same_output_and_gradients(name: str, training: bool) -> None:
    model = network(name).double().train(training)
    quick, quick_gradients = answered(model, written_out=False)
    slow, slow_gradients = answered(model, written_out=True)
    for field in ("logits", "attention", "scores", "attended", "question"):
        torch.testing.assert_close(getattr(quick, field), getattr(slow, field))
    assert quick_gradients.keys() == slow_gradients.keys()
    torch.testing.assert_close(quick_gradients, slow_gradients)


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("training", [True, False])
def test_a_gpus_way_gives_the_same_output_and_gradients(
    name: str, training: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = network(name).double().train(training)
    expected, expected_gradients = answered(model, written_out=False)
    monkeypatch.setattr("askattend.models.attention.on_gpu", lambda *_: True)
    found, found_gradients = answered(model, written_out=False)
    for field in ("logits", "attention", "scores", "attended", "question"):
        torch.testing.assert_close(getattr(found, field), getattr(expected, field))
    torch.testing.assert_close(found_gradients, expected_gradients)


@given(lengths=st.lists(st.integers(1, 5), min_size=1, max_size=6), wider=st.integers(0, 3))
@pytest.mark.parametrize("state", ["hidden", "cell"])
def test_questions_moved_to_the_right_end_in_the_same_state(
    state: Any, lengths: list[int], wider: int
) -> None:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"words": 9, "embedding_dim": 3, "question_dim": 4}
    encoder = LSTMQuestion(**sizes, state=state, squash=True, dropout=0.0).double()
    for parameter in encoder.lstm.parameters():
        nn.init.normal_(parameter)
    tokens = torch.zeros(len(lengths), max(lengths) + wider, dtype=torch.int64)
    for row, length in zip(tokens, lengths, strict=True):
        row[:length] = torch.randint(1, 9, (length,))
    arguments = tokens, torch.tensor(lengths)
    with record():
        expected = encoder(*arguments)
    found = encoder._aligned(*arguments)
    torch.testing.assert_close(found, expected)
    upstream, parameters = torch.randn_like(expected), list(encoder.parameters())
    ours, theirs = (torch.autograd.grad(s, parameters, upstream) for s in (found, expected))
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("gpu", [False, True])
@pytest.mark.parametrize("name", CONFIGS)
def test_bfloat16_gives_nearly_the_same(
    name: str, gpu: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = network(name).eval()
    arguments = batch(torch.float16)
    with torch.no_grad():
        exact = model(*arguments)
        if gpu:
            monkeypatch.setattr("askattend.models.attention.on_gpu", lambda *_: True)
        with autocast("bfloat16", model):
            trained = model(*arguments)
        asked = model.bfloat16()(*arguments)
    for low in (trained, asked):
        assert low.logits.dtype == torch.bfloat16
        near: dict[str, Any] = {"rtol": 0.03, "atol": 0.03 * exact.logits.abs().max().item()}
        torch.testing.assert_close(low.logits.float(), exact.logits, **near)
        torch.testing.assert_close(low.attention.float(), exact.attention, rtol=0.05, atol=0.02)


@pytest.mark.parametrize("name", ["saaa", "san"])
def test_softmax_and_gradients_are_float32_under_bfloat16(name: str) -> None:
    model = network(name).train()
    with autocast("bfloat16", model):
        output = model(*batch(torch.float16))
    assert output.attention.dtype == torch.float32
    torch.testing.assert_close(output.attention.sum(dim=2), torch.ones(5, len(output.attention[0])))
    output.logits.float().logsumexp(1).sum().backward()
    assert {gradient.dtype for gradient in gradients(model).values()} == {torch.float32}


@pytest.mark.parametrize("p", [0.5, 0.3])
def test_dropout_keeps_each_element_with_its_probability(p: float) -> None:
    torch.manual_seed(0)
    found = torch.stack([kept((31, 7), p, torch.device("cpu")) for _ in range(4000)]).double()
    # Five standard errors of a share in 4,000 draws, at 217 elements.
    allowed = 5 * (p * (1 - p) / 4000) ** 0.5
    assert (found.mean(dim=0) - (1 - p)).abs().max() < allowed
    flat = found.flatten(1) - (1 - p)
    correlations = (flat.t() @ flat) / 4000 / (p * (1 - p))
    off_diagonal = correlations - torch.eye(217)
    assert off_diagonal.abs().max() < 6 / 4000**0.5 + 0.02  # no element tells of another


def test_dropout_scales_what_it_keeps_and_follows_the_seed() -> None:
    x = torch.rand(50, 3) + 1
    drop = Dropout(0.5)
    torch.manual_seed(3)
    dropped = drop(x)
    assert set((dropped / x).flatten().tolist()) == {0.0, 2.0}
    torch.manual_seed(3)
    assert torch.equal(drop(x), dropped)
    assert torch.equal(drop.eval()(x), x)
    assert torch.equal(Dropout(0.0)(x), x)
    assert not Dropout(1.0)(x).any()


@given(lengths=st.lists(st.integers(1, 5), min_size=1, max_size=6), seed=st.integers(0, 2**31 - 1))
def test_last_states_are_those_of_pytorchs_lstm(lengths: list[int], seed: int) -> None:
    torch.manual_seed(seed)
    lstm = LSTM(3, 4, batch_first=True).double()
    x = torch.randn(len(lengths), max(lengths), 3, dtype=torch.float64)
    packed = pack_padded_sequence(x, torch.tensor(lengths), batch_first=True, enforce_sorted=False)
    _, expected = lstm(packed)
    sizes, order = packed.batch_sizes.tolist(), packed.unsorted_indices
    assert order is not None
    found = lstm.last_states(lstm.inputs(packed.data), sizes)
    with torch.no_grad():
        inputs = lstm.inputs(packed.data)
        answering = lstm.last_states_of(inputs.split(sizes), inputs.dtype)
    for state, same, other in zip(found, answering, expected, strict=True):
        torch.testing.assert_close(state[order], other[0])
        torch.testing.assert_close(same[order], other[0])
    weights = torch.randn(2, len(lengths), 4, dtype=torch.float64)
    losses = [
        sum(((w * s).sum() for w, s in zip(weights, states, strict=True)), torch.zeros(()))
        for states in ([s[order] for s in found], [s[0] for s in expected])
    ]
    ours, theirs = (torch.autograd.grad(loss, list(lstm.parameters())) for loss in losses)
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(
    ("activation", "dropping", "size"),
    [
        *(("relu", True, 1.0), ("relu", False, 1.0)),
        *(("tanh", False, 1.0), ("tanh", False, 4.0), ("tanh", False, 15.0)),
    ],
)
def test_scores_are_the_two_layers_written_out(
    activation: Any, dropping: bool, size: float
) -> None:
    torch.manual_seed(1)
    # The largest of 60 normal numbers of deviation 15 is beyond what exponentials are used for.
    projected, asked = size * torch.randn(3, 4, 5), size * torch.randn(6, 5)
    weight, bias = torch.randn(2, 5), torch.randn(2)
    image_index = torch.tensor([1, 0, 2, 1, 1, 0])
    flips = torch.rand(6, 4, 5) < 0.5 if dropping else None
    arguments = [t.double().requires_grad_() for t in (projected, asked, weight, bias)]
    v, q, w, b = arguments
    scale = 2.0 if dropping else 1.0
    quick = scores_of(v, q, w, b, image_index, activation=activation, kept=flips, scale=scale)
    h = getattr(torch, activation)(v[image_index] + q[:, None])
    h = h if flips is None else 2 * h * flips
    slow = (h @ w.t() + b).transpose(1, 2)
    torch.testing.assert_close(quick, slow)
    upstream = torch.randn_like(slow)
    ours, theirs = (torch.autograd.grad(s, arguments, upstream) for s in (quick, slow))
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("size", [0.01, 0.1, 1.0])
def test_small_numbers_keep_their_digits_in_bfloat16(size: float) -> None:
    generator = torch.Generator().manual_seed(0)
    projected, asked, weight = (
        (torch.randn(shape, generator=generator) * scale).bfloat16().requires_grad_()
        for shape, scale in (((3, 50, 64), size), ((3, 64), size), ((1, 64), 0.1))
    )
    image_index, bias = torch.arange(3), torch.zeros(1).bfloat16()
    scores = scores_of(projected, asked, weight, bias, image_index, activation="tanh")
    exact = (projected.double() + asked.double()[:, None]).tanh() @ weight.double().t()
    assert scores.dtype == torch.bfloat16
    assert (scores.double() - exact.mT).norm() < 0.01 * exact.norm()
    weights = torch.randn(exact.shape, generator=generator).double()
    (found,) = torch.autograd.grad((scores.mT.double() * weights).sum(), weight)
    (expected,) = torch.autograd.grad((exact * weights).sum(), weight)
    assert (found - expected).norm() < 0.02 * expected.norm()


def test_dropout_draws_bits_after_fake_tensors() -> None:
    drop = Dropout(0.5).train()
    with FakeTensorMode():
        drop(torch.randn(3, 4))
    assert drop(torch.ones(64)).unique().tolist() == [0.0, 2.0]
