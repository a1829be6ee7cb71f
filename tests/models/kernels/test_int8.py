"""Weights rounded to 8 bits: how far off, where, and that nothing else reads other weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from askattend import record
from askattend.errors import ConfigError
from askattend.models import SAAAConfig, SANConfig, build_model, networks
from askattend.models.kernels.int8 import MOST_ROWS, Int8Linear, Int8Matrix, round_to_eight_bits

BFLOAT16 = 2.0**-8  # its relative error


@given(
    outputs=st.integers(1, 9),
    inputs=st.integers(1, 200),
    rows=st.integers(1, MOST_ROWS),
    seed=st.integers(0, 2**31 - 1),
)
@torch.no_grad()
def test_codes_multiply_as_the_weights_they_stand_for(
    outputs: int, inputs: int, rows: int, seed: int
) -> None:
    torch.manual_seed(seed)
    weight, x = torch.randn(outputs, inputs), torch.randn(rows, inputs)
    rounded = weight.clone()
    codes = Int8Matrix(rounded)
    # A step is 1/127 of the row's largest, itself rounded to bfloat16.
    step = weight.abs().amax(dim=1, keepdim=True) / 127
    assert ((rounded - weight).abs() <= step * (0.5 + 127 * BFLOAT16) + 1e-7).all()
    exact = x.double() @ rounded.double().t()
    allowed = 2 * BFLOAT16 * (x.abs().double() @ rounded.abs().double().t()) + 1e-6
    assert ((codes.matmul(x).double() - exact).abs() <= allowed).all()


@torch.no_grad()
def test_a_slice_may_begin_anywhere_in_memory() -> None:
    torch.manual_seed(0)
    weight, x = torch.randn(5, 64), torch.randn(3, 130).bfloat16()
    codes = Int8Matrix(weight)
    for start in range(1, 66):
        part = x[:, start : start + 64]
        torch.testing.assert_close(codes.matmul(part), codes.matmul(part.clone()))
    turned = torch.randn(64, 3).t()
    torch.testing.assert_close(codes.matmul(turned), codes.matmul(turned.contiguous()))


@torch.no_grad()
def test_a_row_of_zeros_gives_zeros_and_one_that_is_no_number_none() -> None:
    weight = torch.stack([torch.zeros(4), torch.ones(4), torch.full((4,), torch.nan)])
    zero, one, none = Int8Matrix(weight).matmul(torch.ones(1, 4))[0]
    assert (zero, one) == (0, 4)
    assert none.isnan()


@pytest.mark.parametrize(
    "config",
    [
        *(network.config_type()() for network in networks().values()),
        SANConfig(encoder="cnn"),
        SANConfig(variant="published-code"),
        SANConfig(variant="published-code", encoder="cnn"),
    ],
    ids=str,
)
@pytest.mark.parametrize("questions", [1, 3, MOST_ROWS + 1])
def test_a_rounded_network_answers_nearly_as_before(config: Any, questions: int) -> None:
    network = _network(config)
    arguments = _batch(questions)
    with torch.inference_mode():
        before = network(*arguments).logits
        round_to_eight_bits(network)
        after = network(*arguments).logits
    assert not torch.equal(after, before)
    assert (after - before).norm() < 0.03 * before.norm()


def test_recorded_or_with_a_gradient_the_equations_run_on_the_same_weights() -> None:
    network = _network(SAAAConfig())
    round_to_eight_bits(network)
    arguments = _batch(3)
    with torch.inference_mode():
        quick = network(*arguments).logits
        with record() as steps:
            recorded = network(*arguments).logits
    assert "states" in steps
    with_gradient = network(*arguments).logits
    with_gradient.sum().backward()
    for name, parameter in network.named_parameters():  # matrices alone are not to be moved
        assert (parameter.grad is None) == (parameter.ndim == 2 and "embedding" not in name), name
    torch.testing.assert_close(recorded, with_gradient.detach())
    assert 0 < (quick - recorded).norm() < 0.01 * recorded.norm()


@pytest.mark.parametrize(
    ("questions", "words", "products"),
    [
        # W_ih, W_hh after each word but the first, W_q, and the classifier's two
        (1, 6, 1 + 5 + 3),
        (1, MOST_ROWS + 4, 0 + MOST_ROWS + 3 + 3),  # too many words for W_ih, not for W_hh
        (MOST_ROWS, 6, 0 + 5 + 3),
        (MOST_ROWS + 1, 2, 0),
    ],
)
def test_products_of_few_rows_are_from_codes(
    questions: int, words: int, products: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = _network(SAAAConfig())
    round_to_eight_bits(network)
    rows: list[int] = []
    matmul = Int8Matrix.matmul

    def counted(codes: Int8Matrix, x: Tensor) -> Tensor:
        rows.append(len(x))
        return matmul(codes, x)

    monkeypatch.setattr(Int8Matrix, "matmul", counted)
    # As many words as there can be, each another: none is computed once for several.
    tokens = 1 + torch.arange(questions * words).view(questions, words) % 49
    with torch.inference_mode():
        image = network.encode_image(torch.rand(1, 9, 40))
        about = torch.zeros(questions, dtype=torch.int64)
        network.answer(
            image, network.encode_question(tokens, torch.full((questions,), words)), about
        )
    assert len(rows) == products
    assert max(rows, default=0) <= MOST_ROWS


@torch.no_grad()
def test_weights_loaded_later_are_rounded_too() -> None:
    network, other = _network(SAAAConfig()), _network(SAAAConfig(), seed=1)
    round_to_eight_bits(network)
    loaded = other.state_dict()
    before = {name: tensor.clone() for name, tensor in loaded.items()}
    network.load_state_dict(loaded, assign=True)
    torch.testing.assert_close(loaded, before, rtol=0, atol=0)
    round_to_eight_bits(other)
    arguments = _batch(2)
    torch.testing.assert_close(network(*arguments).logits, other(*arguments).logits)


def test_a_pytorch_without_the_product_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch, "_weight_int8pack_mm")
    with pytest.raises(ConfigError, match=r"cannot multiply with weights of 8 bits"):
        round_to_eight_bits(_network(SAAAConfig()))


def test_the_weights_file_stays_as_it_was() -> None:
    network = build_model(SAAAConfig(), words=50, answers=9, region_dim=40)
    before = {name: tensor.shape for name, tensor in network.state_dict().items()}
    round_to_eight_bits(network)
    assert {name: tensor.shape for name, tensor in network.state_dict().items()} == before


@torch.no_grad()
def test_a_layer_that_serves_twice_and_one_without_bias_are_rounded_once() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(8, 8, bias=False)
    network = nn.Sequential(layer, nn.ReLU(), layer)
    round_to_eight_bits(network)
    assert isinstance(network[0], Int8Linear)
    assert network[0] is network[2]
    once = layer.weight.clone()
    round_to_eight_bits(network)
    assert torch.equal(layer.weight, once)
    x = torch.randn(2, 8)
    expected = torch.relu(x @ once.t()) @ once.t()
    assert (network(x) - expected).norm() < 0.02 * expected.norm()


def _network(config: Any, seed: int = 0) -> Any:
    """With biases that are not 0, as trained ones are not."""
    torch.manual_seed(seed)
    network = build_model(config, words=50, answers=9, region_dim=40).eval()
    for name, parameter in network.named_parameters():
        if "bias" in name:
            nn.init.normal_(parameter, std=0.3)
    return network


def _batch(questions: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    regions = torch.rand(2, 9, 40, generator=generator)
    tokens = torch.randint(1, 50, (questions, 6), generator=generator)
    lengths = torch.randint(1, 7, (questions,), generator=generator)
    tokens = tokens.masked_fill(torch.arange(6) >= lengths[:, None], 0)
    return regions, tokens, lengths, torch.arange(questions) % 2
