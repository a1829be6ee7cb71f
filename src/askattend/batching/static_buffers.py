"""Tensors that do not move, which CUDA graphs compute with, and the sizes that they are made in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from askattend.batching.batches import Batch

# Sizes are rounded up to multiples of these, so that a few graphs serve all batches.
WORDS_MULTIPLE, IMAGES_MULTIPLE = 8, 16
# A schedule's sizes are multiples of this part of a batch's questions, or of the least.
SCHEDULE_SHARE, SCHEDULE_LEAST = 16, 16


@dataclass
class StaticBuffers:
    """Tensors that do not move, for all batches of about one size.

    Attributes:
        batch: what is computed with.
        scale: the buffers' number of questions ÷ the batch's, since the loss is a mean.
        warmed_up: True once a step was made here.
        graph: a step with these tensors, once captured.
        result: where the graph leaves what it computes.
        schedule: how many questions each step of an LSTM goes over; empty if nobody knows.
    """

    batch: Batch
    scale: Float[Tensor, ""]
    warmed_up: bool = False
    graph: torch.cuda.CUDAGraph | None = None
    result: Any = None
    schedule: tuple[int, ...] = ()

    @classmethod
    def like(cls, batch: Batch, *, questions: int, images: int, words: int) -> StaticBuffers:
        """Allocate buffers for batches of up to so many questions, images and words."""
        given = batch.tensors()
        sizes = {name: (questions, *tensor.shape[1:]) for name, tensor in given.items()}
        sizes["regions"] = (images, *batch.regions.shape[1:])
        sizes["tokens"], sizes["rows"] = (questions, words), (images,)
        tensors: dict[str, Any] = {
            name: tensor.new_zeros(sizes[name])
            for name, tensor in given.items()
            if not (name == "regions" and "rows" in given)
        }
        if batch.rows is not None:  # the table is where it is
            tensors["regions"] = batch.regions
        return cls(Batch(**tensors), torch.ones((), device=batch.tokens.device))

    def fill(self, batch: Batch) -> None:
        """Copy a batch here.

        Questions that fill up are one word of padding about the first image, and weigh nothing.
        Images that fill up, whatever was there before, are asked nothing. A table stays in place.
        """
        buffers = self.batch.tensors()
        for name, tensor in batch.tensors().items():
            buffer = buffers[name]
            if name == "regions" and batch.rows is not None:  # the table, which is where it was
                continue
            if name != "regions" and buffer.shape != tensor.shape:
                buffer.fill_(1 if name == "lengths" else 0)
            buffer[tuple(slice(size) for size in tensor.shape)] = tensor
        self.scale.fill_(len(self.batch) / len(batch))


class BuffersBySize:
    """Static buffers for batches of any size, a few sizes serving all.

    Args:
        questions: that buffers are made for at least.
    """

    def __init__(self, questions: int) -> None:
        self._questions, self._schedule = questions, tuple[int, ...]()
        self._buffers: dict[tuple[int, int, int, int], StaticBuffers] = {}

    def __iter__(self) -> Iterator[StaticBuffers]:
        return iter(self._buffers.values())

    def holding(self, batch: Batch) -> StaticBuffers:
        """Return buffers that the batch was copied to."""
        questions = max(len(batch), self._questions)
        images = _round_up(batch.images, IMAGES_MULTIPLE)
        words = _round_up(batch.tokens.shape[1], WORDS_MULTIPLE)
        table = 0 if batch.rows is None else batch.regions.data_ptr()
        key = (questions, images, words, table)
        buffers = self._buffers.get(key)
        if buffers is None:
            buffers = StaticBuffers.like(batch, questions=questions, images=images, words=words)
        if not covers(buffers.schedule, batch.word_counts):
            # What was captured goes over fewer questions; all that follow shall have room enough.
            self._schedule = widened(self._schedule, batch.word_counts, questions)
            buffers = StaticBuffers(buffers.batch, buffers.scale, schedule=self._schedule)
        self._buffers[key] = buffers
        buffers.fill(batch)
        return buffers


def covers(schedule: Sequence[int], counts: Sequence[int]) -> bool:
    """Return True where a schedule has room for so many first words, second words, and so on."""
    return all(room >= count for room, count in zip_longest(schedule, counts, fillvalue=0))


def widened(schedule: Sequence[int], counts: Sequence[int], questions: int) -> tuple[int, ...]:
    """Return a schedule with room for some counts and for a few more, all questions at first."""
    multiple = max(SCHEDULE_LEAST, questions // SCHEDULE_SHARE)
    wanted = [min(questions, _round_up(n + multiple // 2, multiple)) for n in counts]
    sizes = [max(pair) for pair in zip_longest(schedule, wanted, fillvalue=0)]
    return (questions, *sizes[1:])


def _round_up(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple
