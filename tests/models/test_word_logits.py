"""A linear bag of words beside a network: begun at zero, equal to a sum over rows."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from askattend.models.symbols import record
from askattend.models.word_logits import BUCKETS, WORD_LOGITS, WordLogits
from small_networks import ANSWERS, CONFIGS, DIM, REGIONS, WORDS, small_network


def questions(*rows: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    longest = max(map(len, rows))
    tokens = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    return tokens, torch.tensor([len(row) for row in rows])


@given(st.lists(st.lists(st.integers(1, WORDS - 1), min_size=1, max_size=6), min_size=1))
def test_the_sum_is_that_of_a_loop_over_words_and_pairs(rows: list[list[int]]) -> None:
    term = WordLogits(words=WORDS, answers=ANSWERS, pairs=True)
    torch.nn.init.normal_(term.weight)
    tokens, _ = questions(*rows)
    table = term.weight.detach().double().numpy()
    for row, logits in zip(rows, term(tokens), strict=True):
        pairs = [(a * 1_000_003 + b * 7_919) % BUCKETS for a, b in pairwise(row)]
        expected = sum(table[word] for word in row) + sum(table[WORDS + pair] for pair in pairs)
        torch.testing.assert_close(logits.double(), torch.tensor(expected), rtol=1e-5, atol=1e-5)


def test_words_alone_do_not_see_their_order() -> None:
    term = WordLogits(words=WORDS, answers=ANSWERS, pairs=False)
    torch.nn.init.normal_(term.weight)
    forward, backward = term(torch.tensor([[2, 3, 4], [4, 3, 2]]))
    torch.testing.assert_close(forward, backward)


@pytest.mark.parametrize("name", [name for name in CONFIGS if name != "image-only"])
def test_a_network_with_the_term_is_the_papers_at_first_and_then_adds_it(name: str) -> None:
    torch.manual_seed(0)
    plain: Any = small_network(name).eval()
    torch.manual_seed(0)
    config = replace(plain.config, word_logits="pairs")
    both = type(plain)(config, words=WORDS, answers=ANSWERS, region_dim=DIM).eval()
    both.load_state_dict(plain.state_dict(), strict=False)
    tokens, lengths = questions([2, 3, 4], [5], [3, 3])
    given = (torch.randn(3, REGIONS, DIM), tokens, lengths)
    before, after = plain(*given), both(*given)
    torch.testing.assert_close(after.logits, before.logits)
    torch.testing.assert_close(after.question, before.question)
    assert isinstance(both.word_logits, WordLogits)
    torch.nn.init.normal_(both.word_logits.weight)
    expected = before.logits + both.word_logits(tokens)
    torch.testing.assert_close(both(*given).logits, expected)
    torch.testing.assert_close(both(*given).attention, before.attention)


@pytest.mark.parametrize("name", [name for name in CONFIGS if name != "image-only"])
def test_the_last_equation_has_the_term_where_the_network_has_it(name: str) -> None:
    plain: Any = small_network(name).eval()
    config = replace(plain.config, word_logits="words")
    both = type(plain)(config, words=WORDS, answers=ANSWERS, region_dim=DIM).eval()
    tokens, lengths = questions([2, 3, 4], [5], [3, 3])
    equations = []
    for network in (plain, both):
        with record() as steps:
            network(torch.randn(3, REGIONS, DIM), tokens, lengths)
        equations.append(steps.steps[-1].symbol)
    assert equations[1] == f"{equations[0]} + {WORD_LOGITS.symbol}"
    assert both.linear_terms() == [both.word_logits.weight]
    assert plain.linear_terms() == []
