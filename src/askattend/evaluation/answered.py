"""Answers to the questions of a split, whoever gave them: what many figures are measured from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from askattend.data.questions import QASet
from askattend.data.text import tokenise
from askattend.metrics.calibration import Calibration
from askattend.metrics.scored_answer import ScoredAnswer

Array = np.ndarray[Any, np.dtype[np.float64]]


class AnsweredQuestions(ABC):
    """Questions with an answer each."""

    @property
    @abstractmethod
    def questions(self) -> QASet:
        """Questions of the split."""

    @property
    @abstractmethod
    def given(self) -> tuple[ScoredAnswer, ...]:
        """Answers, in the order of the questions."""

    @property
    def learnt(self) -> Calibration | None:
        """Lessons of validation about probabilities; None where it taught nothing."""
        return None

    @property
    def temperature(self) -> float:
        """Temperature that logits were divided by."""
        return 1.0

    def words_of(self, question: str) -> Sequence[str]:
        """Divide a question into words."""
        return tokenise(question)

    @cached_property
    def scored(self) -> tuple[ScoredAnswer, ...]:
        """Answers to the questions that have a human one."""
        return tuple(one for one in self.given if one.score is not None)

    @cached_property
    def scores(self) -> Array:
        """Score of each of `scored`, 0 to 1."""
        return np.array([one.score for one in self.scored], dtype=np.float64)

    @cached_property
    def probabilities(self) -> Array:
        """Tempered probability of each of `scored`, 0 to 1; none where one does not tell."""
        told = [one.probability for one in self.scored if one.probability is not None]
        whole = len(told) == len(self.scored)
        return np.array(told if whole else [], dtype=np.float64)

    @cached_property
    def untempered(self) -> Array:
        """Probability of each of `scored` at temperature 1."""
        return self.probabilities


@dataclass(frozen=True)
class ForeignAnswers(AnsweredQuestions):
    """Answers of a model that was made elsewhere.

    Attributes:
        asked: the questions of the split.
        answers: one to each.
    """

    asked: QASet
    answers: tuple[ScoredAnswer, ...]

    @property
    def questions(self) -> QASet:
        """Questions of the split."""
        return self.asked

    @property
    def given(self) -> tuple[ScoredAnswer, ...]:
        """Answers, in the order of the questions."""
        return self.answers
