"""Training steps as CUDA graphs: a step's thousand small kernels started as one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields

import torch
from jaxtyping import Float
from torch import Tensor

from askattend.batching.batches import Batch
from askattend.errors import RunError
from askattend.models import Model
from askattend.training.config import TrainConfig
from askattend.training.step import descend, set_rate, train_step

# Sizes are rounded up to multiples of these, so that a few graphs serve all batches.
WORDS, IMAGES = 8, 16

# One step of gradient descent: on a batch, at a learning rate, giving the answers' loss before it.
Stepper = Callable[[Batch, float], Tensor]


def stepper(model: Model, optimizer: torch.optim.Optimizer, config: TrainConfig) -> Stepper:
    """`train_step`; on a GPU as CUDA graphs, if the settings and the network allow.

    The published code's CNN does not: what it answers depends on the length of its batch.
    """
    on_gpu = next(model.parameters()).is_cuda
    if on_gpu and config.cuda_graphs and not model.depends_on_padding:
        return PaddedSteps(model, optimizer, config)
    return lambda batch, rate: train_step(model, optimizer, batch, config, rate=rate)


@dataclass
class Room:
    """Tensors that do not move, for all batches of about one size.

    Attributes:
        batch: what is computed with.
        scale: questions that there is room for ÷ those that are there, since the loss is a mean.
        used: whether a step was made here.
        graph: a step with these tensors, once captured.
        loss: where the graph leaves it.
    """

    batch: Batch
    scale: Float[Tensor, ""]
    used: bool = False
    graph: torch.cuda.CUDAGraph | None = None
    loss: Float[Tensor, ""] | None = None

    @classmethod
    def like(cls, batch: Batch, *, questions: int, images: int, words: int) -> Room:
        """Empty room for batches of up to so many."""
        sizes = {
            field.name: (questions, *getattr(batch, field.name).shape[1:])
            for field in fields(batch)
        }
        sizes["regions"] = (images, *batch.regions.shape[1:])
        sizes["tokens"] = (questions, words)
        tensors = {name: getattr(batch, name).new_zeros(size) for name, size in sizes.items()}
        return cls(Batch(**tensors), torch.ones((), device=batch.tokens.device))

    def fill(self, batch: Batch) -> None:
        """Copy a batch here.

        Questions that fill up are one word of padding about the first image, and weigh nothing.
        Images that fill up, whatever was there before, are asked nothing.
        """
        for field in fields(batch):
            here, there = getattr(self.batch, field.name), getattr(batch, field.name)
            if field.name != "regions":
                here.fill_(1 if field.name == "lengths" else 0)
            here[tuple(slice(size) for size in there.shape)] = there
        self.scale.fill_(len(self.batch) / len(batch))


class PaddedSteps:
    """`train_step` with every tensor at a fixed place and of a fixed size.

    The first batch of a size is computed as usual, which is also what libraries need to set
    themselves up; at the second a graph is captured; it is replayed from then on. Elsewhere than on
    a GPU all are computed as usual.
    """

    def __init__(self, model: Model, optimizer: torch.optim.Optimizer, config: TrainConfig) -> None:
        self._model, self._optimizer, self._config = model, optimizer, config
        self._rooms: dict[tuple[int, int, int], Room] = {}
        self._device = next(model.parameters()).device
        if self._device.type == "cuda":
            self._stream = torch.cuda.Stream(self._device)
            # Nothing in a graph outlives its replay but the loss, so all share their memory.
            self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, batch: Batch, rate: float) -> Float[Tensor, ""]:
        """One step; the answers' loss before it."""
        with self._own_stream():
            room = self._room(batch)
            room.fill(batch)
            set_rate(self._optimizer, rate)
            return self._step(room)

    def _room(self, batch: Batch) -> Room:
        questions = max(len(batch), self._config.batch_size)
        images = _up(len(batch.regions), IMAGES)
        words = _up(batch.tokens.shape[1], WORDS)
        key = (questions, images, words)
        if key not in self._rooms:
            self._rooms[key] = Room.like(batch, questions=questions, images=images, words=words)
        return self._rooms[key]

    def _step(self, room: Room) -> Tensor:
        if not room.used or self._device.type != "cuda":
            room.used = True
            return self._descend(room)
        if room.graph is None:
            self._capture(room)
        assert room.graph is not None
        assert room.loss is not None
        room.graph.replay()
        return room.loss.clone()  # the next replay overwrites it

    def _descend(self, room: Room) -> Tensor:
        return descend(self._model, self._optimizer, room.batch, self._config, scale=room.scale)

    def _capture(self, room: Room) -> None:
        self._optimizer.zero_grad()  # gradients are to be made anew, in the graphs' memory
        graph = torch.cuda.CUDAGraph()
        try:
            # Other threads, which read the next batches, may go on meanwhile.
            with (
                self._capturable(),
                torch.cuda.graph(
                    graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"
                ),
            ):
                room.loss = self._descend(room)
        except RuntimeError as error:
            raise RunError(
                f"a step cannot be made a CUDA graph ({str(error).splitlines()[0]})",
                where="training",
                remedy="Train with --train.no-cuda-graphs.",
            ) from error
        room.graph = graph

    @contextmanager
    def _capturable(self) -> Iterator[None]:
        """Adam wants to be told, and warns if it is told so and then not captured."""
        for group in self._optimizer.param_groups:
            group["capturable"] = True
        try:
            yield
        finally:
            for group in self._optimizer.param_groups:
                group["capturable"] = False

    @contextmanager
    def _own_stream(self) -> Iterator[None]:
        """All steps on one stream that is not the default one, which cannot be captured."""
        if self._device.type != "cuda":
            yield
            return
        usual = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(usual)
        with torch.cuda.stream(self._stream):
            yield
        usual.wait_stream(self._stream)


def _up(size: int, unit: int) -> int:
    return -(-size // unit) * unit
