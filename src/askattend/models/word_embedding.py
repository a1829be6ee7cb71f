"""Word embeddings that begin as vectors made elsewhere, for words seen in training and unseen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from askattend.errors import ConfigError
from askattend.models.network import Network

# Standard deviation of an embedding's elements at first: about that of GloVe's own. With the much
# smaller one of a Glorot-uniform table of many words, what vectors tell is soon drowned.
DEVIATION = 0.5


class VectorEmbedding(nn.Embedding):
    """Words embedded by their given vectors, mapped, plus what training adds to each.

    e_w = P·v_w + o_w, with v_w given and fixed, P learnt and shared by all words, and o_w learnt
    for each word of the vocabulary (`weight`, the table of an embedding without vectors). A word
    with a vector begins with o_w = 0, one without with v_w = 0 and o_w as in `table`, scaled:
    elements of both deviate by `DEVIATION`. A word that training never met has v_w alone, in the
    same space.

    Args:
        table: the embedding whose place it takes; padding is its row of zeros.
        vectors: v_w, of length 1, or zero for a word without.
    """

    vectors: Tensor

    def __init__(self, table: nn.Embedding, vectors: Float[Tensor, "words width"]) -> None:
        words, embedding_dim = table.weight.shape
        super().__init__(words, embedding_dim, padding_idx=table.padding_idx)
        known = vectors.any(dim=1, keepdim=True)
        weight = table.weight.detach()
        own = weight[1:].square().mean().sqrt().clamp(min=torch.finfo(weight.dtype).tiny)
        self.weight = nn.Parameter((weight * (DEVIATION / own)).masked_fill(known, 0.0))
        # With |v| = 1, the elements of P·v deviate from 0 as those of P do.
        projection = torch.empty(embedding_dim, vectors.shape[1]).normal_(std=DEVIATION)
        self.projection = nn.Parameter(projection.to(weight))
        # Of the run's own file, not of its weights.
        self.register_buffer("vectors", vectors.to(weight), persistent=False)

    def forward(self, input: Int[Tensor, "*words"]) -> Float[Tensor, "*words embedding_dim"]:
        """Embed words; those after the vocabulary's own are the unseen ones."""
        mapped = F.linear(F.embedding(input, self.vectors), self.projection)
        if len(self.vectors) == len(self.weight):
            return mapped + super().forward(input)
        seen = input < len(self.weight)
        return mapped + super().forward(input.where(seen, 0)) * seen[..., None]

    def with_unseen(self, vectors: Float[Tensor, "unseen width"]) -> VectorEmbedding:
        """Return an embedding of the same weights that also reads words of these vectors."""
        other: VectorEmbedding = _shallow_copy(self)
        other.vectors = torch.cat([self.vectors, vectors.to(self.vectors)])
        other.num_embeddings = len(other.vectors)
        return other


def give_word_vectors(network: Network, vectors: Float[Tensor, "words width"]) -> None:
    """Put a `VectorEmbedding` in the place of each of the network's tables of words.

    Raises:
        ConfigError: the network reads no words.
    """
    tables = list(_word_tables(network))
    if not tables:
        raise ConfigError(
            f"the network {network.name} reads no words",
            where="vocab.vectors",
            remedy="Leave it out.",
        )
    for parent, name, table in tables:
        setattr(parent, name, VectorEmbedding(table, vectors))


def with_unseen_words(network: Network, vectors: Float[Tensor, "unseen width"]) -> Network:
    """Return a network of the same weights that also reads words which training never met.

    Their indices follow those of the vocabulary. The network given stays as it is.

    Args:
        network: with word vectors.
        vectors: those of the unseen words, of length 1.
    """
    tables: dict[nn.Module, nn.Module] = {
        table: table.with_unseen(vectors) for table in _vector_tables(network)
    }
    replaced = _with_modules(network, tables)
    assert isinstance(replaced, Network)
    return replaced


def _word_tables(network: Network) -> Iterator[tuple[nn.Module, str, nn.Embedding]]:
    words = {id(table) for table in network.word_embeddings()}
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.Embedding) and id(child.weight) in words:
                yield module, name, child


def _vector_tables(network: Network) -> list[VectorEmbedding]:
    return [module for module in network.modules() if isinstance(module, VectorEmbedding)]


def _with_modules(module: nn.Module, others: Mapping[nn.Module, nn.Module]) -> nn.Module:
    """Return a module with others in the place of some below it; what lies not above them stays."""
    if module in others:
        return others[module]
    children = {name: _with_modules(child, others) for name, child in module.named_children()}
    changed = {name: new for name, new in children.items() if new is not getattr(module, name)}
    if not changed:
        return module
    other: nn.Module = _shallow_copy(module)
    for name, child in changed.items():
        setattr(other, name, child)
    return other


def _shallow_copy(module: nn.Module) -> Any:
    """Copy a module but not what it holds, so that what is set in the copy is set there alone."""
    other = copy(module)
    for held in ("_parameters", "_buffers", "_modules"):
        other.__dict__[held] = dict(module.__dict__[held])
    return other
