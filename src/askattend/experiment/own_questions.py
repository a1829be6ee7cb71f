"""Questions that a run learnt from and was validated on, held against those it is evaluated on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from askattend.data.questions import QASet, Question, digest_of_questions
from askattend.experiment.config import Config
from askattend.experiment.inputs import questions_of, split_of
from askattend.files import digest_of

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
    def digest(self) -> str:
        """The digest that training notes of them in the run's origin, wherever they lie."""
        return digest_of_questions(self.train, self.valid)

    @property
    def to_calibrate(self) -> QASet | None:
        """Validation questions with human answers that it did not learn; None if there is none.

        A network is as sure of what it learnt as can be: a temperature would make it more so.
        """
        learnt = set(_keys(self.train))
        pairs = zip(self.valid, _keys(self.valid), strict=True)
        new = [question for question, key in pairs if key not in learnt]
        if not new:
            return None
        return replace(self.valid, questions=tuple(one for one in new if one.answers))

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
    """Count the questions that others ask about the same image, in any source and under any id.

    Images are the same file, or a copy of it under the same id.
    """
    known, copies = set(_keys(others)), _Copies(others)
    pairs = zip(questions, _keys(questions), strict=True)
    return sum(key in known or copies.have(one, key[1]) for one, key in pairs)


class _Copies:
    """Questions about images that may lie elsewhere, too; each file is read once at most."""

    def __init__(self, others: QASet) -> None:
        self._asked = {(question.text, question.image) for question in others}
        self._images = others.images
        self._same: dict[str, bool] = {}

    def have(self, question: Question, file: Path | str) -> bool:
        """Return True where the question is among them, and its file a copy of theirs."""
        image = question.image
        if (question.text, image) not in self._asked:
            return False
        if image not in self._same:
            theirs = self._images.get(image)
            self._same[image] = theirs is not None and _same_bytes(Path(file), theirs)
        return self._same[image]


def _same_bytes(one: Path, other: Path) -> bool:
    try:
        if one.stat().st_size != other.stat().st_size:
            return False
    except OSError:  # features are enough to evaluate: the pictures may be gone
        return False
    digest = digest_of(one)
    return digest is not None and digest == digest_of(other)


def _keys(questions: QASet) -> Iterable[Key]:
    for question in questions:
        yield question.text, questions.images.get(question.image, question.image)


def _part(number: int, questions: QASet) -> str:
    if number == len(questions):
        return "All of these questions"
    return f"{number:,} of these {len(questions):,} questions"
