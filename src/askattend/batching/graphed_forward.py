"""Forward passes as CUDA graphs: a pass's hundred small kernels started as one."""

from __future__ import annotations

from dataclasses import fields

import torch

from askattend.batching.batches import Batch
from askattend.batching.static_buffers import BuffersBySize, StaticBuffers
from askattend.devices import PrecisionChoice, autocast
from askattend.models import Network, Output
from askattend.models.kernels import falling_schedule


class GraphedForward:
    """Outputs of a network without gradients, its weights wherever they are at the time.

    The first batch of a size is computed as usual, the second captured, further ones replayed. A
    network that cannot be captured, such as one with an attention of somebody's own that waits for
    the GPU, is computed as usual. Elsewhere than on a GPU all are.

    Args:
        model: in evaluation mode, its answers not depending on padding.
        precision: what products are computed in.
    """

    def __init__(self, model: Network, precision: PrecisionChoice) -> None:
        self._model, self._precision = model, precision
        self._buffers: BuffersBySize | None = None
        self._capturing = next(model.parameters()).is_cuda
        # What a graph leaves is copied before the next is replayed, so all share their memory.
        self._pool = torch.cuda.graph_pool_handle() if self._capturing else None

    @torch.inference_mode()
    def __call__(self, batch: Batch) -> Output:
        """Compute the output for a batch, which is on the network's device."""
        if self._buffers is None:
            self._buffers = BuffersBySize(len(batch))
        buffers = self._buffers.holding(batch)
        if not buffers.warmed_up or not self._capturing:
            buffers.warmed_up = True
            return _first(self._compute(buffers), len(batch))
        if buffers.graph is None:
            self._capture(buffers)
        if buffers.graph is None:
            return _first(self._compute(buffers), len(batch))
        buffers.graph.replay()
        return _first(buffers.result, len(batch), copied=True)  # the next replay overwrites it

    def _compute(self, buffers: StaticBuffers) -> Output:
        batch = buffers.batch
        with autocast(self._precision, self._model), falling_schedule(buffers.schedule):
            output: Output = self._model(
                batch.gathered(self._model.casts_regions_to),
                batch.tokens,
                batch.lengths,
                batch.image_index,
            )
        return output

    def _capture(self, buffers: StaticBuffers) -> None:
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
                buffers.result = self._compute(buffers)
        except RuntimeError:
            self._capturing = False
            return
        buffers.graph = graph


def _first(output: Output, questions: int, *, copied: bool = False) -> Output:
    """Take the output for the first questions, the others having filled up a batch."""
    parts = {field.name: getattr(output, field.name)[:questions] for field in fields(output)}
    return Output(**{name: part.clone() if copied else part for name, part in parts.items()})
