"""Kernels in C read memory by sizes that they are told: what does not fit is refused before."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import pytest
import torch
from torch import nn

from askattend.models.kernels import linear
from askattend.models.kernels.cpu.lstm import LSTMFunction, recur_without_gradient
from askattend.models.kernels.cpu.scores import attention_scores
from askattend.models.kernels.cpu.vectors import times_vector

# Under the tests, sizes in annotations are checked first; a user has none of that.
unchecked: Callable[..., torch.Tensor] = inspect.unwrap(attention_scores)
vector: Callable[..., torch.Tensor] = inspect.unwrap(times_vector)
without_gradient: Callable[..., object] = inspect.unwrap(recur_without_gradient)


@pytest.mark.parametrize(("question", "weight", "image"), [(7, 5, 0), (5, 7, 0), (5, 5, 2)])
def test_scores(question: int, weight: int, image: int) -> None:
    parts = (torch.ones(2, 3, 5), torch.ones(1, question), torch.tensor([image]))
    with pytest.raises((RuntimeError, IndexError)):
        unchecked(*parts, torch.ones(1, weight), torch.ones(1), tanh=False)


@pytest.mark.parametrize(("words", "gates", "dim"), [(5, 8, 2), (3, 12, 2), (3, 8, 3)])
def test_states(words: int, gates: int, dim: int) -> None:
    inputs, weight = torch.ones(words, gates), torch.ones(4 * dim, dim)
    with pytest.raises(RuntimeError):
        LSTMFunction.apply(inputs, weight, [2, 1])  # type: ignore[no-untyped-call]
    if gates != 4 * dim:
        with pytest.raises(RuntimeError):
            without_gradient([inputs], weight)


def test_vectors() -> None:
    with pytest.raises(RuntimeError):
        vector(torch.ones(3, 4).bfloat16(), torch.ones(5))


@pytest.mark.parametrize("columns", [12, 511, 544])
def test_layers_of_another_width_are_not_filled_up(columns: int) -> None:
    with pytest.raises(RuntimeError):
        linear(nn.Linear(500, 3), torch.ones(2, columns))


def test_a_layer_takes_what_was_filled_up() -> None:
    layer, x = nn.Linear(500, 3), torch.randn(2, 500)
    filled = nn.functional.pad(x, (0, 12))
    torch.testing.assert_close(linear(layer, filled), layer(x))
