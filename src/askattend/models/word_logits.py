"""A linear bag of words beside a network: what the wording alone says, learnt apart."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from askattend.models.symbols import Symbol
from askattend.models.tensors import Tokens

WordLogitsChoice = Literal["none", "words", "pairs"]

# Rows that pairs of words share by their hash. DAQUAR has some 5,000 pairs.
BUCKETS = 4096
# Two primes: words' indices spread over the rows, whatever the size of the vocabulary.
_FIRST, _SECOND = 1_000_003, 7_919

WORD_LOGITS = Symbol(
    "word_logits",
    "Σ_t w[q_t]",
    "beyond the paper",
    "answers: what the question's words and pairs of words say by themselves",
    "questions answers",
)


class WordLogits(nn.Module):
    """Σ_t w[q_t] + Σ_t w[(q_t, q_{t+1})], to be added to a network's logits.

    A linear bag of words, which on small sets beats a network that has to learn the same through
    its LSTM. It begins at zero: at first the network is the paper's. Not in either paper.

    Args:
        words: the size of the word vocabulary.
        answers: the size of the answer vocabulary.
        pairs: True if two words in a row have a row of their own; pairs share `BUCKETS` rows.
    """

    def __init__(self, *, words: int, answers: int, pairs: bool) -> None:
        super().__init__()
        self.words, self.pairs = words, pairs
        self.weight = nn.Parameter(torch.zeros(words + BUCKETS * pairs, answers))

    def forward(self, tokens: Tokens) -> Float[Tensor, "questions answers"]:
        """Add up the rows of a question's words, and of its pairs.

        Padding counts nothing, nor do words behind the vocabulary's own, read by word vectors.
        """
        tokens = tokens.where(tokens < self.words, 0)
        rows = torch.cat([tokens, self._rows_of_pairs(tokens)], dim=1) if self.pairs else tokens
        return WORD_LOGITS(F.embedding_bag(rows, self.weight, mode="sum", padding_idx=0))

    def _rows_of_pairs(self, tokens: Tokens) -> Int[Tensor, "questions pairs"]:
        first, second = tokens[:, :-1], tokens[:, 1:]
        rows = self.words + (first * _FIRST + second * _SECOND) % BUCKETS
        # A pair with padding is none.
        return torch.where((first > 0) & (second > 0), rows, 0)


def make_word_logits(choice: WordLogitsChoice, *, words: int, answers: int) -> WordLogits | None:
    """Make the term that a network's settings choose, if any."""
    if choice == "none":
        return None
    return WordLogits(words=words, answers=answers, pairs=choice == "pairs")


def with_word_logits(
    term: WordLogits | None, question: Float[Tensor, "questions dim"], tokens: Tokens
) -> Float[Tensor, "questions _"]:
    """Put the term behind a question's encoding, where there is one: it, too, needs no image."""
    # `cat` keeps the more precise of two types: logits do not lose theirs to a bfloat16 encoding.
    return question if term is None else torch.cat([question, term(tokens)], dim=1)


def split_word_logits(
    term: WordLogits | None, encoding: Float[Tensor, "questions _"]
) -> tuple[Float[Tensor, "questions dim"], Float[Tensor, "questions answers"] | None]:
    """Undo `with_word_logits`: the question's encoding, and what the term adds to the logits."""
    if term is None:
        return encoding, None
    answers = term.weight.shape[1]
    return encoding[:, :-answers].to(term.weight.dtype), encoding[:, -answers:]


def add_word_logits(
    logits: Float[Tensor, "questions answers"],
    word_logits: Float[Tensor, "questions answers"] | None,
    symbol: Symbol,
) -> Float[Tensor, "questions answers"]:
    """Add the term, where there is one.

    Args:
        logits: the network's own.
        word_logits: the term, see `split_word_logits`.
        symbol: the paper's for the logits; a listener is told of the sum by its equation.
    """
    if word_logits is None:
        return symbol(logits)
    return symbol.plus(WORD_LOGITS)(logits + word_logits)
