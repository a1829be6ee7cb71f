"""Embeddings from word vectors: how they begin, what they learn, and words never seen."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from askattend.errors import ConfigError, DataError
from askattend.models import Network
from askattend.models.symbols import record
from askattend.models.word_embedding import (
    DEVIATION,
    VectorEmbedding,
    give_word_vectors,
    with_unseen_words,
)
from askattend.models.word_logits import WordLogits
from small_networks import CONFIGS, WORDS, build_small, small_batch, small_config, small_network

WIDTH = 5
READING = sorted(CONFIGS.keys() - {"image-only"})


def unit_vectors(words: int, *, seed: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return nn.functional.normalize(torch.randn(words, WIDTH, generator=generator), dim=1)


def small_vectors() -> Tensor:
    """Vectors of all words but padding, the unknown one and word 9."""
    vectors = unit_vectors(WORDS)
    vectors[[0, 1, 9]] = 0
    return vectors


def with_vectors(name: str) -> Network:
    network = small_network(name)
    give_word_vectors(network, small_vectors())
    return network.double()


def table_of(network: Network) -> VectorEmbedding:
    (table,) = (m for m in network.modules() if isinstance(m, VectorEmbedding))
    return table


@pytest.mark.parametrize("name", READING)
def test_words_begin_as_their_vectors(name: str) -> None:
    table, before = table_of(with_vectors(name)), small_network(name).word_embeddings()[0]
    embedded = table(torch.arange(WORDS))
    assert not embedded[0].any()
    # Words without a vector begin as they would without vectors, but for the scale.
    expected = before[[1, 9]].double() * DEVIATION / before[1:].square().mean().sqrt()
    torch.testing.assert_close(embedded[[1, 9]], expected)
    for word in (2, 5, 13):
        expected = table.projection @ small_vectors()[word].double()
        torch.testing.assert_close(embedded[word], expected)


def test_words_with_and_without_a_vector_are_of_one_scale() -> None:
    table = nn.Embedding(4000, 60, padding_idx=0)
    nn.init.uniform_(table.weight[1:], -0.3, 0.3)
    vectors = unit_vectors(4000)
    vectors[:2000] = 0
    embedded = VectorEmbedding(table, vectors)(torch.arange(1, 4000))
    with_one, without = (part.std().item() for part in (embedded[1999:], embedded[:1999]))
    assert [with_one, without] == pytest.approx([DEVIATION] * 2, rel=0.15)


@pytest.mark.parametrize("name", READING)
def test_an_unseen_word_is_read_as_one_that_learnt_nothing(name: str) -> None:
    """The oracle is a network whose own vocabulary has the word, without anything learnt of it."""
    network, unseen = with_vectors(name), unit_vectors(2, seed=7)
    larger = build_small(small_config(name), words=WORDS + 2)
    give_word_vectors(larger, torch.cat([small_vectors(), unseen]))
    state = network.state_dict()
    key = next(k for k in state if k.endswith("embedding.weight"))
    state[key] = torch.cat([state[key], state[key].new_zeros(2, state[key].shape[1])])
    larger.double().load_state_dict(state)
    regions, tokens, lengths, image_index = small_batch()
    tokens[0, 1], tokens[3, 0] = WORDS, WORDS + 1
    batch = (regions, tokens, lengths, image_index)
    knowing = with_unseen_words(network, unseen).eval()
    with torch.no_grad():
        expected = larger.eval()(*batch).logits
        torch.testing.assert_close(knowing(*batch).logits, expected)
        with record():
            torch.testing.assert_close(knowing(*batch).logits, expected)
        with pytest.raises(DataError, match=f"expected were 0 to {WORDS - 1}"):
            network(*batch)


@pytest.mark.parametrize("term", ["words", "pairs"])
def test_the_linear_term_counts_no_unseen_word(term: str) -> None:
    network = small_network("saaa", word_logits=term)
    (weight,) = network.linear_terms()
    nn.init.normal_(weight.requires_grad_(False))
    give_word_vectors(network, small_vectors())
    knowing = with_unseen_words(network, unit_vectors(1))
    words = knowing.word_logits
    assert isinstance(words, WordLogits)
    question = torch.tensor([[2, WORDS, 3]])
    torch.testing.assert_close(words(question)[0], weight[2] + weight[3])


def test_more_unseen_words_follow_those_known_already() -> None:
    network, unseen = with_vectors("saaa"), unit_vectors(3, seed=7)
    at_once = table_of(with_unseen_words(network, unseen))
    one_by_one = table_of(with_unseen_words(with_unseen_words(network, unseen[:1]), unseen[1:]))
    words = torch.arange(WORDS + 3).view(1, -1)
    torch.testing.assert_close(one_by_one(words), at_once(words))
    # All but the vectors is shared: nothing that training would move is there twice.
    assert at_once.weight is table_of(network).weight
    assert table_of(network).num_embeddings == WORDS


def test_a_table_without_padding_adds_nothing_to_unseen_words() -> None:
    table = VectorEmbedding(nn.Embedding(4, 3), torch.zeros(4, WIDTH))
    unseen = unit_vectors(1)
    (embedded,) = table.with_unseen(unseen)(torch.tensor([4]))
    torch.testing.assert_close(embedded, table.projection @ unseen[0])


@pytest.mark.parametrize("name", READING)
def test_map_and_words_learn_and_padding_does_not(name: str) -> None:
    network = with_vectors(name)
    regions, tokens, lengths, image_index = small_batch()
    network(regions, tokens, lengths, image_index).logits.square().sum().backward()
    table = table_of(network)
    assert table.weight.grad is not None
    assert table.projection.grad is not None
    assert table.weight.grad[2].any()
    assert not table.weight.grad[0].any()
    assert table.projection.grad.any()
    assert network.word_embeddings()[0] is table.weight


def test_vectors_are_not_among_the_weights() -> None:
    network = with_vectors("san")
    state = network.state_dict()
    assert not any("vectors" in key for key in state)
    other = deepcopy(network)
    other.load_state_dict(state)


def test_a_network_that_reads_no_words_is_refused() -> None:
    with pytest.raises(ConfigError, match="image-only reads no words"):
        give_word_vectors(small_network("image-only"), small_vectors())
