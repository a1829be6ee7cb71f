"""SAAA and SAN as public repositories usually write them, question by question.

Float32, features in NCHW and copied once a question, 1×1 convolutions, the question
tiled over the grid, `nn.Dropout` wherever pytorch-vqa (SAAA) and imageqa-san (SAN) have it, a
packed LSTM, the log-softmax of all answers against their dense counts, and Adam as it comes.

Ours are measured against them. The mathematics is the same: the tests hold both to the same losses
and gradients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence

from askattend.batching.batches import Batch

ANNOTATORS = 10

# Their names → ours. A 1×1 convolution's weight is a linear layer's with two more dimensions.
SAAA_NAMES = {
    "text.embedding.weight": "encoder.embedding.weight",
    **{f"text.lstm.{kind}_l0": f"encoder.lstm.{kind}_l0" for kind in ("weight_ih", "weight_hh")},
    **{f"text.lstm.{kind}_l0": f"encoder.lstm.{kind}_l0" for kind in ("bias_ih", "bias_hh")},
    "attention.v_conv.weight": "attention.region.weight",
    "attention.q_lin.weight": "attention.question.weight",
    "attention.q_lin.bias": "attention.question.bias",
    "attention.x_conv.weight": "attention.score.weight",
    "attention.x_conv.bias": "attention.score.bias",
    "classifier.1.weight": "classifier.1.weight",
    "classifier.1.bias": "classifier.1.bias",
    "classifier.4.weight": "classifier.4.weight",
    "classifier.4.bias": "classifier.4.bias",
}
SAN_NAMES = {
    "embedding.weight": "encoder.embedding.weight",
    **{f"lstm.{kind}_l0": f"encoder.lstm.{kind}_l0" for kind in ("weight_ih", "weight_hh")},
    **{f"lstm.{kind}_l0": f"encoder.lstm.{kind}_l0" for kind in ("bias_ih", "bias_hh")},
    "image.weight": "image.weight",
    "image.bias": "image.bias",
    **{
        f"hops.{k}.{theirs}": f"hops.{k}.{ours}"
        for k in (0, 1)
        for theirs, ours in {
            "v_conv.weight": "region.weight",
            "q_lin.weight": "query.weight",
            "q_lin.bias": "query.bias",
            "x_conv.weight": "score.weight",
            "x_conv.bias": "score.bias",
        }.items()
    },
    "answer.weight": "classifier.weight",
    "answer.bias": "classifier.bias",
}


class PlainSAAA(nn.Module):
    """SAAA after pytorch-vqa's ``model.py``, with the widths of `askattend.SAAAConfig`."""

    def __init__(
        self,
        *,
        words: int,
        answers: int,
        region_dim: int,
        embedding_dim: int = 300,
        question_dim: int = 1024,
        attention_dim: int = 512,
        glimpses: int = 2,
        hidden_dim: int = 1024,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.text = _Text(words, embedding_dim, question_dim, dropout)
        self.attention = _Attention(region_dim, question_dim, attention_dim, glimpses, dropout)
        self.classifier = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(glimpses * region_dim + question_dim, hidden_dim),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden_dim, answers),
        )

    def forward(
        self,
        v: Float[Tensor, "questions region_dim rows columns"],
        tokens: Int[Tensor, "questions words"],
        lengths: Int[Tensor, " questions"],
    ) -> Float[Tensor, "questions answers"]:
        """Answer each question, with a copy of its image's features for each."""
        q = self.text(tokens, lengths)
        v = v / (v.norm(p=2, dim=1, keepdim=True).expand_as(v) + 1e-8)
        a = self.attention(v, q)
        attended = _apply_attention(v, a)
        logits: Tensor = self.classifier(torch.cat([attended, q], dim=1))
        return logits


class _Text(nn.Module):
    def __init__(self, words: int, embedding_dim: int, question_dim: int, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, embedding_dim, padding_idx=0)
        self.drop = nn.Dropout(dropout)
        self.tanh = nn.Tanh()
        self.lstm = nn.LSTM(embedding_dim, question_dim, batch_first=True)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        x = self.tanh(self.drop(self.embedding(tokens)))
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        _, (_, cell) = self.lstm(packed)
        state: Tensor = cell.squeeze(0)
        return state


class _Attention(nn.Module):
    def __init__(self, v_dim: int, q_dim: int, dim: int, glimpses: int, dropout: float) -> None:
        super().__init__()
        self.v_conv = nn.Conv2d(v_dim, dim, 1, bias=False)
        self.q_lin = nn.Linear(q_dim, dim)
        self.x_conv = nn.Conv2d(dim, glimpses, 1)
        self.drop = nn.Dropout(dropout)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, v: Tensor, q: Tensor) -> Tensor:
        v = self.v_conv(self.drop(v))
        q = self.q_lin(self.drop(q))
        x = self.relu(v + _tile(q, v))
        scores: Tensor = self.x_conv(self.drop(x))
        return scores


class PlainSAN(nn.Module):
    """SAN with an LSTM, after its paper, with the widths of `askattend.SANConfig`."""

    def __init__(
        self,
        *,
        words: int,
        answers: int,
        region_dim: int,
        embedding_dim: int = 500,
        question_dim: int = 500,
        attention_dim: int = 512,
        hops: int = 2,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, embedding_dim, padding_idx=0)
        self.lstm = nn.LSTM(embedding_dim, question_dim, batch_first=True)
        self.image = nn.Conv2d(region_dim, question_dim, 1)
        self.hops = nn.ModuleList(_Hop(question_dim, attention_dim) for _ in range(hops))
        self.drop = nn.Dropout(dropout)
        self.answer = nn.Linear(question_dim, answers)

    def forward(
        self,
        v: Float[Tensor, "questions region_dim rows columns"],
        tokens: Int[Tensor, "questions words"],
        lengths: Int[Tensor, " questions"],
    ) -> Float[Tensor, "questions answers"]:
        """Answer each question, with a copy of its image's features for each."""
        x = self.embedding(tokens)
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        _, (hidden, _) = self.lstm(packed)
        u = hidden.squeeze(0)
        v = torch.tanh(self.image(v))
        for hop in self.hops:
            u = hop(v, u)
        logits: Tensor = self.answer(self.drop(u))
        return logits


class _Hop(nn.Module):
    def __init__(self, dim: int, attention_dim: int) -> None:
        super().__init__()
        self.v_conv = nn.Conv2d(dim, attention_dim, 1, bias=False)
        self.q_lin = nn.Linear(dim, attention_dim)
        self.x_conv = nn.Conv2d(attention_dim, 1, 1)

    def forward(self, v: Tensor, u: Tensor) -> Tensor:
        h = self.v_conv(v)
        h = torch.tanh(h + _tile(self.q_lin(u), h))
        attended: Tensor = _apply_attention(v, self.x_conv(h)) + u
        return attended


def _tile(q: Tensor, v: Tensor) -> Tensor:
    """Repeat the question's vector at every region of the grid."""
    return q.view(*q.shape, 1, 1).expand_as(v)


def _apply_attention(v: Tensor, scores: Tensor) -> Tensor:
    """Sum softmax(scores)·v over the grid for each map, all maps laid end to end."""
    n, c = v.shape[:2]
    maps = scores.shape[1]
    attention = F.softmax(scores.view(n, maps, -1), dim=-1).unsqueeze(2)  # n × maps × 1 × regions
    weighted = attention * v.view(n, 1, c, -1)  # n × maps × c × regions
    return weighted.sum(dim=-1).view(n, -1)


Plain = PlainSAAA | PlainSAN


@dataclass(frozen=True)
class PlainBatch:
    """A `Batch` as these repositories hold it.

    Attributes:
        features: float16 as they were stored, an image once.
        image_index: whose features each question gets a copy of.
        tokens: as in `Batch`.
        lengths: as in `Batch`.
        counts: annotators who gave each answer of the vocabulary.
        scores: what giving each answer scores, 0 to 1.
    """

    features: Float[Tensor, "images region_dim rows columns"]
    image_index: Int[Tensor, " questions"]
    tokens: Int[Tensor, "questions words"]
    lengths: Int[Tensor, " questions"]
    counts: Float[Tensor, "questions answers"]
    scores: Float[Tensor, "questions answers"]

    @classmethod
    def of(cls, batch: Batch, *, answers: int, side: int) -> PlainBatch:
        """Make the batch of the same questions, images and answers."""
        features = batch.gathered().transpose(1, 2).unflatten(2, (side, side)).contiguous()
        empty = torch.zeros(len(batch), answers, device=batch.tokens.device)
        counts = empty.scatter_add(1, batch.answer_index, ANNOTATORS * batch.answer_weight)
        scores = empty.scatter_add(1, batch.answer_index, batch.answer_score)
        lengths = batch.lengths.cpu()  # where packing wants them
        return cls(features, batch.image_index, batch.tokens, lengths, counts.round(), scores)

    def v(self) -> Float[Tensor, "questions region_dim rows columns"]:
        """Return features in float32, copied once a question: what their data loaders hand over."""
        return self.features[self.image_index].float()


def plain_loss(logits: Tensor, counts: Tensor) -> Tensor:
    """Return the mean over questions of Σ_a counts_a / 10 · (−log P(a))."""
    nll = -F.log_softmax(logits, dim=1)
    return (nll * counts / ANNOTATORS).sum(dim=1).mean()


def plain_step(model: Plain, optimizer: torch.optim.Optimizer, batch: PlainBatch) -> float:
    """Take one step of gradient descent; return the loss before it."""
    model.train()
    loss = plain_loss(model(batch.v(), batch.tokens, batch.lengths), batch.counts)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def plain_validate(model: Plain, batch: PlainBatch) -> tuple[float, float]:
    """Return loss and accuracy (0 to 1) of a batch, dropout off."""
    model.eval()
    logits = model(batch.v(), batch.tokens, batch.lengths)
    chosen = batch.scores.gather(1, logits.argmax(dim=1, keepdim=True))
    return plain_loss(logits, batch.counts).item(), chosen.mean().item()


def names_of(model: Plain) -> dict[str, str]:
    """Map the name of each parameter → that of ours."""
    return SAAA_NAMES if isinstance(model, PlainSAAA) else SAN_NAMES


def copy_weights(model: Plain, ours: Mapping[str, Tensor]) -> None:
    """Give a plain network the weights of ours."""
    own, names = model.state_dict(), names_of(model)
    model.load_state_dict({theirs: ours[names[theirs]].view_as(own[theirs]) for theirs in own})
