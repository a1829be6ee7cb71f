"""How well a network answers the questions that it does not learn from."""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter

import torch

from askattend.batching.batches import Batch, Batches
from askattend.batching.inference import QUESTIONS_PER_PASS, outputs
from askattend.devices import PrecisionChoice
from askattend.models import Network
from askattend.models.loss import answer_loss
from askattend.training.processes import Processes

# Of a batch: sum of its scores, mean loss, number of questions.
BatchResult = tuple[float, float, int]


def validate(
    model: Network,
    batches: Iterable[Batch],
    device: torch.device | str = "cpu",
    precision: PrecisionChoice = "auto",
) -> tuple[float, float]:
    """Compute the mean loss and the accuracy (0 to 1) over questions, dropout off."""
    return _mean(_batch_results(model, batches, torch.device(device), precision))


def validate_divided(
    model: Network,
    valid: Batches,
    device: torch.device,
    precision: PrecisionChoice,
    processes: Processes,
) -> tuple[float, float]:
    """Compute the same with several processes, each of which has a part of the batches.

    A process takes as many batches at a time as are encoded together, and results are added in the
    order of one process's: so they are its numbers, to the last bit.
    """
    together = -(-QUESTIONS_PER_PASS // valid.batch_size)
    own = valid.in_order(rank=processes.rank, of=processes.count, together=together)
    results = _batch_results(model, own, device, precision)
    places = range(len(results))
    # The places of this process's batches among all.
    placed = [
        ((i // together * processes.count + processes.rank) * together + i % together, results[i])
        for i in places
    ]
    gathered = (each for part in processes.gather(placed) for each in part)
    return _mean([result for _, result in sorted(gathered, key=itemgetter(0))])


@torch.inference_mode()
def _batch_results(
    model: Network, batches: Iterable[Batch], device: torch.device, precision: PrecisionChoice
) -> list[BatchResult]:
    scores, losses, sizes = [], [], []
    for batch, output in outputs(model, batches, device, precision):
        logits = output.logits
        # Of the same index as `argmax`, in a quarter of its time in bfloat16.
        chosen = batch.answer_index == logits.max(dim=1, keepdim=True).indices
        scores.append((batch.answer_score * chosen).sum())
        losses.append(answer_loss(logits, batch.answer_index, batch.answer_weight))
        sizes.append(len(batch))
    if not sizes:  # a process for which there is none
        return []
    fetched = torch.stack(scores).tolist(), torch.stack(losses).tolist()
    return list(zip(*fetched, sizes, strict=True))


def _mean(results: list[BatchResult]) -> tuple[float, float]:
    questions = sum(size for _, _, size in results)
    loss = sum(mean * size for _, mean, size in results)
    return loss / questions, sum(score for score, _, _ in results) / questions
