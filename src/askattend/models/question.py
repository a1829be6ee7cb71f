"""Question encoders: words in, one vector a question out."""

from __future__ import annotations

from typing import Literal

from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

# The vocabulary's padding token (the data side's `PAD`): its embedding is zero and stays so.
PADDING = 0


class LSTMQuestion(nn.Module):
    """The last state of an LSTM over the embedded words.

    SAAA section 3.2 (the *cell* state, after tanh(dropout(embedding))) and SAN eqs. 2-7 (the
    *hidden* state of the plain embedding). Padding never enters the recurrence.

    Args:
        words: the size of the vocabulary.
        embedding_dim: D in the papers, the width of a word's embedding.
        question_dim: the width of the state.
        state: which of the LSTM's two states is the question's encoding.
        squash: whether the embedding passes through dropout and tanh first.
        dropout: the probability of dropping an element of the embedding, where `squash`.
    """

    def __init__(
        self,
        *,
        words: int,
        embedding_dim: int,
        question_dim: int,
        state: Literal["cell", "hidden"],
        squash: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, embedding_dim, padding_idx=PADDING)
        self.drop = nn.Dropout(dropout) if squash else nn.Identity()
        self.squash = nn.Tanh() if squash else nn.Identity()
        self.lstm = nn.LSTM(embedding_dim, question_dim, batch_first=True)
        self.state = state
        self._initialise()

    def _initialise(self) -> None:
        nn.init.xavier_uniform_(self.embedding.weight[PADDING + 1 :])
        for name, parameter in self.lstm.named_parameters():
            if name.startswith("bias"):
                nn.init.zeros_(parameter)
            else:  # the four gates' matrices are stacked: each is initialised by itself
                for gate in parameter.chunk(4):
                    nn.init.xavier_uniform_(gate)

    def forward(
        self, tokens: Int[Tensor, "questions words"], lengths: Int[Tensor, " questions"]
    ) -> Float[Tensor, "questions question_dim"]:
        """Encode questions; `lengths` (≥ 1) tells how many words of each row are real."""
        embedded = self.squash(self.drop(self.embedding(tokens)))  # questions × words × D
        packed = pack_padded_sequence(
            embedded, lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        _, (hidden, cell) = self.lstm(packed)  # each 1 × questions × question_dim
        state: Tensor = (cell if self.state == "cell" else hidden).squeeze(0)
        return state
