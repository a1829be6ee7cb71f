"""Jobs of the worker: questions about an image, and how those of many requests make batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from askattend.models import ImageEncoding
from askattend.runs.predictor import Answer
from askattend.runs.word_effects import WordEffect
from askattend.serving.image_cache import CachedImage
from askattend.serving.runs import ServedRun
from askattend.serving.worker import Job

# Questions of one batch, and its characters, each question counted as long as the longest: a crowd
# needs no more memory than a large request, and no batch takes much longer than others.
MOST_TOGETHER, MOST_CHARACTERS = 256, 16_384
Beat = Callable[[], object]


@dataclass(eq=False)
class Ask(Job):
    """Questions about an image; without any, the image is only looked at.

    Attributes:
        image: the image.
        run: the run that answers.
        questions: with a word each.
        top: how many answers to list.
        edited: maps to pool with in the place of the network's own.
        words: True to measure each word's effect, too.
        answered: the answers so far, in the order of the questions.
        measuring: the effects of the words of a question, pass by pass, while that is going on.
    """

    image: CachedImage
    run: ServedRun
    questions: Sequence[str] = ()
    top: int = 5
    edited: Any = None
    words: bool = False
    answered: list[Answered] = field(default_factory=list, init=False)
    measuring: Iterator[list[WordEffect]] | None = field(default=None, init=False)

    @property
    def is_looked_at(self) -> bool:
        """True once the run has encoded the image."""
        return self.run.id in self.image.encodings

    @property
    def encoding(self) -> ImageEncoding:
        """The run's encoding of the image."""
        return self.image.encodings[self.run.id]

    @property
    def is_answered(self) -> bool:
        """True once all its questions have an answer, if without their words' effects."""
        return len(self.answered) == len(self.questions)

    @property
    def is_complete(self) -> bool:
        """True once nothing is left to compute."""
        measured = not self.words or all(each.words is not None for each in self.answered)
        return self.is_answered and measured


@dataclass(frozen=True, eq=False)
class Part:
    """Some of the questions of a request, few enough for one batch."""

    ask: Ask
    questions: Sequence[str]


@dataclass(frozen=True)
class Answered:
    """An answer and what belongs to it.

    Attributes:
        answer: the answer.
        notes: what the one who asks should know of how the question was read.
        words: each word's effect; None where they were not asked for.
    """

    answer: Answer
    notes: list[str]
    words: list[WordEffect] | None


@dataclass(eq=False)
class Call(Job):
    """Anything else that is computed, by itself."""

    function: Callable[[], object]


def batches(asks: Iterable[Ask]) -> Iterator[list[Part]]:
    """Divide requests so that no batch has too many questions or too long ones."""
    batch: list[Part] = []
    for part in _parts(asks):
        questions = [question for each in (*batch, part) for question in each.questions]
        if batch and _most(questions) < len(questions):
            yield batch
            batch = []
        batch.append(part)
    if batch:
        yield batch


def _parts(asks: Iterable[Ask]) -> Iterator[Part]:
    for ask in asks:
        left = ask.questions[len(ask.answered) :]
        while left:
            count = max(1, min(_most(left), len(left)))
            yield Part(ask, left[:count])
            left = left[count:]


def _most(questions: Sequence[str]) -> int:
    """Return how many questions of such length may be answered together."""
    return min(MOST_TOGETHER, MOST_CHARACTERS // max(1, *map(len, questions)))
