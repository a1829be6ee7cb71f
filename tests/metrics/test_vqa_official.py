"""VQA accuracy against what the official evaluator gave, and against a naive reading of it."""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askattend.errors import ConfigError, DataError
from askattend.metrics.vqa_official import (
    DIALECTS,
    normalise_answer,
    normalise_punctuation,
    normalise_space,
    normalise_words,
    vqa_accuracy,
)


@pytest.fixture(scope="module")
def evaluated(shared: Path) -> dict[str, Any]:
    file = shared / "golden" / "vqa_accuracy.json.gz"
    return dict(json.loads(gzip.decompress(file.read_bytes())))


def test_normalisation_is_the_official_one(shared: Path) -> None:
    file = shared / "golden" / "vqa_normalize.json.gz"
    cases = json.loads(gzip.decompress(file.read_bytes()))["cases"]
    assert len(cases) > 4000
    for case in cases:
        punctuation = normalise_punctuation(normalise_space(case["raw"]))
        assert punctuation == case["punctuation"], case["raw"]
        assert normalise_words(punctuation) == case["normalized"], case["raw"]


@pytest.mark.parametrize("dialect", ["current", "pre2021"])
def test_accuracy_is_the_official_one(evaluated: dict[str, Any], dialect: str) -> None:
    given = {result["question_id"]: result["answer"] for result in evaluated["results"]}
    expected = evaluated["expected"][dialect]
    per_question = {q["question_id"]: q["accuracy"] for q in expected["per_question"]}
    groups: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for annotation in evaluated["annotations"]:
        references = Counter(answer["answer"] for answer in annotation["answers"])
        identity = annotation["question_id"]
        score = vqa_accuracy(given[identity], list(references.items()), dialect)
        assert round(100 * score, 2) == per_question[identity], identity
        groups["overall", ""].append(score)
        groups["perQuestionType", annotation["question_type"]].append(score)
        groups["perAnswerType", annotation["answer_type"]].append(score)
    for (figure, name), scores in groups.items():
        official = expected["accuracy"][figure]
        official = official[name] if name else official
        assert round(100 * sum(scores) / len(scores), 2) == official, (figure, name)


def naive(answer: str, references: list[str]) -> float:
    """Always normalise both; leave each annotator out in turn."""

    def clean(text: str) -> str:
        return normalise_answer(text.replace("\n", " ").replace("\t", " ").strip())

    scores = []
    for left_out in range(len(references)):
        others = references[:left_out] + references[left_out + 1 :]
        matches = [other for other in others if clean(other) == clean(answer)]
        scores.append(min(1.0, len(matches) / 3))
    return sum(scores) / len(scores)


SAID = st.sampled_from(["yes", "Yes.", " yes\n", "no", "a dog", "dog", "two", "2", "cant", "can't"])


@given(SAID, st.lists(SAID, min_size=1, max_size=10))
def test_normalized_dialect_against_a_naive_loop(answer: str, references: list[str]) -> None:
    counts = list(Counter(references).items())
    assert vqa_accuracy(answer, counts, "normalized") == pytest.approx(naive(answer, references))


@given(SAID, st.lists(SAID, min_size=1, max_size=10), st.sampled_from(list(DIALECTS)))
def test_order_of_references_makes_no_difference(
    answer: str, references: list[str], dialect: str
) -> None:
    one = vqa_accuracy(answer, [(r, 1) for r in references], dialect)
    assert one == vqa_accuracy(answer, list(Counter(reversed(references)).items()), dialect)
    assert 0 <= one <= 1


@given(st.text())
def test_normalised_answers_have_no_article_and_single_spaces(text: str) -> None:
    words = normalise_answer(text).split(" ")
    assert not {"a", "an", "the"} & set(words)
    assert words == normalise_answer(text).split() or words == [""]


def test_before_2021_answers_that_are_all_the_same_were_compared_as_written() -> None:
    assert vqa_accuracy("red.", [("red.", 10)], "pre2021") == 0
    assert vqa_accuracy("red", [(" red", 10)], "pre2021") == 0
    assert vqa_accuracy("red.", [("red.", 10)], "current") == 1
    assert vqa_accuracy("red", [(" red", 10)], "current") == 1
    assert vqa_accuracy("red.", [("red.", 9), ("blue", 1)], "pre2021") == 1


def test_what_cannot_be_scored() -> None:
    with pytest.raises(DataError, match="no reference answer"):
        vqa_accuracy("yes", [])
    with pytest.raises(ConfigError, match="unknown dialect 'curent'"):
        vqa_accuracy("yes", [("yes", 10)], "curent")
