"""A training step in parts: gone through one after another, or by several processes at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn

from askattend.batching.batches import Batch
from askattend.batching.division import Part
from askattend.models import Network
from askattend.training.config import TrainConfig
from askattend.training.processes import Processes
from askattend.training.step import (
    KeptRegions,
    clip_gradients,
    compute_loss,
    draw_regions,
    set_learning_rate,
)


class DividedStep:
    """`train_step` in parts: the sum of their gradients is that of the whole batch.

    Each part's mean loss counts by its share of the step's questions, however unequal the parts
    are, and the L2 penalty likewise, so once in all. Gradients are clipped once they are summed.

    Args:
        model, optimizer, config: as of `train_step`.
        processes: that have the other parts.
    """

    def __init__(
        self,
        model: Network,
        optimizer: torch.optim.Optimizer,
        config: TrainConfig,
        processes: Processes,
    ) -> None:
        self._model, self._optimizer, self._config = model, optimizer, config
        self._processes = processes
        self._loss: Tensor | None = None
        self._kept: KeptRegions | None = None

    def __call__(self, batch: Batch, *, rate: float) -> Float[Tensor, ""] | None:
        """Learn from a part; after the last one move the weights.

        Returns:
            None, or after the last part the answers' loss of the whole step before it.
        """
        part = batch.part or Part(1.0, len(batch), True, 0)
        if self._loss is None:
            self._begin(batch, part)
        answers, penalty = compute_loss(self._model, batch, self._config, self._kept)
        ((answers + penalty) * part.share).backward()
        assert self._loss is not None, "the step has begun"
        self._loss = self._loss + answers.detach() * part.share
        if not part.last:
            return None
        loss, self._loss = self._loss, None
        loss = sum_gradients(self._model, loss, self._processes)
        clip_gradients(self._model, self._config)
        set_learning_rate(self._optimizer, rate)
        self._optimizer.step()
        return loss

    def _begin(self, batch: Batch, part: Part) -> None:
        """Draw what all parts share; then let each process draw numbers of its own."""
        self._optimizer.zero_grad()
        several = self._processes.count > 1
        if several:
            torch.manual_seed(part.seed)
        self._kept = draw_regions(batch, self._config) if self._config.region_dropout else None
        if several:
            # Seeded each step, so that a resumed training needs no other process's state.
            torch.manual_seed(part.seed + 1 + self._processes.rank)
        self._loss = torch.zeros((), device=batch.tokens.device)


def sum_gradients(
    model: nn.Module, loss: Float[Tensor, ""], processes: Processes
) -> Float[Tensor, ""]:
    """Sum gradients, and the loss, over all processes; return the loss.

    All of a type travel as one tensor: a sum of each would wait as often for the network.
    """
    if processes.count == 1:
        return loss
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    for same_type in _by_type([*gradients, loss]):
        flat = torch.cat([tensor.flatten() for tensor in same_type])
        processes.sum(flat)
        sizes = [tensor.numel() for tensor in same_type]
        for tensor, total in zip(same_type, flat.split(sizes), strict=True):
            tensor.copy_(total.view_as(tensor))
    return loss


def _by_type(tensors: Iterable[Tensor]) -> Iterator[list[Tensor]]:
    groups: dict[torch.dtype, list[Tensor]] = {}
    for tensor in tensors:
        groups.setdefault(tensor.dtype, []).append(tensor)
    yield from groups.values()
