"""Kernels that networks compute with, and the only code that asks which way is quickest here.

`scores`, `lstm` and `pooling` compute what the papers write: each opens with its reference, in ten
lines or so; then come the choice and the quick ways. The other files serve them. A network calls
what stands here as it would call PyTorch's own functions.
"""

from __future__ import annotations

from askattend.models.kernels.dropout import Dropout
from askattend.models.kernels.input_checks import require_in_range
from askattend.models.kernels.linear import linear, wider_linear
from askattend.models.kernels.lstm import falling_schedule, last_state
from askattend.models.kernels.pooling import expand_to_questions, softmax, weighted_sum
from askattend.models.kernels.published_lstm import last_published_state
from askattend.models.kernels.recurrence import LSTM, StateName
from askattend.models.kernels.regions import cast, gather, l2_normalise, matmul_dtype
from askattend.models.kernels.scores import Activation, attention_scores

__all__ = [
    "LSTM",
    "Activation",
    "Dropout",
    "StateName",
    "attention_scores",
    "cast",
    "expand_to_questions",
    "falling_schedule",
    "gather",
    "l2_normalise",
    "last_published_state",
    "last_state",
    "linear",
    "matmul_dtype",
    "require_in_range",
    "softmax",
    "weighted_sum",
    "wider_linear",
]
