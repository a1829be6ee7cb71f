"""Every question of a split asked of a foreign model, one after the other or some at once."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice

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
    workers: int = 1,
    console: Console,
) -> dict[QuestionId, ForeignAnswer]:
    """Ask every question that the journal has no answer to.

    Args:
        questions: those of a split.
        ask: answers some questions about one image.
        journal: gets each answer as it comes.
        together: how many questions about one image are asked at once.
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
        for group, given in _answered(_groups(left, together), ask, workers):
            journal.add(group, given)
            answers |= dict(zip((question.id for question in group), given, strict=True))
            advance(len(group))
    if left:
        seconds = max(time.monotonic() - began, 1e-9)
        rate = len(left) / seconds
        print_line(console, f"answered {len(left):,} questions, {rate:.1f} questions/s")
    return answers


def _groups(questions: Sequence[Question], together: int) -> Iterator[Group]:
    """Put questions about one image together, some at a time; images in order of appearance."""
    by_image: dict[str, list[Question]] = {}
    for question in questions:
        by_image.setdefault(question.image, []).append(question)
    for several in by_image.values():
        for start in range(0, len(several), together):
            yield tuple(several[start : start + together])


def _answered(
    groups: Iterator[Group], ask: Ask, workers: int
) -> Iterator[tuple[Group, Sequence[ForeignAnswer]]]:
    if workers == 1:
        yield from ((group, ask(group)) for group in groups)
        return
    with ThreadPoolExecutor(workers, thread_name_prefix="asking") as pool:
        running: dict[Future[Sequence[ForeignAnswer]], Group] = {}
        failed: list[BaseException] = []
        try:
            while True:
                # Where one fails, what others are asked already is waited for, and kept.
                for group in islice(groups, 0 if failed else 2 * workers - len(running)):
                    running[pool.submit(ask, group)] = group
                if not running:
                    break
                for done in wait(running, return_when=FIRST_COMPLETED).done:
                    group, error = running.pop(done), done.exception()
                    if error is None:
                        yield group, done.result()
                        continue
                    failed.append(error)
                    running = {each: g for each, g in running.items() if not each.cancel()}
        finally:
            for future in running:
                future.cancel()
        if failed:
            raise failed[0]
