"""An LSTM as the single operation that ONNX has for it, in which no size depends on the lengths."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from askattend.models.kernels.recurrence import StateName

# Weights W_ih and W_hh, biases b_ih and b_hh, their rows in blocks, one a gate.
Weights = tuple[Tensor, Tensor, Tensor, Tensor]
# ONNX's order of gates: input, output, forget, cell.
_GATES = "iofg"
# The first version of ONNX's operators with this one's definition.
_VERSION = 14


def onnx_lstm(
    x: Float[Tensor, "questions words dim"],
    lengths: Int[Tensor, " questions"],
    weights: Weights,
    *,
    state: StateName,
    gates: str,
    backwards: bool = False,
    plain_output: bool = False,
) -> Float[Tensor, "questions hidden"]:
    """Return one of an LSTM's two states after each question's last word, while a graph is made.

    Args:
        x: the embedded words.
        lengths: the number of real words of each question.
        weights: of the LSTM.
        state: which of the two.
        gates: the order of the weights' blocks: ``"ifgo"``.
        backwards: True to read the last word first.
        plain_output: True for h = o∘c, without a tanh.
    """
    blocks = [_in_order(weight, gates)[None] for weight in weights]
    words, questions, hidden = x.shape[1], x.shape[0], weights[1].shape[1]
    # σ and tanh of gates and cell; the last is the output's. Affine is x as it is by default.
    activations = ["Sigmoid", "Tanh", "Affine" if plain_output else "Tanh"]
    affine = {"activation_alpha": [1.0], "activation_beta": [0.0]} if plain_output else {}
    _, h, c = torch.onnx.ops.symbolic_multi_out(
        "LSTM",
        [x.transpose(0, 1), *blocks[:2], torch.cat(blocks[2:], dim=1), lengths.to(torch.int32)],
        {
            "hidden_size": hidden,
            "direction": "reverse" if backwards else "forward",
            "activations": activations,
            **affine,
        },
        dtypes=[x.dtype] * 3,
        shapes=[(words, 1, questions, hidden), *[(1, questions, hidden)] * 2],
        version=_VERSION,
    )
    return (c if state == "cell" else h).squeeze(0)


def _in_order(weight: Tensor, gates: str) -> Tensor:
    """Sort the blocks of rows, one a gate, as ONNX has them."""
    parts = dict(zip(gates, weight.chunk(len(gates)), strict=True))
    return torch.cat([parts[gate] for gate in _GATES])
