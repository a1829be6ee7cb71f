"""Training steps as CUDA graphs: a step's thousand small kernels started as one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import partial
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from askattend.batching.batches import Batch
from askattend.errors import RunError
from askattend.models import Network
from askattend.training.config import TrainConfig
from askattend.training.step import compute_loss, optimizer_step, set_learning_rate, train_step

# Sizes are rounded up to multiples of these, so that a few graphs serve all batches.
WORDS_MULTIPLE, IMAGES_MULTIPLE = 8, 16


@runtime_checkable
class Step(Protocol):
    """One step of gradient descent, as `train_step` for a network and its optimizer."""

    def __call__(self, batch: Batch, *, rate: float) -> Float[Tensor, ""]:
        """Learn from a batch at a learning rate; return the answers' loss before."""
        ...


def make_step(model: Network, optimizer: torch.optim.Optimizer, config: TrainConfig) -> Step:
    """Return `train_step`; on a GPU as CUDA graphs, if the settings and the network allow.

    The published code's CNN does not: what it answers depends on the length of its batch.
    """
    on_gpu = next(model.parameters()).is_cuda
    if on_gpu and config.cuda_graphs and not model.depends_on_padding:
        return GraphedStep(model, optimizer, config)
    return partial(train_step, model, optimizer, config=config)


@dataclass
class StaticBuffers:
    """Tensors that do not move, for all batches of about one size.

    Attributes:
        batch: what is computed with.
        scale: the buffers' number of questions ÷ the batch's, since the loss is a mean.
        warmed_up: True once a step was made here.
        graph: a step with these tensors, once captured.
        loss: where the graph leaves it.
    """

    batch: Batch
    scale: Float[Tensor, ""]
    warmed_up: bool = False
    graph: torch.cuda.CUDAGraph | None = None
    loss: Float[Tensor, ""] | None = None

    @classmethod
    def like(cls, batch: Batch, *, questions: int, images: int, words: int) -> StaticBuffers:
        """Allocate buffers for batches of up to so many questions, images and words."""
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
            buffer, tensor = getattr(self.batch, field.name), getattr(batch, field.name)
            if field.name != "regions":
                buffer.fill_(1 if field.name == "lengths" else 0)
            buffer[tuple(slice(size) for size in tensor.shape)] = tensor
        self.scale.fill_(len(self.batch) / len(batch))


class GraphedStep:
    """`train_step` with every tensor at a fixed place and of a fixed size, replayed as a graph.

    The first batch of a size is computed as usual, which is also what libraries need to set
    themselves up; at the second a graph is captured; it is replayed from then on. Elsewhere than on
    a GPU all are computed as usual.
    """

    def __init__(
        self, model: Network, optimizer: torch.optim.Optimizer, config: TrainConfig
    ) -> None:
        self._model, self._optimizer, self._config = model, optimizer, config
        self._buffers: dict[tuple[int, int, int], StaticBuffers] = {}
        self._device = next(model.parameters()).device
        if self._device.type == "cuda":
            self._stream = torch.cuda.Stream(self._device)
            # Nothing in a graph outlives its replay but the loss, so all share their memory.
            self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, batch: Batch, *, rate: float) -> Float[Tensor, ""]:
        """Make one step; return the answers' loss before it."""
        with self._own_stream():
            buffers = self._buffers_for(batch)
            buffers.fill(batch)
            set_learning_rate(self._optimizer, rate)
            return self._step(buffers)

    def _buffers_for(self, batch: Batch) -> StaticBuffers:
        questions = max(len(batch), self._config.batch_size)
        images = _round_up(len(batch.regions), IMAGES_MULTIPLE)
        words = _round_up(batch.tokens.shape[1], WORDS_MULTIPLE)
        key = (questions, images, words)
        if key not in self._buffers:
            self._buffers[key] = StaticBuffers.like(
                batch, questions=questions, images=images, words=words
            )
        return self._buffers[key]

    def _step(self, buffers: StaticBuffers) -> Float[Tensor, ""]:
        if not buffers.warmed_up or self._device.type != "cuda":
            buffers.warmed_up = True
            return self._compute(buffers)
        if buffers.graph is None:
            self._capture(buffers)
        assert buffers.graph is not None
        assert buffers.loss is not None
        buffers.graph.replay()
        return buffers.loss.clone()  # the next replay overwrites it

    def _compute(self, buffers: StaticBuffers) -> Float[Tensor, ""]:
        """Make the step that is captured; the learning rate was set before."""
        answers, penalty = compute_loss(self._model, buffers.batch, self._config)
        answers = answers * buffers.scale
        optimizer_step(self._model, self._optimizer, answers + penalty, self._config)
        return answers.detach()

    def _capture(self, buffers: StaticBuffers) -> None:
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
                buffers.loss = self._compute(buffers)
        except RuntimeError as error:
            raise RunError(
                f"a step cannot be made a CUDA graph ({str(error).splitlines()[0]})",
                where="training",
                remedy="Train with --train.no-cuda-graphs.",
            ) from error
        buffers.graph = graph

    @contextmanager
    def _capturable(self) -> Iterator[None]:
        """Tell Adam that it is captured; it warns if it is told so and then is not."""
        for group in self._optimizer.param_groups:
            group["capturable"] = True
        try:
            yield
        finally:
            for group in self._optimizer.param_groups:
                group["capturable"] = False

    @contextmanager
    def _own_stream(self) -> Iterator[None]:
        """Run all steps on one stream that is not the default one, which cannot be captured."""
        if self._device.type != "cuda":
            yield
            return
        usual = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(usual)
        with torch.cuda.stream(self._stream):
            yield
        usual.wait_stream(self._stream)


def _round_up(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple
