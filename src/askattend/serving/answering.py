"""The worker's work: images looked at once, and the questions about them answered together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from askattend.models import ImageEncoding
from askattend.runs.predictor import Answer
from askattend.runs.word_effects import WordEffect
from askattend.serving.image_cache import CachedImage
from askattend.serving.runs import ServedRun
from askattend.serving.worker import Job

# Questions of one batch, so that a crowd of them needs no more memory than a large request.
MOST_TOGETHER = 256
# Images that a processor looks at before it turns to the questions that have come meanwhile: a
# further question then waits for one image at most. A GPU is quicker with several.
IMAGES_AT_ONCE = {"cpu": 1, "cuda": 16}

WARM_UP = "is it there?"


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
    """

    image: CachedImage
    run: ServedRun
    questions: Sequence[str] = ()
    top: int = 5
    edited: Any = None
    words: bool = False

    @property
    def is_looked_at(self) -> bool:
        """True once the run has encoded the image."""
        return self.run.id in self.image.encodings

    @property
    def encoding(self) -> ImageEncoding:
        """The run's encoding of the image."""
        return self.image.encodings[self.run.id]


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


class Handler:
    """Does some of the jobs of a worker.

    Args:
        batch_sizes: told the number of questions of each batch.
        images_at_once: images looked at together.
    """

    def __init__(
        self, *, batch_sizes: Callable[[int], object], images_at_once: int = IMAGES_AT_ONCE["cpu"]
    ) -> None:
        self._batch_sizes, self._images_at_once = batch_sizes, images_at_once

    def __call__(self, jobs: list[Job]) -> None:
        """Answer what can be answered, then look at an image, then do one other call."""
        asks = [job for job in jobs if isinstance(job, Ask)]
        self._answer([ask for ask in asks if ask.is_looked_at])
        new = [ask for ask in asks if not ask.is_looked_at]
        # What is looked at ahead can wait for what is asked about.
        self._look(sorted(new, key=lambda ask: not ask.questions))
        for call in [job for job in jobs if isinstance(job, Call)][:1]:
            if call.start():
                _set(call, call.function)

    def _answer(self, asks: list[Ask]) -> None:
        together: defaultdict[str, list[Ask]] = defaultdict(list)
        for ask in asks:
            alone = ask.edited is not None or ask.run.predictor.model.depends_on_padding
            if not ask.start():
                continue
            if alone or not ask.questions:
                self._answer_batch([ask])
            else:
                together[ask.run.id].append(ask)
        for group in together.values():
            for batch in _batches(group):
                self._answer_batch(batch)

    def _answer_batch(self, asks: list[Ask]) -> None:
        try:
            answered = answer_together(asks)
        except Exception as error:
            if len(asks) == 1:
                asks[0].future.set_exception(error)
                return
            # One of them is at fault, and the others are not to suffer for it.
            for ask in asks:
                self._answer_batch([ask])
            return
        if count := sum(len(ask.questions) for ask in asks):
            self._batch_sizes(count)
        for ask, answers in zip(asks, answered, strict=True):
            ask.future.set_result(answers)

    def _look(self, asks: list[Ask]) -> None:
        """Look at the first image, or the first few, for the run that asks."""
        if not asks:
            return
        first, chosen = asks[0], dict[int, Ask]()
        for ask in asks:
            if ask.run is first.run and len(chosen) < self._images_at_once:
                chosen.setdefault(id(ask.image), ask)
        images = [ask.image for ask in chosen.values()]
        try:
            look_at_all(first.run, images)
        except Exception as error:
            for ask in asks:
                if ask.run is first.run and id(ask.image) in chosen and ask.start():
                    ask.future.set_exception(error)


@torch.inference_mode()
def look_at_all(run: ServedRun, images: Sequence[CachedImage]) -> None:
    """Compute the regions that no other run has computed, and the run's encoding of each image."""
    spec, backbone = run.spec, run.predictor.backbone
    if new := [image for image in images if spec not in image.regions]:
        squares = [image.picture.squares[spec] for image in new]
        shown = [square.shown for square in squares if square.shown is not None]
        pixels = torch.stack([square.pixels for square in squares])
        regions = backbone.regions(pixels, torch.stack(shown) if shown else None)
        for row, image in enumerate(new):
            image.regions[spec] = regions[row : row + 1].clone()
            del image.picture.squares[spec]
    for image in images:
        image.encodings[run.id] = run.predictor.look_at(image.regions[spec])


def answer_together(asks: Sequence[Ask]) -> list[list[Answered]]:
    """Answer the questions of several requests to one run in one batch.

    Args:
        asks: to the same run; of one with edited attention, that one alone.

    Raises:
        DataError: the edited maps do not fit.
    """
    predictor = asks[0].run.predictor
    questions = [question for ask in asks for question in ask.questions]
    distinct = {id(ask.image): ask for ask in asks}
    rows = {image: row for row, image in enumerate(distinct)}
    index = [rows[id(ask.image)] for ask in asks for _ in ask.questions]
    encoding = stack_encodings([ask.encoding for ask in distinct.values()])
    top, edited = max(ask.top for ask in asks), asks[0].edited
    answers = iter(predictor.answer(encoding, index, questions, top=top, edited=edited))
    return [[_answered(ask, next(answers), question) for question in ask.questions] for ask in asks]


def warm_up(run: ServedRun, image: CachedImage) -> None:
    """Let a run answer its first question, after which it is known how many maps it has."""
    look_at_all(run, [image])
    (answered,) = answer_together([Ask(image, run, [WARM_UP])])
    run.maps = len(answered[0].answer.attention)


def stack_encodings(encodings: Sequence[ImageEncoding]) -> ImageEncoding:
    """Lay the encodings of single images one below the other."""
    if len(encodings) == 1:
        return encodings[0]
    blank = [each.blank for each in encodings if each.blank is not None]
    return ImageEncoding(
        torch.cat([each.regions for each in encodings]),
        tuple(map(torch.cat, zip(*(each.projected for each in encodings), strict=True))),
        torch.cat(blank) if blank else None,
    )


def _answered(ask: Ask, answer: Answer, question: str) -> Answered:
    predictor = ask.run.predictor
    return Answered(
        replace(answer, top=answer.top[: ask.top]),
        predictor.notes(question),
        predictor.word_effects(ask.encoding, question) if ask.words else None,
    )


def _batches(asks: list[Ask]) -> list[list[Ask]]:
    """Divide requests so that no batch but that of a single request has too many questions."""
    batches: list[list[Ask]] = [[]]
    size = 0
    for ask in asks:
        if batches[-1] and size + len(ask.questions) > MOST_TOGETHER:
            batches.append([])
            size = 0
        batches[-1].append(ask)
        size += len(ask.questions)
    return [batch for batch in batches if batch]


def _set(job: Job, function: Callable[[], object]) -> None:
    try:
        job.future.set_result(function())
    except Exception as error:
        job.future.set_exception(error)
