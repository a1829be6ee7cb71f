"""WUPS against what DAQUAR's own script gave, and against its definition."""

from __future__ import annotations

import gzip
import json
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askattend.metrics.wordnet import WordNet
from askattend.metrics.wups import Wups, exact_score, mean_wups, set_members, set_score

KEYS = {"0.9": "wups_0.9", "0.0": "wups_0.0", "exact": "exact_set"}


@pytest.fixture(scope="module")
def golden(shared: Path) -> dict[str, Any]:
    return dict(json.loads(gzip.decompress((shared / "golden" / "wups.json.gz").read_bytes())))


def test_every_figure_is_that_of_the_original_script(
    golden: dict[str, Any], wordnet: WordNet
) -> None:
    wups = Wups(wordnet)
    pairs = [(pair["truth"], pair["predicted"]) for pair in golden["pairs"]]
    assert len(pairs) == 1200
    means = mean_wups(pairs, wups)
    for name, key in KEYS.items():
        expected = golden["expected"][key]
        assert means[name] == expected["mean"]
        for (truth, predicted), figure in zip(pairs, expected["each"], strict=True):
            if name == "exact":
                assert exact_score(truth, predicted) == figure
            else:
                assert wups.score(truth, predicted, float(name)) == figure, (truth, predicted)


LETTER = st.sampled_from("abcd")
ANSWER = st.lists(LETTER, min_size=1, max_size=4).map(", ".join)
LIKENESS = st.fixed_dictionaries(
    {pair: st.floats(0, 1) for pair in product("abcd", "abcd") if pair[0] <= pair[1]}
)


@given(ANSWER, ANSWER, LIKENESS)
def test_sets_are_covered_both_ways(
    truth: str, predicted: str, table: dict[tuple[str, str], float]
) -> None:
    def alike(one: str, other: str) -> float:
        return table[min(one, other), max(one, other)]

    given_, true = predicted.split(", "), truth.split(", ")
    expected = min(
        prod(max(alike(t, p) for p in given_) for t in true),
        prod(max(alike(p, t) for t in true) for p in given_),
    )
    assert set_score(truth, predicted, alike) == expected
    assert set_score(predicted, truth, alike) == expected


@given(ANSWER, ANSWER)
def test_exact_is_equality_of_sets(truth: str, predicted: str) -> None:
    assert exact_score(truth, predicted) == (set(set_members(truth)) == set(set_members(predicted)))


def test_words_outside_wordnet(wordnet: WordNet) -> None:
    wups = Wups(wordnet)
    assert wups.score("qqqq", "qqqq", 0.9) == wups.score("12, 3", "3, 12, 3", 0.9) == 1
    assert wups.score("qqqq", "chair", 0.0) == 0
    assert wups.score("chair", "", 0.0) == 0


def test_below_the_threshold_a_tenth_counts(wordnet: WordNet) -> None:
    wups = Wups(wordnet)
    similarity = wups.similarity("chair", "table")
    assert 0 < similarity < 0.9
    assert wups.score("chair", "table", 0.0) == wups.score("chair", "table", similarity)
    assert wups.score("chair", "table", 0.0) == similarity
    assert wups.score("chair", "table", 0.9) == pytest.approx(similarity / 10)
