"""Floors that are fitted: logistic regression on words and word pairs, with the picture or without.

A linear model cannot relate a word to a place in the picture. A network that does not beat it has
learnt nothing that needs attention.
"""

from __future__ import annotations

import random
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from askattend.data.questions import Question
from askattend.data.text import tokenise
from askattend.data.vocab import (
    count_spellings,
    key_counts,
    most_common_first,
    usual_spelling,
)
from askattend.errors import ConfigError, DataError, FeatureError
from askattend.features.source import FeatureSource
from askattend.metrics.image_projection import Float32, ImageProjection

Float16 = np.ndarray[Any, np.dtype[np.float16]]

# A floor is to take seconds, whatever the set: of a larger one, a sample teaches it.
MOST_QUESTIONS = 20_000
# Questions × answers; the rare answers of a large set give way.
MOST_SCORES = 3_000_000
MOST_NGRAMS = 4_000
# Passes over the questions, and questions seen in all of them together, whichever is more.
PASSES, SEEN = 20, 100_000
# Images read, and questions answered, at once.
_IMAGES, _QUESTIONS = 64, 4_096


@dataclass(frozen=True, eq=False)
class LinearFloor:
    """Multinomial logistic regression on the words and word pairs of a question.

    With the image it also sees the mean of the image's regions, as `IMAGE_DIM` principal
    components. Each question's target is its most common answer; the penalty is scikit-learn's
    usual one (C = 1), which no other beat by more than chance on 500 to 20,000 questions.

    Attributes:
        ngrams: words, and pairs of words joined by a space; each is there or not.
        answers: those that it can give, most common first.
        weights: answers × (ngrams, then components of the image).
        bias: one an answer.
        image: what it sees of an image; None if nothing.
        fitted_with: the number of training questions that it was fitted with.
        questions: the number that there were.
    """

    ngrams: tuple[str, ...]
    answers: tuple[str, ...]
    weights: Float16
    bias: Float32
    image: ImageProjection | None
    fitted_with: int
    questions: int

    @classmethod
    def fit(
        cls, questions: Iterable[Question], features: FeatureSource | None = None
    ) -> LinearFloor:
        """Fit the floor with training questions, in seconds.

        Of more than `MOST_QUESTIONS` a sample is drawn, always the same one, and the name says so.
        It gives at most as many answers as keep questions × answers below `MOST_SCORES`.

        Args:
            questions: those without answers are passed over.
            features: of their images; without, it sees words alone.

        Raises:
            DataError: no question has an answer.
            FeatureError: see `FeatureStore.read`; or features are not finite.
        """
        answered = [question for question in questions if question.answers]
        if not answered:
            raise DataError("no question has an answer", remedy="Use a split that has answers.")
        sample = _sample(answered)
        answers, learnt, labels = _targets(sample)
        ngrams = _common_ngrams(learnt)
        inputs, image = _counts(learnt, ngrams), None
        if features is not None:
            inputs, image = _with_image(inputs, learnt, features)
        weights, bias = _regress(inputs, labels, len(answers))
        spelling = usual_spelling(count_spellings(answered))
        return cls(
            ngrams,
            tuple(spelling[answer] for answer in answers),
            weights.astype(np.float16),
            bias,
            image,
            len(sample),
            len(answered),
        )

    @property
    def key(self) -> str:
        """Name of the floor in files."""
        return "bag_of_words" if self.image is None else "bag_of_words_and_image"

    @property
    def name(self) -> str:
        """Name of the floor for people; tells of how many questions it is, if not of all."""
        name = "bag of words" if self.image is None else "bag of words + image"
        if self.fitted_with == self.questions:
            return name
        return f"{name}, of {self.fitted_with:,} questions"

    def answer(
        self, questions: Sequence[Question], features: FeatureSource | None = None
    ) -> list[str]:
        """Answer questions.

        Args:
            questions: in any order.
            features: of their images, by the same backbone as at the fit; for a floor that sees
                images.

        Raises:
            ConfigError: it sees images, and there are no features.
            FeatureError: see `FeatureStore.read`; or features are not finite.
        """
        return [
            self.answers[best]
            for scores in self.scores(questions, features)
            for best in scores.argmax(axis=1)
        ]

    def scores(
        self, questions: Sequence[Question], features: FeatureSource | None = None
    ) -> Iterator[Float32]:
        """Yield the scores of its answers, log-probabilities up to a constant, some questions each.

        Args:
            questions: in any order.
            features: see `answer`.

        Raises:
            ConfigError, FeatureError: see `answer`.
        """
        weights, words = self.weights.astype(np.float32), len(self.ngrams)
        by_image = self._image_scores(questions, weights[:, words:], features)
        for start in range(0, len(questions), _QUESTIONS):
            some = questions[start : start + _QUESTIONS]
            scores = _counts(some, self.ngrams) @ weights[:, :words].T + self.bias
            if by_image:
                scores += np.stack([by_image[question.image] for question in some])
            yield scores

    def _image_scores(
        self, questions: Iterable[Question], weights: Float32, features: FeatureSource | None
    ) -> Mapping[str, Float32]:
        """Return what each image adds to the answers' scores; nothing where it sees none."""
        if self.image is None:
            return {}
        if features is None:
            raise ConfigError(
                "this floor sees images", where="features", remedy="Give the images' features."
            )
        scores: dict[str, Float32] = {}
        for ids, means in mean_features(_images_of(questions), features):
            scores.update(zip(ids, self.image(means) @ weights.T, strict=True))
        return scores


def fit_linear_floors(
    questions: Sequence[Question], features: FeatureSource | None
) -> tuple[LinearFloor, ...]:
    """Fit the floor of words alone, and where there are features that with the image."""
    words = LinearFloor.fit(questions)
    return (words,) if features is None else (words, LinearFloor.fit(questions, features))


def _sample(questions: list[Question]) -> list[Question]:
    if len(questions) <= MOST_QUESTIONS:
        return questions
    return random.Random(0).sample(questions, MOST_QUESTIONS)


def _targets(questions: list[Question]) -> tuple[list[str], list[Question], list[int]]:
    """Choose the answers that can be given; return the questions that they answer, with labels."""
    keys = [most_common_first(key_counts(question.answers))[0] for question in questions]
    most = max(1, MOST_SCORES // len(questions))
    answers = most_common_first(Counter(keys))[:most]
    index = {answer: label for label, answer in enumerate(answers)}
    pairs = [(q, index[key]) for q, key in zip(questions, keys, strict=True) if key in index]
    return answers, [question for question, _ in pairs], [label for _, label in pairs]


def _ngrams_of(text: str) -> list[str]:
    """List words and pairs of neighbours; a question without a word has the empty one."""
    words = tokenise(text) or [""]
    return words + [f"{a} {b}" for a, b in pairwise(words)]


def _common_ngrams(questions: Iterable[Question]) -> tuple[str, ...]:
    counts = Counter(ngram for question in questions for ngram in set(_ngrams_of(question.text)))
    return tuple(most_common_first(counts)[:MOST_NGRAMS])


def _counts(questions: Iterable[Question], ngrams: Sequence[str]) -> Any:
    """Return a sparse matrix, questions × ngrams: 1 where a question has it."""
    from sklearn.feature_extraction.text import CountVectorizer  # slow to import

    vectoriser = CountVectorizer(
        analyzer=_ngrams_of, vocabulary=ngrams, binary=True, dtype=np.float32
    )
    return vectoriser.transform(question.text for question in questions)


def _with_image(
    inputs: Any, questions: Sequence[Question], features: FeatureSource
) -> tuple[Any, ImageProjection]:
    """Join words and images: a sparse matrix, questions × (ngrams, components)."""
    from scipy.sparse import csr_matrix, hstack  # slow to import

    ids = _images_of(questions)
    means = np.concatenate([means for _, means in mean_features(ids, features)])
    projection, row = ImageProjection.fit(means), {image: row for row, image in enumerate(ids)}
    seen = projection(means)[[row[question.image] for question in questions]]
    return hstack([inputs, csr_matrix(seen)], format="csr"), projection


def _images_of(questions: Iterable[Question]) -> list[str]:
    return list(dict.fromkeys(question.image for question in questions))


def mean_features(
    ids: Sequence[str], source: FeatureSource
) -> Iterator[tuple[Sequence[str], Float32]]:
    """Yield the ids of some images and the means over their regions, images × region_dim."""
    for start in range(0, len(ids), _IMAGES):
        some = ids[start : start + _IMAGES]
        means = source.read(some).float().mean(dim=1).cpu().numpy()
        if not (finite := np.isfinite(means).all(axis=1)).all():
            image = some[int(finite.argmin())]
            raise FeatureError(
                f"features of image '{image}' are not finite", remedy="Extract it again."
            )
        yield some, means


def _regress(inputs: Any, labels: Sequence[int], answers: int) -> tuple[Float32, Float32]:
    """Fit weights, answers × inputs, and a bias an answer."""
    from sklearn.exceptions import ConvergenceWarning  # slow to import
    from sklearn.linear_model import LogisticRegression

    if answers == 1:
        return np.zeros((1, inputs.shape[1]), np.float32), np.zeros(1, np.float32)
    passes = max(PASSES, SEEN // len(labels))
    # SAG reaches in 20 passes what L-BFGS does in 100 (Schmidt et al. 2017, arXiv 1309.2388).
    model = LogisticRegression(solver="sag", max_iter=passes, random_state=0)
    with warnings.catch_warnings():
        # Stopped early on purpose: what is left moves no answer.
        warnings.simplefilter("ignore", ConvergenceWarning)
        # Few questions may have as many answers, and are no regression for that.
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        model.fit(inputs, labels)
    weights, bias = model.coef_, model.intercept_
    if answers == 2:  # scikit-learn gives the second answer's log odds alone
        weights, bias = np.concatenate([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    return weights.astype(np.float32), bias.astype(np.float32)
