"""A batch divided among processes, and into parts that a process goes through one after another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from askattend.batching.encoded_questions import IntArray


@dataclass(frozen=True)
class Part:
    """The part of a step that a batch is.

    Attributes:
        share: its questions ÷ those of the step in all processes; the loss is a mean over these.
        questions: of the step in all processes.
        last: True of the last part that this process has of the step.
        seed: of the numbers that are drawn for the step as a whole; the same in all processes.
    """

    share: float
    questions: int
    last: bool
    seed: int


@dataclass(frozen=True)
class Division:
    """How each batch is divided.

    Attributes:
        rank: the process whose part is wanted.
        processes: that the batch is divided among.
        parts: that each process's questions are gone through in, at most.
    """

    rank: int = 0
    processes: int = 1
    parts: int = 1

    @property
    def whole(self) -> bool:
        """True where nothing is divided."""
        return self.processes == self.parts == 1

    def parts_of(
        self, image: IntArray, *, seed: tuple[int, int]
    ) -> Iterator[tuple[IntArray, Part]]:
        """Yield the positions of the questions of each part, and what part it is.

        A process for which there are none gets one question whose share is 0, so that it does what
        the others do.

        Args:
            image: that each question of the batch is about.
            seed: that of the epoch, and the number of the step.
        """
        drawn = int(np.random.SeedSequence(seed).generate_state(1)[0])
        own = divide(image, self.processes)[self.rank]
        if not len(own):
            yield np.zeros(1, dtype=np.int64), Part(0.0, len(image), True, drawn)
            return
        parts = min(self.parts, len(own))
        divided = [own[part] for part in divide(image[own], parts) if len(part)]
        for number, part in enumerate(divided, 1):
            share = len(part) / len(image)
            yield part, Part(share, len(image), number == len(divided), drawn)


def divide(image: IntArray, parts: int) -> list[IntArray]:
    """Divide questions into parts of about as many each, an image's questions together.

    The images of the most questions first, each goes to the part of the fewest questions so far
    (longest processing time first, Graham 1969). Only an image of more questions than a part's
    share is cut.

    Args:
        image: that each question is about.
        parts: how many.

    Returns:
        The positions of each part's questions, rising; none where there are too few.
    """
    most = -(-len(image) // parts)
    by_image = np.argsort(image, kind="stable")
    starts = np.flatnonzero(np.diff(image[by_image], prepend=-1))
    groups = [
        group[start : start + most]
        for group in np.split(by_image, starts[1:])
        for start in range(0, len(group), most)
    ]
    taken: list[list[IntArray]] = [[] for _ in range(parts)]
    sizes = [(0, 0, part) for part in range(parts)]  # questions, images, part
    for group in sorted(groups, key=len, reverse=True):
        questions, images, part = min(sizes)
        taken[part].append(group)
        sizes[part] = (questions + len(group), images + 1, part)
    return [
        np.sort(np.concatenate(each)) if each else np.empty(0, dtype=np.int64) for each in taken
    ]
