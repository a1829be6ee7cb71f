"""SAN's other question encoders: its paper's CNN, and the LSTM of its published code."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from askattend.models.encoders import PADDING
from askattend.models.kernels import last_published_state, require_in_range
from askattend.models.san_symbols import (
    CNN_EMBEDDED,
    EMBEDDED,
    GRAMS,
    GRAMS_PUBLISHED,
    LARGEST,
    STATES_PUBLISHED,
)
from askattend.models.tensors import Lengths, QuestionEncoding, Tokens

# The widest window of the CNN, in words.
WIDEST = 3


class PublishedLSTMEncoder(nn.Module):
    """The LSTM of SAN's published code: last word first, and h = o∘c without a tanh.

    i, f, o = σ(·) and g = tanh(·) of x·W_x + h·W_h + b; c ← i∘g + f∘c; h = o∘c.

    Args:
        words: the size of the vocabulary.
        embedding_dim: the width of a word's embedding.
        question_dim: the width of the state.
    """

    def __init__(self, *, words: int, embedding_dim: int, question_dim: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, embedding_dim, padding_idx=PADDING)
        self.word = nn.Linear(embedding_dim, 4 * question_dim)  # W_x, b: rows in blocks i, f, o, c
        self.state = nn.Linear(question_dim, 4 * question_dim, bias=False)  # W_h
        nn.init.xavier_uniform_(self.embedding.weight[PADDING + 1 :])
        for layer in (self.word, self.state):
            for gate in layer.weight.chunk(4):
                nn.init.xavier_uniform_(gate)
        nn.init.zeros_(self.word.bias)
        self.open_forget_gate()

    def open_forget_gate(self) -> None:
        """Let the state last at first: the forget gate's bias begins at 1."""
        nn.init.ones_(self.word.bias.chunk(4)[1])

    def forward(self, tokens: Tokens, lengths: Lengths) -> QuestionEncoding:
        """Encode questions.

        Raises:
            DataError: a length or a word is out of range.
        """
        require_in_range(tokens, lengths, words=self.embedding.num_embeddings)
        return last_published_state(
            EMBEDDED(self.embedding(tokens)),
            lengths,
            self.word,
            self.state,
            record_states=STATES_PUBLISHED.stacked,
        )


class CNNEncoder(nn.Module):
    """Filters over one, two and three words in a row, each at its largest over time.

    SAN eqs. 10-14: h_{c,t} = tanh(W_c x_{t:t+c-1} + b_c), h̃_c = max_t h_{c,t}, v_Q = [h̃₁, h̃₂, h̃₃].

    Args:
        words: the size of the vocabulary.
        embedding_dim: the width of a word's embedding.
        filters: how many there are of each width.
        over_padding: True lets windows reach over a question's end, as far as the longest question
            of the batch (the published code), so that an answer depends on its batch. False keeps
            them within the question (the paper). Either way a question, or a batch, shorter than a
            window is filled up to its width with zeros.
    """

    def __init__(
        self,
        *,
        words: int,
        embedding_dim: int,
        filters: tuple[int, int, int],
        over_padding: bool = False,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, embedding_dim, padding_idx=PADDING)
        self.filters = nn.ModuleList(
            nn.Linear(width * embedding_dim, count) for width, count in enumerate(filters, 1)
        )
        self.over_padding = over_padding
        nn.init.xavier_uniform_(self.embedding.weight[PADDING + 1 :])
        for layer in self.filters:
            assert isinstance(layer, nn.Linear)
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, tokens: Tokens, lengths: Lengths) -> QuestionEncoding:
        """Encode questions.

        Raises:
            DataError: a length or a word is out of range.
        """
        require_in_range(tokens, lengths, words=self.embedding.num_embeddings)
        position = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.embedding(tokens) * (position < lengths[:, None])[..., None]
        x = CNN_EMBEDDED(x)  # questions × words × embedding_dim; zero after the end
        x = nn.functional.pad(x, (0, 0, 0, torch.sym_max(0, WIDEST - x.shape[1])))
        found = []
        symbols = GRAMS_PUBLISHED if self.over_padding else GRAMS
        named = zip(symbols, LARGEST, self.filters, strict=True)
        for width, (symbol, largest, layer) in enumerate(named, 1):
            h = torch.tanh(layer(windows(x, width)))
            if not self.over_padding:
                starts = torch.arange(h.shape[1], device=h.device)
                outside = starts > (lengths[:, None] - width).clamp(min=0)
                h = h.masked_fill(outside[..., None], -torch.inf)
            found.append(largest(symbol(h).amax(dim=1)))  # h̃_c
        return torch.cat(found, dim=1)


def windows(
    x: Float[Tensor, "questions words embedding_dim"], width: int
) -> Float[Tensor, "questions windows wide"]:
    """Lay every `width` words in a row end to end: [x_t, …, x_{t+width-1}]."""
    count = x.shape[1] - width + 1
    return torch.cat([x[:, shift : shift + count] for shift in range(width)], dim=2)


def initialise_as_published(model: nn.Module) -> None:
    """Initialise weights as the published code does.

    Embeddings are uniform within ±0.5, other weights within ±0.01, biases 0 (but 1 for an LSTM's
    forget gate).
    """
    for name, parameter in model.named_parameters():
        if name.endswith("embedding.weight"):
            nn.init.uniform_(parameter[PADDING + 1 :], -0.5, 0.5)
        elif "bias" in name:
            nn.init.zeros_(parameter)
        else:
            nn.init.uniform_(parameter, -0.01, 0.01)
    for module in model.modules():
        if isinstance(module, PublishedLSTMEncoder):
            module.open_forget_gate()
