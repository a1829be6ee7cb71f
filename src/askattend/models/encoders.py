"""The question encoder of both papers: an LSTM over the words. SAN's others: `san_encoders`."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor, nn

from askattend.models.kernels import LSTM, Dropout, StateName, last_state, require_in_range
from askattend.models.symbols import Symbol
from askattend.models.tensors import Lengths, QuestionEncoding, Tokens

# The padding word: its embedding is zero and stays so. It is `askattend.data.vocab`'s too, which
# networks, knowing nothing of data, do not import; a test holds the two together.
PADDING = 0


class LSTMEncoder(nn.Module):
    """The last state of an LSTM over the embedded words.

    SAAA eq. 3 (the *cell* state, after tanh(dropout(embedding))) and SAN eqs. 3-9 (the *hidden*
    state of the plain embedding). Padding never enters the recurrence.

    Args:
        words: the size of the vocabulary.
        embedding_dim: D in the papers, the width of a word's embedding.
        question_dim: the width of the state.
        state: which of the LSTM's two states is the question's encoding.
        tanh_embedding: True if the embedding passes through dropout and tanh first.
        dropout: the probability of dropping an element of the embedding, where `tanh_embedding`.
        embedded: the paper's symbol for the embedded words.
        states: its symbol for the hidden states.
    """

    def __init__(
        self,
        *,
        words: int,
        embedding_dim: int,
        question_dim: int,
        state: StateName,
        tanh_embedding: bool,
        dropout: float,
        embedded: Symbol,
        states: Symbol,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, embedding_dim, padding_idx=PADDING)
        self.drop = Dropout(dropout) if tanh_embedding else nn.Identity()
        self.tanh = nn.Tanh() if tanh_embedding else nn.Identity()
        self.lstm = LSTM(embedding_dim, question_dim, batch_first=True)
        self.state, self.embedded_symbol, self.states_symbol = state, embedded, states
        self._initialise()

    def forward(self, tokens: Tokens, lengths: Lengths) -> QuestionEncoding:
        """Encode questions.

        Raises:
            DataError: a length or a word is out of range.
        """
        require_in_range(tokens, lengths, words=self.embedding.num_embeddings)
        # With dropout each occurrence of a word differs; without, a word is embedded once a batch.
        random = self.training and isinstance(self.drop, Dropout) and self.drop.p > 0
        # Embed the words, run the LSTM over them, take its cell or hidden state after the last.
        return last_state(
            self.lstm,
            self.embed,
            tokens,
            lengths,
            state=self.state,
            random=random,
            record_states=self.states_symbol,
        )

    def embed(self, tokens: Int[Tensor, "*words"]) -> Float[Tensor, "*words embedding_dim"]:
        """Turn words into vectors: e, or tanh(drop(e))."""
        return self.embedded_symbol(self.tanh(self.drop(self.embedding(tokens))))

    def _initialise(self) -> None:
        nn.init.xavier_uniform_(self.embedding.weight[PADDING + 1 :])
        for name, parameter in self.lstm.named_parameters():
            if name.startswith("bias"):
                nn.init.zeros_(parameter)
            else:  # the four gates' matrices are stacked: each is initialised by itself
                for gate in parameter.chunk(4):
                    nn.init.xavier_uniform_(gate)
