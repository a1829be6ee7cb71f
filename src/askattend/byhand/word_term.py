"""The linear term of words, which is in neither paper: what the wording alone says of answers.

The networks that `askattend train` makes of small sets have it beside the paper's equations. Where
the weights have none, nothing is added.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from askattend.byhand.arrays import FloatArray, IntArray, Shapes, Weights
from askattend.byhand.layers import PADDING, lookup, lookup_backward

NAME = "word_logits.weight"  # w, (words or words + BUCKETS) × answers

# The rows that pairs of words share by their hash, and the hash's two primes.
BUCKETS = 4096
FIRST, SECOND = 1_000_003, 7_919


def word_term_shapes(weights: Mapping[str, FloatArray], *, words: int, answers: int) -> Shapes:
    """Return the shape that the term's weight should have, where there is one."""
    if NAME not in weights:
        return {}
    without_pairs = np.shape(weights[NAME]) == (words, answers)
    return {NAME: (words if without_pairs else words + BUCKETS, answers)}


def word_term(
    weights: Mapping[str, FloatArray], tokens: IntArray, lengths: IntArray, *, words: int
) -> FloatArray | None:
    """Return Σ_t w[q_t] + Σ_t w[(q_t, q_{t+1})], questions × answers; None without the term.

    Args:
        weights: of the network.
        tokens: q, questions × words.
        lengths: the number of real words of each question.
        words: the size of the word vocabulary, behind whose rows those of pairs begin.
    """
    if NAME not in weights:
        return None
    w = weights[NAME]
    rows = _rows(w, tokens, lengths, words)
    total: FloatArray = (lookup(w, rows) * (rows != PADDING)[..., None]).sum(axis=1)
    return total


def word_term_backward(
    weights: Mapping[str, FloatArray],
    dlogits: FloatArray,
    tokens: IntArray,
    lengths: IntArray,
    *,
    words: int,
) -> Weights:
    """Return dw under its name: each row that a question took gets all of its dlogits."""
    if NAME not in weights:
        return {}
    w = weights[NAME]
    rows = _rows(w, tokens, lengths, words)
    dw = lookup_backward(np.repeat(dlogits[:, None], rows.shape[1], axis=1), rows, len(w))
    dw[PADDING] = 0
    return {NAME: dw}


def _rows(w: FloatArray, tokens: IntArray, lengths: IntArray, words: int) -> IntArray:
    """Return the rows of w that each question takes, questions × rows; padding is row 0."""
    real = np.arange(tokens.shape[1]) < lengths[:, None]
    tokens = np.where(real, tokens, PADDING).astype(np.int64)
    if len(w) == words:
        return tokens
    first, second = tokens[:, :-1], tokens[:, 1:]
    pairs = words + (first * FIRST + second * SECOND) % BUCKETS
    whole = (first != PADDING) & (second != PADDING)  # a pair with padding is none
    return np.concatenate([tokens, np.where(whole, pairs, PADDING)], axis=1)
