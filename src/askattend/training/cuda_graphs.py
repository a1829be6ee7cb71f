"""Training steps as CUDA graphs: a step's thousand small kernels started as one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from askattend.batching.batches import Batch
from askattend.batching.static_buffers import BuffersBySize, StaticBuffers
from askattend.errors import RunError
from askattend.models import Network
from askattend.models.kernels import falling_schedule
from askattend.training.config import TrainConfig
from askattend.training.divided_step import DividedStep
from askattend.training.processes import ALONE, Processes
from askattend.training.step import compute_loss, optimizer_step, set_learning_rate, train_step


@runtime_checkable
class Step(Protocol):
    """One step of gradient descent, as `train_step` for a network and its optimizer."""

    def __call__(self, batch: Batch, *, rate: float) -> Float[Tensor, ""] | None:
        """Learn from a batch at a learning rate; return the answers' loss before.

        Of a step in several parts, None until the last.
        """
        ...


def make_step(
    model: Network,
    optimizer: torch.optim.Optimizer,
    config: TrainConfig,
    processes: Processes = ALONE,
) -> Step:
    """Return `train_step`; on a GPU as CUDA graphs, if the settings and the network allow.

    The published code's CNN does not: what it answers depends on the length of its batch. Nor does
    a step of several parts, whose gradients are summed before the weights move.
    """
    if processes.count > 1 or config.accumulate > 1:
        return DividedStep(model, optimizer, config, processes)
    on_gpu = next(model.parameters()).is_cuda
    if on_gpu and config.cuda_graphs and not model.depends_on_padding:
        return GraphedStep(model, optimizer, config)
    return partial(train_step, model, optimizer, config=config)


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
        self._buffers = BuffersBySize(config.batch_size)
        self._device = next(model.parameters()).device
        if self._device.type == "cuda":
            self._stream = torch.cuda.Stream(self._device)
            # Nothing in a graph outlives its replay but the loss, so all share their memory.
            self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, batch: Batch, *, rate: float) -> Float[Tensor, ""]:
        """Make one step; return the answers' loss before it."""
        with self._own_stream():
            buffers = self._buffers.holding(batch)
            set_learning_rate(self._optimizer, rate)
            return self._step(buffers)

    def _step(self, buffers: StaticBuffers) -> Float[Tensor, ""]:
        if not buffers.warmed_up or self._device.type != "cuda":
            buffers.warmed_up = True
            return self._compute(buffers)
        if buffers.graph is None:
            self._capture(buffers)
        assert buffers.graph is not None
        buffers.graph.replay()
        loss: Tensor = buffers.result.clone()  # the next replay overwrites it
        return loss

    def _compute(self, buffers: StaticBuffers) -> Float[Tensor, ""]:
        """Make the step that is captured; the learning rate was set before."""
        with falling_schedule(buffers.schedule):
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
                buffers.result = self._compute(buffers)
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
