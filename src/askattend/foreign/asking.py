"""Every question of a split asked of a foreign model, one after the other or some at once."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from queue import Empty, SimpleQueue
from threading import Thread

from rich.console import Console

from askattend.data.questions import QASet, Question, QuestionId
from askattend.environment.console import print_line
from askattend.features.progress import progress_bar
from askattend.foreign.answer import Ask, ForeignAnswer
from askattend.foreign.journal import Journal

Group = tuple[Question, ...]


def ask_all(
    questions: QASet,
    ask: Ask,
    journal: Journal,
    *,
    together: int = 1,
    by_image: bool = True,
    workers: int = 1,
    console: Console,
) -> dict[QuestionId, ForeignAnswer]:
    """Ask every question that the journal has no answer to.

    Args:
        questions: those of a split.
        ask: answers some questions.
        journal: gets each answer as it comes.
        together: how many questions are asked at once.
        by_image: True where these are to be about one image.
        workers: how many threads ask.
        console: where the progress bar, and the rate, go.

    Returns:
        question id → answer, of all.

    Raises:
        AskAttendError: whatever `ask` raises; answers that came before are in the journal.
    """
    answers = journal.read(questions)
    left = [question for question in questions if question.id not in answers]
    if len(answers) and left:
        print_line(console, f"{len(answers):,} of {len(questions):,} were answered before")
    began, doing = time.monotonic(), ("answering", "answered")
    with progress_bar(len(left), console, None, doing=doing, unit="questions") as advance:
        for group, given in _answered(_groups(left, together, by_image), ask, workers):
            journal.add(group, given)
            answers |= dict(zip((question.id for question in group), given, strict=True))
            advance(len(group))
    if left:
        seconds = max(time.monotonic() - began, 1e-9)
        rate = len(left) / seconds
        print_line(console, f"answered {len(left):,} questions, {rate:.1f} questions/s")
    return answers


def _groups(questions: Sequence[Question], together: int, by_image: bool) -> Iterator[Group]:
    """Put questions together, some at a time; those of an image follow each other."""
    of_image: dict[str, list[Question]] = {}
    for question in questions:
        of_image.setdefault(question.image, []).append(question)
    if not by_image:
        of_image = {"": [question for several in of_image.values() for question in several]}
    for several in of_image.values():
        for start in range(0, len(several), together):
            yield tuple(several[start : start + together])


def _answered(
    groups: Iterator[Group], ask: Ask, workers: int
) -> Iterator[tuple[Group, Sequence[ForeignAnswer]]]:
    """Yield answers as they come; where one fails, first those that others are asked already."""
    if workers == 1:
        yield from ((group, ask(group)) for group in groups)
        return
    crew, failed, running = _Crew(ask, workers), list[BaseException](), 0
    try:
        while True:
            for group in islice(groups, 0 if failed else 2 * workers - running):
                crew.todo.put(group)
                running += 1
            if not running:
                break
            group, given = crew.done.get()
            running -= 1
            if not isinstance(given, BaseException):
                yield group, given
                continue
            failed.append(given)
            running -= crew.forget()
    finally:
        crew.stop()
    if failed:
        raise failed[0]


class _Crew:
    """Threads that ask, which nobody waits for: an answer may take minutes when Ctrl-C is pressed.

    Args:
        ask: what they do.
        workers: how many there are.
    """

    def __init__(self, ask: Ask, workers: int) -> None:
        self.todo: SimpleQueue[Group | None] = SimpleQueue()
        self.done: SimpleQueue[tuple[Group, Sequence[ForeignAnswer] | BaseException]]
        self.done = SimpleQueue()
        self._ask, self._workers = ask, workers
        for _ in range(workers):
            Thread(target=self._work, name="asking", daemon=True).start()

    def forget(self) -> int:
        """Take back what nobody has begun; return how much."""
        count = 0
        with suppress(Empty):
            while True:
                self.todo.get_nowait()
                count += 1
        return count

    def stop(self) -> None:
        """Let threads end once they have done what they are at."""
        self.forget()
        for _ in range(self._workers):
            self.todo.put(None)

    def _work(self) -> None:
        while (group := self.todo.get()) is not None:
            try:
                self.done.put((group, self._ask(group)))
            except BaseException as error:  # raised where the answer is wanted
                self.done.put((group, error))
