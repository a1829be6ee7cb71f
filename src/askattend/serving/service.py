"""The service behind the routes: runs, images and the worker, with their limits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Any, TypeVar

from PIL import Image

from askattend.errors import DataError, did_you_mean
from askattend.features.spec import FeatureSpec
from askattend.serving.answering import IMAGES_AT_ONCE, Handler, warm_up
from askattend.serving.image_cache import CachedImage, ImageCache
from askattend.serving.images import Picture, make_picture, read_picture
from askattend.serving.jobs import Answered, Ask, Call
from askattend.serving.logs import SERVICE, log, log_failure
from askattend.serving.metrics import Metrics
from askattend.serving.problems import Refusal, refusal_of, unavailable
from askattend.serving.questions import check_length, check_words
from askattend.serving.runs import ServedRun
from askattend.serving.schemas import Options, TraceQuestion
from askattend.serving.settings import ServingLimits
from askattend.serving.worker import Job, Worker, WorkerDied
from askattend.tracing.trace import Trace
from askattend.tracing.trained_run import trace_predictor

T = TypeVar("T")
# Threads that decode: each may need half a gigabyte for the largest image.
DECODERS = 2
# Threads that draw, so that no picture waits for images to be decoded.
DRAWERS = 2
# Jobs of a worker that has no time to look at an image before somebody asks about it.
AHEAD = 8
# Seconds between two looks at which images have expired.
TIDY = 15.0
# Seconds that a worker gets to end.
_LAST_WORK = 1.0


@dataclass(frozen=True)
class AskedAbout:
    """Questions that were answered, and by which run."""

    run: ServedRun
    image: CachedImage
    answered: list[Answered]


@dataclass(eq=False)
class Service:
    """Runs that answer questions about images that were uploaded.

    Attributes:
        runs: at least one, but for a service that is only described.
        limits: what it takes, keeps and waits for.
        metrics: what it counts.
        images: the images that can be asked about.
        worker: the thread that computes.
        warm: True once each run has answered a question.
        stopping: True from the signal to end on.
        at_work: requests at work or waiting.
        broken: what has gone wrong for good; None where nothing has.
    """

    runs: Sequence[ServedRun]
    limits: ServingLimits
    metrics: Metrics = field(default_factory=Metrics)
    warm: bool = field(default=False, init=False)
    stopping: bool = field(default=False, init=False)
    at_work: int = field(default=0, init=False)
    broken: str | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        limits = self.limits
        self.images = ImageCache(
            most=limits.cache_images,
            seconds=limits.cache_seconds,
            on_eviction=self.metrics.evicted.inc,
        )
        on_gpu = any(run.device_type == "cuda" for run in self.runs)
        handler = Handler(
            batch_sizes=self.metrics.batch_size.observe,
            images_at_once=IMAGES_AT_ONCE["cuda" if on_gpu else "cpu"],
        )
        self.worker = Worker(
            handler, batch_wait=limits.batch_wait_ms / 1000, stuck_after=limits.timeout
        )
        self._decoders = ThreadPoolExecutor(DECODERS, thread_name_prefix="decode")
        self._drawers = ThreadPoolExecutor(DRAWERS, thread_name_prefix="draw")
        self.metrics.watch(images=lambda: len(self.images), waiting=lambda: self.worker.waiting)

    def start(self) -> None:
        """Start the worker, and let each run answer its first question."""
        self.worker.start()
        self.worker.submit(Call(self._warm_up))

    async def tidy(self) -> None:
        """Forget expired images, as long as the service lives."""
        while True:
            await asyncio.sleep(TIDY)
            self.images.forget_expired()

    def stop(self) -> None:
        """End the worker and the threads that decode and draw."""
        self.worker.stop(timeout=_LAST_WORK)
        for pool in (self._decoders, self._drawers):
            pool.shutdown(wait=False, cancel_futures=True)

    @property
    def ailment(self) -> str | None:
        """Say what is wrong with the service, for good; None where it is well."""
        return self.broken or self.worker.problem

    @property
    def problem(self) -> str | None:
        """Say what keeps the service from answering; None where nothing does."""
        if (problem := self.ailment) is not None:
            return problem
        if self.stopping:
            return "the service is stopping"
        return None if self.warm else "the service is starting"

    def require_ready(self) -> None:
        """Refuse work that could not be done.

        Raises:
            Refusal: the service is starting, stopping or broken (503).
        """
        if (problem := self.problem) is not None:
            raise unavailable(problem)

    def run_named(self, run_id: str | None) -> ServedRun:
        """Return a run by its id, or the first.

        Raises:
            Refusal: there is no such run (422).
        """
        if run_id is None:
            return self.runs[0]
        for run in self.runs:
            if run.id == run_id:
                return run
        raise Refusal(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"no run '{run_id[:80]}'",
            where="run",
            remedy=did_you_mean(run_id[:80], [run.id for run in self.runs]),
        )

    async def add_image(self, content: bytes) -> tuple[str, CachedImage]:
        """Decode an image, keep it, and begin to look at it.

        Raises:
            Refusal: it cannot be asked about; see `read_picture`.
        """
        image_id, image = self.images.add(await self.decode(content))
        # Whoever uploads an image asks about it: while the question is typed it is looked at.
        if self.worker.waiting < AHEAD:
            self._submit(Ask(image, self.runs[0]))
        return image_id, image

    async def decode(self, content: bytes) -> Picture:
        """Decode an image.

        Raises:
            Refusal: it cannot be asked about; see `read_picture`.
        """
        return await self.read(
            read_picture, content, self._specs(), max_pixels=self.limits.max_pixels
        )

    def image(self, image_id: str) -> CachedImage:
        """Return an image that was uploaded.

        Raises:
            Refusal: there is none of this id, or not any more (404).
        """
        try:
            image = self.images.get(image_id)
        except Refusal:
            self.metrics.cache.labels("miss").inc()
            raise
        self.metrics.cache.labels("hit").inc()
        return image

    def check(self, questions: Mapping[str, str], options: Options) -> ServedRun:
        """Return the run that is to answer questions, each of which is named by its place.

        Raises:
            Refusal: the run or a question does not fit (422).
        """
        run = self.run_named(options.run)
        check_words(questions, run.predictor, self.limits, measured=options.words)
        return run

    async def ask(
        self, image: CachedImage, questions: Mapping[str, str], options: Options
    ) -> AskedAbout:
        """Answer questions about an image.

        Raises:
            Refusal: the run, a question or the edited attention does not fit (422), or the
                service cannot answer (503).
        """
        run, asked = self.check(questions, options), list(questions.values())
        edited, words = options.edited_attention, options.words
        job = Ask(image, run, asked, top=options.top, edited=edited, words=words)
        return AskedAbout(run, image, await self._done(job))

    async def trace(self, image: CachedImage, asked: TraceQuestion) -> Trace:
        """Tell the forward pass of a question step by step.

        Raises:
            Refusal: the run or the question does not fit (422), or the service cannot answer (503).
        """
        run, question = self.run_named(asked.run), asked.question
        check_length(question, self.limits, where="question")
        check_words({"question": question}, run.predictor, self.limits, measured=False)
        await self._done(Ask(image, run))  # so that there are regions
        traced: Trace = await self._done(Call(partial(_trace, run, image, question)))
        return traced

    async def read(self, function: Callable[..., T], *args: Any, **more: Any) -> T:
        """Let a function read what was sent in a thread, so that other requests go on."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._decoders, partial(function, *args, **more))

    async def draw(self, function: Callable[..., T], *args: Any) -> T:
        """Let a function draw in a thread, so that other requests go on."""
        return await asyncio.get_running_loop().run_in_executor(self._drawers, function, *args)

    def _specs(self) -> list[FeatureSpec]:
        return list(dict.fromkeys(run.spec for run in self.runs))

    def _submit(self, job: Job) -> None:
        try:
            self.worker.submit(job)
        except WorkerDied:
            raise unavailable("the thread that computes has ended") from None

    async def _done(self, job: Job) -> Any:
        """Wait for a job; one that is given up is not done, if it has not begun."""
        self._submit(job)
        try:
            return await asyncio.wrap_future(job.future)
        except WorkerDied:
            raise unavailable("the thread that computes has ended") from None
        except DataError as error:  # others are no mistake of the client's
            raise refusal_of(error, HTTPStatus.UNPROCESSABLE_ENTITY) from None

    def _warm_up(self) -> None:
        """Answer a question of each run, so that no client waits for what happens but once."""
        try:
            image = CachedImage(make_picture(Image.new("RGB", (64, 64)), self._specs()))
            for run in self.runs:
                warm_up(run, image)
        except Exception as error:
            log_failure("warm-up failed", error)
            self.broken = "its first question failed"
        else:
            self.warm = True
            log(SERVICE, "ready", runs=[run.id for run in self.runs])


def _trace(run: ServedRun, image: CachedImage, question: str) -> Trace:
    predictor = run.tracing_predictor.knowing([question])
    regions = image.regions[run.spec]
    # The image is encoded anew, since that is part of what is told.
    return trace_predictor(
        predictor,
        question,
        lambda: predictor.answer(predictor.look_at(regions), [0], [question]),
    )
