"""Questions that a run learnt from and was validated on, held against those it is evaluated on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from askattend.data.questions import QASet
from askattend.experiment.config import Config
from askattend.experiment.inputs import questions_of, split_of

Key = tuple[str, Path | str]


@dataclass(frozen=True)
class OwnQuestions:
    """Questions that a run was trained on.

    Attributes:
        train: those learnt from.
        valid: those that it was validated on.
        kept: the epoch that was kept: ``"best"`` on validation, or ``"last"``.
    """

    train: QASet
    valid: QASet
    kept: str

    @classmethod
    def read(cls, config: Config[Any], source: QASet | None = None) -> OwnQuestions:
        """Read them as the run's settings divide them.

        Args:
            config: the run's settings.
            source: all questions that they name, if they are read already.

        Raises:
            ConfigError, DataError: see `questions_of` and `split_of`.
        """
        source = questions_of(config) if source is None else source
        train, valid = (split_of(config, source, name) for name in ("train", "valid"))
        return cls(train, valid, config.train.keep)

    @property
    def to_calibrate(self) -> QASet | None:
        """Validation questions with human answers; None where the network learnt from them.

        A network is as sure of what it learnt as can be: a temperature would make it more so.
        """
        if shared(self.valid, self.train):
            return None
        return replace(self.valid, questions=tuple(q for q in self.valid if q.answers))

    def trust(self, questions: QASet) -> str | None:
        """Say how far figures on some questions can be trusted; None where nothing speaks against.

        Args:
            questions: those that the network is evaluated on.
        """
        learnt, chosen = shared(questions, self.train), shared(questions, self.valid)
        if learnt:
            return (
                f"{_part(learnt, questions)} were learnt from: what it scores there says little "
                "about new ones. Keep questions apart to test on."
            )
        if not chosen:
            return None
        why = "by them the epoch was chosen" if self.kept == "best" else "training looked at them"
        return (
            f"{_part(chosen, questions)} are of validation: {why}, and probabilities were fitted "
            "to them, so the figures flatter. Questions of a test split tell more."
        )


def shared(questions: QASet, others: QASet) -> int:
    """Count the questions that others ask about the same image, in any source and under any id."""
    known = set(_keys(others))
    return sum(key in known for key in _keys(questions))


def _keys(questions: QASet) -> Iterable[Key]:
    for question in questions:
        yield question.text, questions.images.get(question.image, question.image)


def _part(number: int, questions: QASet) -> str:
    if number == len(questions):
        return "All of these questions"
    return f"{number:,} of these {len(questions):,} questions"
