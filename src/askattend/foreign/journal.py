"""Answers as they come, a line each: what was answered before an interruption stays answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from filelock import FileLock, Timeout

from askattend.data.questions import QASet, Question, QuestionId
from askattend.errors import ConfigError, DataError
from askattend.files import append, decode_json, make_folder, read_whole, remove, write_whole
from askattend.foreign.answer import ForeignAnswer


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An answered question.

    Attributes:
        question_id: its id.
        image: that of its image.
        question: its text.
        answer: as it was given.
        probability: see `ForeignAnswer`.
    """

    question_id: QuestionId
    image: str
    question: str
    answer: str
    probability: float | None = None


class Journal:
    """A file of answers: a line of what was asked by whom, then a line an answer.

    Args:
        file: where it is; made with the first answer.
        system: who answers, and how it is asked: of others, no answer counts.
    """

    def __init__(self, file: Path, system: Mapping[str, Any]) -> None:
        self.file, self._head = file, msgspec.json.encode(dict(system), order="sorted") + b"\n"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Be the only process that writes it.

        Raises:
            ConfigError: another process does.
        """
        make_folder(self.file.parent)
        lock = FileLock(self.file.with_name(f".{self.file.name}.lock"))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            remedy = "Wait for it, or name another file."
            problem = "another process writes answers there"
            raise ConfigError(problem, where=self.file, remedy=remedy) from None
        try:
            yield
        finally:
            # While it is held: the next one's file must not be taken from under it.
            remove(self.file.with_name(f".{self.file.name}.lock"))
            lock.release()

    def read(self, questions: QASet) -> dict[QuestionId, ForeignAnswer]:
        """Read the answers that there are to these very questions; a line cut off is left out.

        Raises:
            DataError: it holds another system's answers, or is no such file.
        """
        try:
            content = read_whole(self.file)
        except FileNotFoundError:
            return {}
        except OSError as error:
            problem = f"cannot be read ({error.strerror or error})"
            raise DataError(problem, where=self.file, remedy="Name another file.") from None
        if not content.startswith(self._head):
            raise DataError(
                "holds answers of another model, or to another prompt",
                where=self.file,
                remedy="Name another file, or remove this one.",
            )
        lines = list(_lines(content[len(self._head) :]))
        whole = self._head + b"".join(_encoded(line) for line in lines)
        if whole != content:  # what follows must begin a line
            write_whole(self.file, whole)
        asked = {question.id: (question.image, question.text) for question in questions}
        return {
            line.question_id: ForeignAnswer(line.answer, line.probability)
            for line in lines
            if asked.get(line.question_id) == (line.image, line.question)
        }

    def add(self, questions: Sequence[Question], answers: Sequence[ForeignAnswer]) -> None:
        """Add the answers to some questions."""
        lines = [
            _encoded(_Line(q.id, q.image, q.text, answer.text, answer.probability))
            for q, answer in zip(questions, answers, strict=True)
        ]
        head = b"" if self.file.exists() else self._head
        append(self.file, head + b"".join(lines))

    def remove(self) -> None:
        """Remove the file: all of it is in the results."""
        remove(self.file)


def _encoded(line: _Line) -> bytes:
    return msgspec.json.encode(line) + b"\n"


def _lines(content: bytes) -> Iterator[_Line]:
    for text in content.split(b"\n"):
        try:
            yield decode_json(text, _Line)
        except msgspec.MsgspecError:
            continue
