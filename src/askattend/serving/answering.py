"""The worker's work: images looked at once, and the questions about them answered together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch

from askattend.models import ImageEncoding
from askattend.runs.predictor import Answer
from askattend.serving.image_cache import CachedImage
from askattend.serving.jobs import Answered, Ask, Beat, Call, Part, batches
from askattend.serving.runs import ServedRun
from askattend.serving.worker import Job

# Images that a processor looks at before it turns to the questions that have come meanwhile: a
# further question then waits for one image at most. A GPU is quicker with several.
IMAGES_AT_ONCE = {"cpu": 1, "cuda": 16}

WARM_UP = "is it there?"


class Handler:
    """Does some of the jobs of a worker.

    A job that somebody waits for counts as begun once it is done: what is given up in between is
    left where it is.

    Args:
        batch_sizes: told the number of questions of each batch.
        images_at_once: images looked at together.
    """

    def __init__(
        self, *, batch_sizes: Callable[[int], object], images_at_once: int = IMAGES_AT_ONCE["cpu"]
    ) -> None:
        self._batch_sizes, self._images_at_once = batch_sizes, images_at_once

    def __call__(self, jobs: list[Job], beat: Beat = lambda: None) -> None:
        """Answer what can be answered; then one pass for words' effects, one image, one other call.

        Args:
            jobs: all that are to be done.
            beat: called after each piece of work, none of which takes long.
        """
        asks = [job for job in jobs if isinstance(job, Ask)]
        self._answer([ask for ask in asks if ask.is_looked_at and not ask.is_answered], beat)
        self._measure([ask for ask in asks if ask.is_looked_at and ask.is_answered], beat)
        new = [ask for ask in asks if not ask.is_looked_at and not ask.future.done()]
        # What is looked at ahead can wait for what is asked about.
        self._look(sorted(new, key=lambda ask: not ask.questions), beat)
        for call in [job for job in jobs if isinstance(job, Call) and not job.future.done()][:1]:
            _set(call, call.function)

    def _answer(self, asks: list[Ask], beat: Beat) -> None:
        together: defaultdict[object, list[Ask]] = defaultdict(list)
        for ask in asks:
            alone = ask.edited is not None or ask.run.predictor.model.depends_on_padding
            together[ask if alone else ask.run.id].append(ask)
        for group in together.values():
            for batch in batches(group):
                self._answer_batch([part for part in batch if not part.ask.future.done()])
                beat()

    def _answer_batch(self, parts: list[Part]) -> None:
        if not parts:
            return
        try:
            answered = answer_together(parts)
        except Exception as error:
            if len(parts) == 1:
                _fail(parts[0].ask, error)
                return
            # One of them is at fault, and the others are not to suffer for it.
            for part in parts:
                self._answer_batch([part])
            return
        self._batch_sizes(sum(len(part.questions) for part in parts))
        for part, answers in zip(parts, answered, strict=True):
            part.ask.answered += answers
            _send_if_complete(part.ask)

    def _measure(self, asks: list[Ask], beat: Beat) -> None:
        """Take the first that waits for words' effects a pass further."""
        for ask in asks:
            _send_if_complete(ask)  # nothing may have been asked
        for ask in [ask for ask in asks if not ask.future.done()][:1]:
            try:
                _measure_on(ask)
                _send_if_complete(ask)
            except Exception as error:
                _fail(ask, error)
            beat()

    def _look(self, asks: list[Ask], beat: Beat) -> None:
        """Look at the first image, or the first few, for the run that asks."""
        if not asks:
            return
        first, chosen = asks[0], dict[int, CachedImage]()
        for ask in asks:
            if ask.run is first.run and len(chosen) < self._images_at_once:
                chosen.setdefault(id(ask.image), ask.image)
        for image, error in _look_or_fail(first.run, list(chosen.values()), beat):
            for ask in asks:
                if ask.run is first.run and ask.image is image:
                    _fail(ask, error)


def _look_or_fail(
    run: ServedRun, images: Sequence[CachedImage], beat: Beat
) -> Iterator[tuple[CachedImage, Exception]]:
    """Look at images together, or one by one where that fails; yield those that cannot be."""
    try:
        look_at_all(run, images)
    except Exception as error:
        if len(images) == 1:
            yield images[0], error
            return
        for image in images:
            yield from _look_or_fail(run, [image], beat)
    finally:
        beat()


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


def answer_together(parts: Sequence[Part]) -> list[list[Answered]]:
    """Answer the questions of several requests to one run in one batch.

    Args:
        parts: to the same run; of one with edited attention, that one alone.

    Raises:
        DataError: the edited maps do not fit.
    """
    asks, predictor = [part.ask for part in parts], parts[0].ask.run.predictor
    questions = [question for part in parts for question in part.questions]
    distinct = {id(ask.image): ask for ask in asks}
    rows = {image: row for row, image in enumerate(distinct)}
    index = [rows[id(part.ask.image)] for part in parts for _ in part.questions]
    encoding = stack_encodings([ask.encoding for ask in distinct.values()])
    top, edited = max(ask.top for ask in asks), asks[0].edited
    answers = iter(predictor.answer(encoding, index, questions, top=top, edited=edited))
    return [
        [_answered(part.ask, next(answers), question) for question in part.questions]
        for part in parts
    ]


def warm_up(run: ServedRun, image: CachedImage) -> None:
    """Let a run answer its first question, after which it is known how many maps it has."""
    look_at_all(run, [image])
    ((answered,),) = answer_together([Part(Ask(image, run), [WARM_UP])])
    run.maps = len(answered.answer.attention)


def stack_encodings(encodings: Sequence[ImageEncoding]) -> ImageEncoding:
    """Lay the encodings of single images one below the other."""
    if len(encodings) == 1:
        return encodings[0]
    blank = [each.blank for each in encodings if each.blank is not None]
    unlike = [each.unlike for each in encodings if each.unlike is not None]
    return ImageEncoding(
        torch.cat([each.regions for each in encodings]),
        tuple(map(torch.cat, zip(*(each.projected for each in encodings), strict=True))),
        torch.cat(blank) if blank else None,
        torch.cat(unlike) if unlike else None,
    )


def _answered(ask: Ask, answer: Answer, question: str) -> Answered:
    notes = [*ask.run.predictor.notes(question), *answer.notes]
    return Answered(replace(answer, top=answer.top[: ask.top]), notes, None)


def _measure_on(ask: Ask) -> None:
    """Take the words' effects of a request's first question without them one pass further."""
    number = next(n for n, answered in enumerate(ask.answered) if answered.words is None)
    if ask.measuring is None:
        predictor, question = ask.run.predictor, ask.questions[number]
        ask.measuring = predictor.word_effects_by_pass(ask.encoding, question)
    if effects := next(ask.measuring):
        ask.answered[number] = replace(ask.answered[number], words=effects)
        ask.measuring = None


def _send_if_complete(ask: Ask) -> None:
    if ask.is_complete and ask.start():
        ask.future.set_result(ask.answered)


def _fail(job: Job, error: Exception) -> None:
    if job.start():
        job.future.set_exception(error)


def _set(job: Job, function: Callable[[], object]) -> None:
    try:
        result = function()
    except Exception as error:
        _fail(job, error)
    else:
        if job.start():
            job.future.set_result(result)
