"""Question encoders: words in, one vector a question out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from askattend.models.attention import written_out
from askattend.models.kernels.dropout import Dropout
from askattend.models.kernels.lstm import LSTM, States
from askattend.models.kernels.ranges import require_in_range
from askattend.models.symbols import Symbol, heard

# The vocabulary's padding token: its embedding is zero and stays so.
PADDING = 0
# The widest window of the CNN, in words.
WIDEST = 3

EMBEDDED = Symbol(
    "embedded",
    "x_t",
    "8",
    "a vector for each word",
    "questions words embedding_dim",
)
STATES = Symbol(
    "states",
    "h_t = LSTM(x_t)",
    "9",
    "the LSTM's hidden state after each word; 0 where a question has ended",
    "questions words question_dim",
)
STATES_PUBLISHED = replace(
    STATES,
    symbol="h_t = o_t∘c_t",
    meaning="the LSTM's state after each word, in published code's order, last word first; a "
    "question that has ended keeps its last",
)
# The CNN's. There the words are eq. 10's.
CNN_EMBEDDED = replace(EMBEDDED, equation="10")
_WINDOWS = (
    (1, "unigrams", "x_t", "each word"),
    (2, "bigrams", "x_{t:t+1}", "each two words in a row"),
    (3, "trigrams", "x_{t:t+2}", "each three words in a row"),
)
GRAMS = tuple(
    Symbol(
        name,
        f"h_{{{width},t}} = tanh(W_{width} {words} + b_{width})",
        "11",
        f"filters over {over}; -∞ where they would leave the question",
        "questions windows filters",
    )
    for width, name, words, over in _WINDOWS
)
GRAMS_PUBLISHED = tuple(
    replace(symbol, meaning=f"filters over {over}; in published code over padding, too")
    for symbol, (*_, over) in zip(GRAMS, _WINDOWS, strict=True)
)
LARGEST = tuple(
    Symbol(
        f"largest_{name}",
        f"h̃_{width} = max_t h_{{{width},t}}",
        "13",
        f"each filter over {over} where it is largest",
        "questions filters",
    )
    for width, name, _, over in _WINDOWS
)


def each_once(
    encode: Callable[[Tensor, Tensor], Tensor],
    tokens: Int[Tensor, "questions words"],
    lengths: Int[Tensor, " questions"],
) -> Float[Tensor, "questions question_dim"]:
    """Encode each distinct question of a batch, for all who ask it.

    In easy-VQA two of three questions of a batch are asked by another, too.
    """
    asked = torch.cat([lengths[:, None], tokens], dim=1)
    distinct, place = asked.unique(dim=0, return_inverse=True)
    return encode(distinct[:, 1:], distinct[:, 0]).index_select(0, place)


class LSTMQuestion(nn.Module):
    """The last state of an LSTM over the embedded words.

    SAAA eq. 3 (the *cell* state, after tanh(dropout(embedding))) and SAN eqs. 3-9 (the *hidden*
    state of the plain embedding). Padding never enters the recurrence.

    Args:
        words: the size of the vocabulary.
        embedding_dim: D in the papers, the width of a word's embedding.
        question_dim: the width of the state.
        state: which of the LSTM's two states is the question's encoding.
        squash: whether the embedding passes through dropout and tanh first.
        dropout: the probability of dropping an element of the embedding, where `squash`.
        embedded: what the paper calls the embedded words.
        states: what it calls the hidden states.
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
        embedded: Symbol = EMBEDDED,
        states: Symbol = STATES,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, embedding_dim, padding_idx=PADDING)
        self.drop = Dropout(dropout) if squash else nn.Identity()
        self.squash = nn.Tanh() if squash else nn.Identity()
        self.lstm = LSTM(embedding_dim, question_dim, batch_first=True)
        self.state, self.embedded, self.states = state, embedded, states
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
        """Encode questions; `lengths` (≥ 1) tells how many words of each row are real.

        Raises:
            DataError: a length or a word is out of range.
        """
        require_in_range(tokens, lengths, words=self.embedding.num_embeddings)
        if not written_out(self.embedding.weight):
            if self._random or len(tokens) == 1:
                return self._packed(tokens, lengths)
            return each_once(self._packed, tokens, lengths)
        if not (heard() or torch.compiler.is_compiling()):
            return self._aligned(tokens, lengths)
        x = self.embedded(self.squash(self.drop(self.embedding(tokens))))
        packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        each, (hidden, cell) = self.lstm(packed)  # the last two 1 × questions × question_dim
        if heard():
            self.states(pad_packed_sequence(each, batch_first=True)[0])
        state: Tensor = (cell if self.state == "cell" else hidden).squeeze(0)
        return state

    @property
    def _random(self) -> bool:
        """Whether dropout makes each occurrence of a word another."""
        return self.training and isinstance(self.drop, Dropout) and self.drop.p > 0

    def _packed(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """The same without padding; if it can be, what a word gives the gates is computed once."""
        if len(tokens) == 1 and not torch.is_grad_enabled():
            inputs = self._inputs(tokens[0, : lengths[0]])
            return self._encoding(self.lstm.last_states_of(inputs.split(1), inputs.dtype))
        packed = pack_padded_sequence(tokens, lengths, batch_first=True, enforce_sorted=False)
        sizes, order = packed.batch_sizes.tolist(), packed.unsorted_indices
        assert order is not None
        if self._random:
            states = self.lstm.last_states(self._inputs(packed.data), sizes)
        else:
            words, place = packed.data.unique(return_inverse=True)
            inputs = self._inputs(words)
            if torch.is_grad_enabled():
                states = self.lstm.last_states(inputs.index_select(0, place), sizes)
            else:
                steps = (inputs.index_select(0, places) for places in place.split(sizes))
                states = self.lstm.last_states_of(steps, inputs.dtype)
        return self._encoding(states).index_select(0, order)

    def _aligned(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """The same in as many steps as there are columns: no size depends on the lengths.

        Questions are moved to the right, so that all end together. Before the first word the input
        gate is shut (i = σ(-∞) = 0), and c = f∘c + i∘g and h = o∘tanh(c) stay 0 as they began.
        """
        questions, words = tokens.shape
        column = torch.arange(words, device=tokens.device)
        position = column[:, None] - (words - lengths)  # words × questions; below 0: none yet
        aligned = tokens.t().gather(0, position.clamp(min=0))
        i, others = self._inputs(aligned).tensor_split([self.lstm.hidden_size], dim=2)
        inputs = torch.cat([i.masked_fill((position < 0)[..., None], -torch.inf), others], dim=2)
        return self._encoding(self.lstm.last_states(inputs.flatten(0, 1), [questions] * words))

    def _inputs(self, words: Tensor) -> Tensor:
        """What words give the gates."""
        return self.lstm.inputs(self.squash(self.drop(self.embedding(words))))

    def _encoding(self, states: States) -> Tensor:
        """That of an LSTM's two states which is the question's."""
        hidden, cell = states
        return cell if self.state == "cell" else hidden


class PublishedLSTMQuestion(nn.Module):
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

    def forward(
        self, tokens: Int[Tensor, "questions words"], lengths: Int[Tensor, " questions"]
    ) -> Float[Tensor, "questions question_dim"]:
        """Encode questions; `lengths` (≥ 1) tells how many words of each row are real.

        Raises:
            DataError: a length or a word is out of range.
        """
        require_in_range(tokens, lengths, words=self.embedding.num_embeddings)
        x = self.word(EMBEDDED(self.embedding(tokens)))  # questions × words × 4·question_dim
        rows = torch.arange(len(tokens), device=tokens.device)
        h: Tensor = x.new_zeros(len(tokens), self.state.in_features)
        c = h
        states: list[Tensor] = []
        for t in range(tokens.shape[1]):
            position = lengths - 1 - t  # of the t-th word from the end; below 0 where there is none
            gates = x[rows, position.clamp(min=0)] + self.state(h)
            i, f, o, g = gates.chunk(4, dim=1)
            new_c = i.sigmoid() * g.tanh() + f.sigmoid() * c
            new_h = o.sigmoid() * new_c
            asked = (position >= 0)[:, None]
            h, c = torch.where(asked, new_h, h), torch.where(asked, new_c, c)
            if heard():
                states.append(h)
        if states:
            STATES_PUBLISHED(torch.stack(states, dim=1))
        return h


class CNNQuestion(nn.Module):
    """Filters over one, two and three words in a row, each at its largest over time.

    SAN eqs. 10-14: h_{c,t} = tanh(W_c x_{t:t+c-1} + b_c), h̃_c = max_t h_{c,t}, v_Q = [h̃₁, h̃₂, h̃₃].

    Args:
        words: the size of the vocabulary.
        embedding_dim: the width of a word's embedding.
        filters: how many there are of each width.
        over_padding: whether windows reach over a question's end, as far as the longest question of
            the batch (the published code), so that an answer depends on its batch. Otherwise they
            stay within the question (the paper). Either way a question, or a batch, shorter than
            a window is filled up to its width with zeros.
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

    def forward(
        self, tokens: Int[Tensor, "questions words"], lengths: Int[Tensor, " questions"]
    ) -> Float[Tensor, "questions question_dim"]:
        """Encode questions; `lengths` (≥ 1) tells how many words of each row are real.

        Raises:
            DataError: a length or a word is out of range.
        """
        require_in_range(tokens, lengths, words=self.embedding.num_embeddings)
        position = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.embedding(tokens) * (position < lengths[:, None])[..., None]
        x = CNN_EMBEDDED(x)  # questions × words × embedding_dim; zero after the end
        x = nn.functional.pad(x, (0, 0, 0, max(0, WIDEST - x.shape[1])))
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


def reads_over_padding(network: nn.Module) -> bool:
    """Whether what it answers depends on the longest question of a batch: SAN's published CNN."""
    return getattr(getattr(network, "encoder", None), "over_padding", False)


def windows(
    x: Float[Tensor, "questions words embedding_dim"], width: int
) -> Float[Tensor, "questions windows wide"]:
    """Every `width` words in a row, laid end to end: [x_t, …, x_{t+width-1}]."""
    count = x.shape[1] - width + 1
    return torch.cat([x[:, shift : shift + count] for shift in range(width)], dim=2)
