"""Fitted floors against scikit-learn used plainly, and on sets whose answers are known."""

from __future__ import annotations

import random
import warnings

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from askattend.data.questions import Question
from askattend.errors import ConfigError, DataError, FeatureError
from askattend.metrics import linear_floor
from askattend.metrics.image_projection import IMAGE_NORM, ImageProjection
from askattend.metrics.linear_floor import (
    LinearFloor,
    fit_linear_floors,
)
from fake_features import FakeFeatures, random_features
from small_questions import make_question

WORDS = ("what", "is", "the", "red", "thing", "left", "of", "a", "lamp")


def some_questions(count: int, answers: tuple[str, ...], seed: int = 0) -> list[Question]:
    """Questions of random words; the first that is in a question tells the answer, mostly."""
    rng = random.Random(seed)
    found = []
    for number in range(count):
        words = rng.choices(WORDS, k=rng.randint(1, 6))
        answer = answers[WORDS.index(words[0]) % len(answers)]
        answer = rng.choice(answers) if rng.random() < 0.2 else answer
        found.append(
            make_question(" ".join(words), (answer, 1), id=number, image=f"i{number % 13}")
        )
    return found


def test_few_questions_with_many_answers_are_fitted_in_silence() -> None:
    questions = [make_question("what is it?", (f"answer {n}", 1), id=n) for n in range(9)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LinearFloor.fit(questions)


@pytest.mark.parametrize("answers", [("red", "blue"), ("red", "blue", "two", "lamp")])
def test_words_are_answered_as_by_scikit_learn(answers: tuple[str, ...]) -> None:
    train, test = some_questions(80, answers), some_questions(60, answers, seed=1)
    floor = LinearFloor.fit(train)
    vectoriser = CountVectorizer(ngram_range=(1, 2), binary=True, token_pattern=r"\w+")
    oracle = LogisticRegression(max_iter=5_000, tol=1e-8)
    oracle.fit(vectoriser.fit_transform([q.text for q in train]), [q.answers[0][0] for q in train])
    inputs = vectoriser.transform([q.text for q in test])
    assert set(floor.ngrams) == set(vectoriser.get_feature_names_out())
    expected = oracle.predict_proba(inputs)
    given = floor.answer(test)
    sure = np.sort(expected, axis=1)[:, -1] - np.sort(expected, axis=1)[:, -2] > 0.01
    assert sure.sum() > 50
    for answer, row, clear in zip(given, expected, sure, strict=True):
        assert answer == oracle.classes_[row.argmax()] or not clear
    assert (floor.name, floor.key) == ("bag of words", "bag_of_words")
    assert (floor.fitted_with, floor.questions) == (80, 80)


def test_images_are_projected_as_by_principal_components() -> None:
    rng = np.random.default_rng(0)
    features = (rng.normal(size=(60, 9)) * np.arange(9) + 3).astype(np.float32)
    new = rng.normal(size=(20, 9)).astype(np.float32)
    found = ImageProjection.fit(features)
    scaler = StandardScaler().fit(np.delete(features, 0, axis=1))  # the first never changes
    oracle = PCA(8).fit(scaler.transform(np.delete(features, 0, axis=1)))
    norm = np.sqrt((oracle.transform(scaler.transform(features[:, 1:])) ** 2).sum(axis=1).mean())
    expected = oracle.transform(scaler.transform(new[:, 1:])) * IMAGE_NORM / norm
    new[:, 0] = features[0, 0]
    # Components may point either way: distances between images do not tell.
    distances = found(new) @ found(new).T
    assert np.allclose(distances, expected @ expected.T, atol=1e-3)
    assert np.sqrt((found(features) ** 2).sum(axis=1).mean()) == pytest.approx(IMAGE_NORM, rel=1e-4)


def tinted(image: str) -> Tensor:
    """Four regions that are noisy but on average tell whether the image's number is even."""
    generator = torch.Generator().manual_seed(int(image))
    mean = torch.tensor([1.0, 0.0, 0.0] if int(image) % 2 else [0.0, 1.0, 0.0])
    return mean + 0.3 * torch.randn(4, 3, generator=generator)


def test_the_image_tells_what_words_cannot() -> None:
    questions = [
        make_question(text, (right, 1), id=number, image=str(number))
        for number in range(60)
        for text, right in (
            ("what parity", "odd" if number % 2 else "even"),
            ("how many", "two"),
        )
    ]
    train, test = questions[:80], questions[80:]
    right = [q.answers[0][0] for q in test]
    words, both = fit_linear_floors(train, FakeFeatures(tinted))
    assert both.answer(test, FakeFeatures(tinted)) == right
    assert (both.name, both.key) == ("bag of words + image", "bag_of_words_and_image")
    blind = words.answer(test)
    assert blind[1::2] == right[1::2]
    assert len(set(blind[::2])) == 1  # one answer, whatever the image
    with pytest.raises(ConfigError, match="this floor sees images"):
        both.answer(test)


def test_scores_of_batches_are_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    train, source = some_questions(50, ("a", "b", "c")), random_features(3, 5)
    floor = LinearFloor.fit(train, source)
    whole = floor.answer(train, source)
    monkeypatch.setattr(linear_floor, "_QUESTIONS", 7)
    monkeypatch.setattr(linear_floor, "_IMAGES", 2)
    assert floor.answer(train, source) == whole == [floor.answer([q], source)[0] for q in train]


def test_the_most_common_answer_to_a_question_is_learnt_as_most_people_spell_it() -> None:
    train = [
        make_question("what", ("Red", 3), ("red ", 1), ("blue", 4), ("RED", 2)),
        make_question("who", ("blue", 1), ("a cat", 3)),
        make_question("who is unheard"),
    ]
    assert LinearFloor.fit(train).answer([make_question("what"), make_question("who")]) == [
        "Red",
        "a cat",
    ]


def test_a_question_of_unknown_words_gets_the_most_common_answer() -> None:
    train = [make_question("is it red", ("yes", 1))] * 3 + [make_question("what hue", ("blue", 1))]
    assert LinearFloor.fit(train).answer([make_question("zebra?")]) == ["yes"]


@pytest.mark.parametrize("text", ["what", "?!"])
def test_one_answer_or_no_word_will_do(text: str) -> None:
    train = [make_question(text, ("red", 1), image="1"), make_question(text, ("red", 1))]
    assert LinearFloor.fit(train, random_features(2, 3)).answer(train, random_features(2, 3)) == [
        "red",
        "red",
    ]
    mixed = [*train, make_question(text, ("blue", 1))]
    assert LinearFloor.fit(mixed).answer(mixed) == ["red"] * 3


def test_a_large_set_is_sampled_and_the_name_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear_floor, "MOST_QUESTIONS", 30)
    monkeypatch.setattr(linear_floor, "MOST_SCORES", 60)
    monkeypatch.setattr(linear_floor, "MOST_NGRAMS", 5)
    train = some_questions(50, ("a", "b", "c", "d"))
    floor = LinearFloor.fit(train)
    assert floor.name == "bag of words, of 30 questions"
    assert (floor.fitted_with, floor.questions) == (30, 50)
    assert (len(floor.answers), len(floor.ngrams), floor.weights.shape) == (2, 5, (2, 5))
    again = LinearFloor.fit(train)
    assert again.ngrams == floor.ngrams
    assert np.array_equal(again.weights, floor.weights)


def test_what_cannot_be_learnt_from_is_refused() -> None:
    with pytest.raises(DataError, match="no question has an answer"):
        LinearFloor.fit([make_question("what")])
    nothing = FakeFeatures(lambda image: torch.full((2, 3), float("nan")))
    with pytest.raises(FeatureError, match="features of image 'i' are not finite"):
        LinearFloor.fit([make_question("what", ("red", 1))], nothing)
